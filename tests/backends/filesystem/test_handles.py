"""Several handles on one root: strict and path views, other processes, other durabilities."""

import errno
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvcore import FilesystemStore, InvalidKey, KeyExists, PreconditionFailed, StoreError
from kvcore.backends.filesystem.listing import SWEEP_AFTER_SECS
from tests.backends.filesystem.variants import files_below


def test_two_handles_are_one_store(make: Callable[..., FilesystemStore]) -> None:
    """What one handle did, the other sees at once, conditions included."""
    one, other = make(), make(durability="full")
    one.put("dir/key", b"1")
    etag = other.stat("dir/key").etag
    other.put("dir/key", b"2", if_match=etag)
    with pytest.raises(PreconditionFailed):
        one.put("dir/key", b"3", if_match=etag)
    with pytest.raises(KeyExists):
        one.put("dir/key", b"3", if_absent=True)
    one.move("dir/key", "moved")
    assert list(other) == ["moved"]
    other.delete("moved")
    assert list(one) == []


def test_strict_and_path_views_share_flat_keys(make: Callable[..., FilesystemStore]) -> None:
    """A strict view sees the flat keys of a path view that are legal in it, and no others."""
    paths = make()
    strict = paths.with_keys("strict")
    for key in ("flat", "dir/nested", "with space", "sem;icolon"):
        paths.put(key, key.encode())
    assert list(strict) == ["flat"]
    assert list(strict.iter_prefixes("/")) == ["flat"]
    with pytest.raises(InvalidKey):
        strict.get("dir/nested")
    strict.put("back\\slash", b"")
    assert set(paths) == {"flat", "dir/nested", "with space", "sem;icolon"}
    with pytest.raises(KeyExists):
        strict.put("dir", b"barred")
    strict.delete("flat")
    assert "flat" not in paths
    assert paths.get("dir/nested") == b"dir/nested"


def test_handle_outlives_the_root(make: Callable[..., FilesystemStore]) -> None:
    """A root that is removed is empty, and comes back with the next put."""
    store = make()
    assert list(store) == list(store.iter_prefixes("/")) == []
    assert "key" not in store
    store.delete("key")
    store.delete("dir/key")
    assert store.sweep() == 0
    assert not os.path.exists(store.root)
    store.put("dir/key", b"1")
    os.rename(store.root, store.root + "-away")
    assert list(store) == []
    with pytest.raises(PreconditionFailed):
        store.put("dir/key", b"2", if_present=True)
    store.put("dir/key", b"3", if_absent=True)
    assert store.get("dir/key") == b"3"


def test_root_may_be_deep_and_missing(make: Callable[..., FilesystemStore], tmp_path: Path) -> None:
    """All that is missing of the root is made by the first put, and synced."""
    first = make(durability="full")
    store = type(first)(tmp_path / "a" / "b" / "c", durability="full", keys="path")
    store.put("d/key", b"1")
    assert Path(tmp_path, "a", "b", "c", "d", "key").read_bytes() == b"1"


def test_root_may_be_relative(
    make: Callable[..., FilesystemStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative root stays what it was when the process changes its directory."""
    monkeypatch.chdir(tmp_path)
    store = type(make())("relative")
    monkeypatch.chdir("/")
    store.put("key", b"1")
    assert (tmp_path / "relative" / "key").read_bytes() == b"1"


def test_root_that_is_a_file_is_refused(make: Callable[..., FilesystemStore]) -> None:
    """A root that is a file, or a link to nowhere, is an error that says so, and stays."""
    store = make(durability="full")
    root = Path(store.root)
    root.write_bytes(b"file")
    for key in ("key", "dir/key"):
        with pytest.raises(StoreError, match=r"(?i)no directory|not a directory"):
            store.put(key, b"1")
    assert root.read_bytes() == b"file"
    root.unlink()
    root.symlink_to("/nowhere/at/all")
    for key in ("key", "dir/key"):
        with pytest.raises(StoreError, match="no directory"):
            store.put(key, b"1")
    assert root.is_symlink()
    assert list(store) == []


@pytest.mark.parametrize(
    "refusal", [errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS, errno.EPERM]
)
def test_file_system_without_nameless_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    """Whatever a system says of files without a name, values are written under a spare one."""
    nameless = getattr(os, "O_TMPFILE", 0)
    open_, refused = os.open, []

    def refuse(path: str, flags: int, *args: Any, **kwargs: Any) -> int:
        if nameless and flags & nameless == nameless:
            refused.append(path)
            raise OSError(refusal, os.strerror(refusal))
        return open_(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    store = FilesystemStore(tmp_path / "root", keys="path", durability="atomic")
    for key in ("key", "dir/key"):
        store.put(key, b"new")
        store.put(key, b"over")
        store.put_file(key, iter([b"streamed"]))
        assert store.get(key) == b"streamed"
    assert files_below(store.root) == {"key", "dir/key"}
    assert bool(refused) == bool(nameless)


def test_pickled_handle_works(make: Callable[..., FilesystemStore]) -> None:
    """A handle may be sent to another process."""
    store = make(durability="full", perm=0o600)
    store.put("dir/key", b"1")
    again = pickle.loads(pickle.dumps(store))
    assert again.get("dir/key") == b"1"
    again.put("dir/other", b"2")
    assert os.stat(again.local_path("dir/other")).st_mode & 0o777 == 0o600


def left_behind(folder: str, name: str, age_secs: float) -> Path:
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half a value")
    now = path.stat().st_mtime
    os.utime(path, (now - age_secs, now - age_secs))
    return path


def test_sweep_removes_old_temporaries_only(store: FilesystemStore) -> None:
    """``sweep`` removes what is old and ours, in all directories, and tells how much."""
    store.put("dir/key", b"1")
    old = [
        left_behind(store.root, ".kvcore-tmp-1", 2 * SWEEP_AFTER_SECS),
        left_behind(store.root, "dir/.kvcore-tmp-2", 2 * SWEEP_AFTER_SECS),
        left_behind(store.root, "foreign\nfolder/.kvcore-tmp-3", 2 * SWEEP_AFTER_SECS),
    ]
    young = left_behind(store.root, "dir/.kvcore-tmp-4", SWEEP_AFTER_SECS / 2)
    foreign = left_behind(store.root, "dir/kvcore-tmp-5", 2 * SWEEP_AFTER_SECS)
    folder = Path(store.root, "dir", ".kvcore-tmp-6")
    folder.mkdir()
    assert store.sweep() == 3
    assert not any(path.exists() for path in old)
    assert young.exists()
    assert foreign.exists()
    assert folder.is_dir()
    assert store.sweep(older_than_secs=SWEEP_AFTER_SECS / 4) == 1
    assert store.get("dir/key") == b"1"


def test_listing_sweeps_by_the_way(store: FilesystemStore) -> None:
    """Who lists removes what has been lying there for a day, and shows none of it."""
    store.put("dir/key", b"1")
    old = left_behind(store.root, "dir/.kvcore-tmp-1", 2 * SWEEP_AFTER_SECS)
    young = left_behind(store.root, "dir/.kvcore-tmp-2", SWEEP_AFTER_SECS / 2)
    assert list(store) == ["dir/key"]
    assert not old.exists()
    assert young.exists()


def test_sweep_follows_no_link(store: FilesystemStore, tmp_path: Path) -> None:
    """What a link leads to is not swept."""
    outside = left_behind(str(tmp_path / "outside"), ".kvcore-tmp-1", 2 * SWEEP_AFTER_SECS)
    os.makedirs(store.root)
    os.symlink(outside.parent, f"{store.root}/link")
    os.symlink(outside, f"{store.root}/.kvcore-tmp-2")
    assert store.sweep() == 0
    assert list(store) == []
    assert outside.exists()


def test_unfinished_writers_of_all_handles_are_apart(make: Callable[..., FilesystemStore]) -> None:
    """Two writers of one key do not mix; the one that commits last stays."""
    one, other = make(), make()
    with one.open_write("key") as first, other.open_write("key") as second:
        for _ in range(3):
            first.write(b"1")
            second.write(b"2")
        assert list(one) == []
        first.commit()
        assert other.get("key") == b"111"
    assert one.get("key") == b"222"
    assert files_below(one.root) == {"key"}
