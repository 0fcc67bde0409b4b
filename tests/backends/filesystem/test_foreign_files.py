"""What other programs put into the root: it is no key, is not listed, and survives."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvcore import FilesystemStore, KeyExists, KeyNotFound, PreconditionFailed, StoreError
from tests.backends.filesystem.variants import files_below
from tests.services import require


def make_link(path: str) -> None:
    target = path + "-target"
    with open(target, "wb") as file:
        file.write(b"target")
    os.symlink(target, path)


def make_dangling_link(path: str) -> None:
    os.symlink("/nowhere/at/all", path)


def make_link_to_folder(path: str) -> None:
    os.symlink(os.path.dirname(path), path)


def make_folder(path: str) -> None:
    os.makedirs(path + "/below")
    with open(path + "/below/key", "wb") as file:
        file.write(b"below")


def make_pipe(path: str) -> None:
    os.mkfifo(path)


def make_socket(path: str) -> None:
    folder, name = os.path.split(path)
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)  # a socket's address is short
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(name)
    finally:
        os.fchdir(here)
        os.close(here)


def make_device(path: str) -> None:
    require("mknod", os.geteuid() == 0, "run the tests as root")
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero: reading never ends


NO_KEYS = (
    make_link,
    make_dangling_link,
    make_link_to_folder,
    make_folder,
    make_pipe,
    make_socket,
    make_device,
)


@pytest.fixture(params=["key", "dir/key"])
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=NO_KEYS, ids=lambda make: make.__name__[5:])
def foreign(request: pytest.FixtureRequest, store: FilesystemStore, key: str) -> str:
    """Something under the key's name that is no regular file."""
    path = os.path.join(store.root, key)
    os.makedirs(os.path.dirname(path))
    request.param(path)
    return path


READS: dict[str, Callable[[FilesystemStore, str], object]] = {
    "get": lambda store, key: store.get(key),
    "fetch": lambda store, key: store.fetch(key),
    "open": lambda store, key: store.open(key),
    "stat": lambda store, key: store.stat(key),
    "get_range": lambda store, key: store.get_range(key, 0, 1),
    "local_path": lambda store, key: store.local_path(key),
    "copy": lambda store, key: store.copy(key, "copied"),
    "move": lambda store, key: store.move(key, "moved"),
}


@pytest.mark.parametrize("read", READS)
def test_no_regular_file_is_no_key(
    store: FilesystemStore, foreign: str, key: str, read: str
) -> None:
    """A link, pipe, socket, device or directory is not found as a key, and stays as it is."""
    before = os.lstat(foreign)
    with pytest.raises(KeyNotFound):
        READS[read](store, key)
    assert key not in store
    assert not {"copied", "moved", key} & set(store)
    assert key not in set(store.iter_prefixes("/", os.path.dirname(key)))
    after = os.lstat(foreign)
    assert (after.st_ino, after.st_mode, after.st_size) == (
        before.st_ino,
        before.st_mode,
        before.st_size,
    )


def test_conditions_find_no_value_in_no_regular_file(
    store: FilesystemStore, foreign: str, key: str
) -> None:
    """Nothing but a regular file can be replaced or deleted under a condition."""
    for refused in (
        lambda: store.put(key, b"new", if_present=True),
        lambda: store.put(key, b"new", if_match="1-2-3"),
        lambda: store.delete(key, if_match="1-2-3"),
        lambda: store.put(key, b"new", if_absent=True),
    ):
        with pytest.raises(PreconditionFailed):
            refused()
    assert os.path.lexists(foreign)


def test_put_never_writes_through_a_link(store: FilesystemStore) -> None:
    """A put under the name of a link replaces the link; what it points to stays as it was."""
    outside = store.root + "-outside"
    Path(outside).write_bytes(b"outside")
    os.makedirs(store.root)
    os.symlink(outside, store.root + "/key")
    store.put("key", b"inside")
    assert store.get("key") == b"inside"
    assert Path(outside).read_bytes() == b"outside"
    assert not os.path.islink(store.root + "/key")


def test_link_to_a_folder_bars_keys_below_it(store: FilesystemStore, tmp_path: Path) -> None:
    """No key leads through a link, not even one that stays inside the root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"outside")
    os.makedirs(store.root)
    os.symlink(outside, store.root + "/link")
    with pytest.raises(KeyNotFound):
        store.get("link/victim")
    for put in (
        lambda: store.put("link/victim", b"new"),
        lambda: store.put("link/new", b"new"),
        lambda: store.put_file("link/deeper/new", iter([b"new"])),
    ):
        with pytest.raises(KeyExists):
            put()
    with pytest.raises(PreconditionFailed):
        store.put("link/victim", b"new", if_present=True)
    store.delete("link/victim")
    assert list(store) == []
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"victim": b"outside"}


@pytest.mark.parametrize(
    "name",
    [
        *(b"caf\xe9", b"new\nline", b"tab\there", b"back\\slash", b"del\x7f", b"\xed\xa0\x80"),
        *(b".kvcore-tmp-0123", b".kvcore-lock", b".kvcore-"),
    ],
)
def test_names_that_are_no_keys_are_not_listed(store: FilesystemStore, name: bytes) -> None:
    """A foreign file whose name is no legal key is passed over, as is a directory of that name."""
    root = os.fsencode(store.root)
    os.makedirs(root + b"/dir/" + name)
    for path in (b"/" + name, b"/dir/" + name + b"/inner", b"/legal", b"/dir/legal"):
        with open(root + path, "wb") as file:
            file.write(b"foreign")
    expected = {"legal", "dir/legal"}
    assert set(store) == expected
    assert {key for key, _ in store.iter_stats()} == expected
    assert set(store.iter_prefixes("/")) == {"legal", "dir/"}
    assert set(store.iter_prefixes("/", "dir/")) == {"dir/legal"}
    if name != b".kvcore-lock":  # ours
        assert os.path.exists(root + b"/" + name)


def test_folders_without_keys_are_no_prefixes(store: FilesystemStore) -> None:
    """A directory that holds no key is not shown, whatever else is in it."""
    os.makedirs(store.root + "/empty/deeper")
    os.makedirs(store.root + "/foreign")
    Path(store.root + "/foreign/new\nline").write_bytes(b"")
    store.put("real/deeper/key", b"")
    assert list(store.iter_prefixes("/")) == ["real/"]


def test_names_of_255_bytes(store: FilesystemStore) -> None:
    """Names as long as file systems allow work with every verb, temporaries included."""
    for name in ("n" * 255, "é" * 127 + "n", "😀" * 63 + "nnn"):
        key = f"{name}/{name}"
        assert len(name.encode()) == 255
        store.put(key, b"new")
        store.put(key, b"over")
        store.put(key, b"matched", if_match=store.stat(key).etag)
        store.put_file(key, iter([b"streamed"]))
        store.move(key, f"{name}/2")
        store.copy(f"{name}/2", key)
        assert store.get(key) == b"streamed"
        assert set(store.iter_keys(f"{name}/")) == {key, f"{name}/2"}
        store.delete(key)
        store.delete(f"{name}/2")
    assert os.listdir(store.root) == ([".kvcore-lock"] if os.listdir(store.root) else [])


def test_long_bases_list_legal_keys_only(store: FilesystemStore) -> None:
    """Below directories that nearly fill a key, files that would make it too long are passed over.

    What is listed can be read.
    """
    base = "/".join(["é" * 120] * 4)  # 963 bytes
    store.put(f"{base}/{'n' * 50}", b"fits")
    Path(store.root, base, "x" * 70).write_bytes(b"does not fit")
    assert [store.get(key) for key in store] == [b"fits"]


def test_empty_folders_bar_nothing(store: FilesystemStore) -> None:
    """Directories without files, as killed writers leave them, make room for a key of that name."""
    os.makedirs(store.root + "/a/b/c")
    os.makedirs(store.root + "/a/d")
    store.put("a", b"value")
    assert store.get("a") == b"value"
    os.makedirs(store.root + "/e/f")
    store.put("e", b"created", if_absent=True)
    os.makedirs(store.root + "/g/h")
    store.move("e", "g")
    assert set(store) == {"a", "g"}


def test_folder_that_comes_and_goes_at_once(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that was in the way for a moment makes no put and no move fail."""
    for name in ("rename", "replace"):
        real, refused = getattr(os, name), []

        def refuse(*args: object, real: Any = real, refused: Any = refused, **kwargs: Any) -> None:
            if not refused:
                refused.append(args)
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            real(*args, **kwargs)

        monkeypatch.setattr(os, name, refuse)
    store.put("dir/key", b"old")
    store.put("dir/key", b"new")
    assert store.get("dir/key") == b"new"
    monkeypatch.undo()
    assert files_below(store.root) == {"dir/key"}


def test_full_folders_bar_shorter_keys(store: FilesystemStore) -> None:
    """A key is refused while there are keys below it, and all of those stay."""
    store.put("a/b/c", b"deep")
    for put in (
        lambda: store.put("a", b"new"),
        lambda: store.put("a/b", b"new", if_absent=True),
        lambda: store.copy("a/b/c", "a/b"),
        lambda: store.move("a/b/c", "a/b"),
        lambda: store.put("a/b/c/d", b"new"),
        lambda: store.move("a/b/c", "a/b/c/d"),
    ):
        with pytest.raises(KeyExists):
            put()
    assert [(key, store.get(key)) for key in store] == [("a/b/c", b"deep")]


def test_refused_put_leaves_no_folders(store: FilesystemStore) -> None:
    """A put that comes to nothing takes the directories away that it had made."""
    store.put("a", b"value")
    store.put("b/key", b"value")
    with pytest.raises(KeyExists):
        store.put("a/b/c", b"new")
    with pytest.raises(KeyNotFound):
        store.move("missing", "d/e/f")
    with pytest.raises(PreconditionFailed):
        store.put("g/h", b"new", if_present=True)
    assert set(os.listdir(store.root)) - {".kvcore-lock"} == {"a", "b"}


def test_put_that_fails_half_way_down_leaves_no_folders(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the second of three directories cannot be made, the first does not stay."""
    store.put("key", b"value")
    mkdir = os.mkdir

    def fail(path: str, *args: object, **kwargs: object) -> None:
        if path.endswith("b"):
            raise OSError(28, "No space left on device")
        mkdir(path, *args, **kwargs)

    monkeypatch.setattr(os, "mkdir", fail)
    with pytest.raises(StoreError):
        store.put("a/b/c/new", b"new")
    assert set(os.listdir(store.root)) - {".kvcore-lock"} == {"key"}


def test_delete_leaves_foreign_files_and_their_folders(store: FilesystemStore) -> None:
    """Only empty directories go with the last key in them."""
    store.put("a/b/key", b"value")
    Path(store.root, "a", "new\nline").write_bytes(b"foreign")
    store.delete("a/b/key")
    assert os.listdir(store.root + "/a") == ["new\nline"]
