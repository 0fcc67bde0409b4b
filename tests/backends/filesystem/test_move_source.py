"""put_file(move=True): the file is consumed once it is stored, and untouched if anything failed."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from kvcore import FilesystemStore, InvalidKey, KeyExists, PreconditionFailed, StoreError
from kvcore.backends.filesystem import tree
from tests.backends.filesystem.variants import files_below, open_descriptors

DATA = b"content of the source" * 1_000


class Known(NamedTuple):
    """What a caller can see of his file."""

    content: bytes
    inode: int
    mode: int
    modified_ns: int
    accessed_ns: int
    links: int


def known(path: Path) -> Known:
    found = os.lstat(path)
    content = path.read_bytes()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))  # as if nobody had looked
    return Known(
        content,
        found.st_ino,
        found.st_mode,
        found.st_mtime_ns,
        found.st_atime_ns,
        found.st_nlink,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(DATA)
    path.chmod(0o604)
    os.utime(path, ns=(1_600_000_000_123_456_789, 1_500_000_000_123_456_789))
    return path


@pytest.mark.parametrize("key", ["key", "dir/key", "new/dir/key"])
def test_file_becomes_the_value(store: FilesystemStore, source: Path, key: str) -> None:
    """On the same file system the file itself becomes the value, without being copied."""
    store.put("key", b"old")
    store.put("dir/key", b"old")
    inode = source.stat().st_ino
    store.put_file(key, source, move=True)
    assert store.get(key) == DATA
    assert os.stat(store.local_path(key)).st_ino == inode
    assert os.stat(store.local_path(key)).st_nlink == 1
    assert not source.exists()
    assert files_below(store.root) == {"key", "dir/key", key}


def test_conditions_hold(store: FilesystemStore, source: Path) -> None:
    """A move takes the options of a put."""
    store.put_file("key", source, move=True, if_absent=True)
    source.write_bytes(b"second")
    store.put_file("key", source, move=True, if_match=store.stat("key").etag)
    source.write_bytes(b"third")
    store.put_file("key", source, move=True, if_present=True)
    assert store.get("key") == b"third"
    assert not source.exists()


REFUSALS: dict[str, tuple[Callable[[FilesystemStore, Path], object], type[Exception]]] = {
    "if_absent": (
        lambda store, path: store.put_file("key", path, move=True, if_absent=True),
        KeyExists,
    ),
    "if_match": (
        lambda store, path: store.put_file("dir/key", path, move=True, if_match="1-2-3"),
        PreconditionFailed,
    ),
    "if_present": (
        lambda store, path: store.put_file("new", path, move=True, if_present=True),
        PreconditionFailed,
    ),
    "if_present nested": (
        lambda store, path: store.put_file("new/new", path, move=True, if_present=True),
        PreconditionFailed,
    ),
    "barred by a key": (
        lambda store, path: store.put_file("key/below", path, move=True),
        KeyExists,
    ),
    "barred by keys": (
        lambda store, path: store.put_file("dir", path, move=True),
        KeyExists,
    ),
    "illegal key": (lambda store, path: store.put_file("a//b", path, move=True), InvalidKey),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_leaves_the_file(store: FilesystemStore, source: Path, name: str) -> None:
    """When a condition does not hold the caller's file has its content, inode, mode and times."""
    store.put("key", b"old")
    store.put("dir/key", b"old")
    before, descriptors = known(source), open_descriptors()
    act, error = REFUSALS[name]
    with pytest.raises(error):
        act(store, source)
    assert known(source) == before
    assert {key: store.get(key) for key in store} == {"key": b"old", "dir/key": b"old"}
    assert files_below(store.root) == {"key", "dir/key"}
    assert open_descriptors() == descriptors


@pytest.mark.parametrize("key", ["key", "dir/key", "new"])
def test_failure_leaves_the_file(
    make: Callable[..., FilesystemStore],
    source: Path,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the disk fails the caller's file has its content, inode, mode and times."""
    store = make(durability="full")
    store.put("key", b"old")
    store.put("dir/key", b"old")
    before, descriptors = known(source), open_descriptors()

    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(tree, "sync_to_disk", fail)
    with pytest.raises(StoreError):
        store.put_file(key, source, move=True)
    monkeypatch.undo()
    assert known(source) == before
    assert {key: store.get(key) for key in store} == {"key": b"old", "dir/key": b"old"}
    assert open_descriptors() == descriptors


def test_missing_file_is_the_callers_error(store: FilesystemStore, tmp_path: Path) -> None:
    """A path that is not there raises what the system says, and nothing is stored."""
    with pytest.raises(FileNotFoundError):
        store.put_file("key", tmp_path / "missing", move=True)
    assert list(store) == []
    assert files_below(store.root) == set()


def test_file_with_two_links_is_copied(store: FilesystemStore, source: Path) -> None:
    """A file that has another name is copied, so that nobody can write into the value."""
    other = source.with_name("other")
    os.link(source, other)
    before = known(other)
    store.put_file("key", source, move=True)
    assert not source.exists()
    with open(other, "r+b") as file:
        file.write(b"changed")
    assert store.get("key") == DATA
    assert known(other)._replace(content=DATA, modified_ns=0, links=2, accessed_ns=0) == (
        before._replace(modified_ns=0, accessed_ns=0)
    )


def test_link_is_copied_and_removed(store: FilesystemStore, source: Path) -> None:
    """Of a symbolic link the content is stored; the link goes, what it points to stays."""
    before = known(source)
    link = source.with_name("link")
    link.symlink_to(source)
    store.put_file("key", link, move=True)
    assert store.get("key") == DATA
    assert not os.path.lexists(link)
    assert known(source)._replace(accessed_ns=0) == before._replace(accessed_ns=0)
    with open(source, "r+b") as file:
        file.write(b"changed")
    assert store.get("key") == DATA


@pytest.mark.skipif(
    not os.access("/dev/shm", os.W_OK), reason="needs two file systems, such as /dev/shm"
)
def test_file_of_another_file_system_is_copied(store: FilesystemStore, tmp_path: Path) -> None:
    """From another file system the file is copied, then removed."""
    path = Path(f"/dev/shm/kvcore-test-{os.getpid()}")
    if os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        path = Path(f"/var/tmp/kvcore-test-{os.getpid()}")
    path.write_bytes(DATA)
    try:
        store.put("key", b"old")
        with pytest.raises(KeyExists):
            store.put_file("key", path, move=True, if_absent=True)
        assert path.read_bytes() == DATA
        store.put_file("key", path, move=True)
        assert not path.exists()
    finally:
        path.unlink(missing_ok=True)
    assert store.get("key") == DATA


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_file_of_another_owner_is_copied(store: FilesystemStore, source: Path) -> None:
    """A value always belongs to who put it."""
    os.chown(source, 65534, 65534)
    store.put_file("key", source, move=True)
    found = os.stat(store.local_path("key"))
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())
    assert not source.exists()


def test_the_keys_own_file_stays(store: FilesystemStore, source: Path) -> None:
    """To move a value's own file onto its key loses nothing, whatever names the file has."""
    store.put("key", b"value")
    path = store.local_path("key")
    store.put_file("key", path, move=True)
    assert store.get("key") == b"value"
    os.link(path, source.with_name("second"))
    store.put_file("key", path, move=True)
    assert store.get("key") == b"value"
    store.put_file("key", source.with_name("second"), move=True)
    assert store.get("key") == b"value"


def test_a_value_may_be_moved_in_from_the_root_itself(store: FilesystemStore) -> None:
    """A foreign file in the root can become a value under another key."""
    store.put("key", b"old")
    foreign = Path(store.root, "foreign\nname")
    foreign.write_bytes(b"new")
    store.put_file("dir/key", foreign, move=True)
    assert {key: store.get(key) for key in store} == {"key": b"old", "dir/key": b"new"}
    assert not foreign.exists()


def test_two_names_of_one_file_end_as_one(store: FilesystemStore) -> None:
    """A move between two links of one file leaves the new name only.

    Such a pair is left by a create-only move that was killed half way.
    """
    for source, dest in (("a", "b"), ("dir/a", "b"), ("a", "dir/b"), ("dir/a", "dir/b")):
        store.put(source, b"value")
        store.delete(dest)
        os.makedirs(os.path.dirname(f"{store.root}/{dest}"), exist_ok=True)
        os.link(store.local_path(source), f"{store.root}/{dest}")
        store.move(source, dest)
        assert source not in store
        assert store.get(dest) == b"value"
        assert os.stat(store.local_path(dest)).st_nlink == 1


def test_times_are_those_of_the_move(store: FilesystemStore, source: Path) -> None:
    """``stat`` tells when the value was put, not when the caller's file was made."""
    store.put("before", b"")
    store.put_file("key", source, move=True)
    store.put("after", b"")
    before, found, after = (store.stat(key).modified for key in ("before", "key", "after"))
    assert before <= found <= after
    assert stat.S_ISREG(os.stat(store.local_path("key")).st_mode)
