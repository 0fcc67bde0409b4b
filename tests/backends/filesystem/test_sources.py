"""What callers give to put_file: it may raise half way, and is never read wrongly or changed."""

import gzip
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import FilesystemStore, StoreError
from kvcore.backends.filesystem import transfer
from tests.backends.filesystem.variants import files_below, folders_below, open_descriptors

DATA = bytes(range(256)) * 4_000


class Broken(Exception):
    """What a source raises half way."""


class BrokenFile(io.RawIOBase):
    def __init__(self) -> None:
        self.left = DATA

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if len(self.left) < len(DATA) // 2:
            raise Broken
        block, self.left = self.left[:size], self.left[size:]
        return block


def broken_iterator() -> Iterator[bytes]:
    yield DATA[:100_000]
    yield DATA[100_000:200_000]
    raise Broken


def put_broken_file(store: FilesystemStore, key: str) -> None:
    store.put_file(key, BrokenFile())


def put_broken_iterator(store: FilesystemStore, key: str) -> None:
    store.put_file(key, broken_iterator())


def write_and_raise(store: FilesystemStore, key: str) -> None:
    with store.open_write(key) as writer:
        writer.write(DATA)
        raise Broken


def write_and_interrupt(store: FilesystemStore, key: str) -> None:
    with store.open_write(key) as writer:
        writer.write(DATA)
        raise KeyboardInterrupt


@pytest.mark.parametrize("key", ["key", "dir/key", "new", "new/dir/key"])
@pytest.mark.parametrize(
    "put", [put_broken_file, put_broken_iterator, write_and_raise, write_and_interrupt]
)
def test_source_that_raises_stores_nothing(
    store: FilesystemStore, put: Callable[[FilesystemStore, str], None], key: str
) -> None:
    """What a source raises half way is passed on; the old value stays, and nothing is left."""
    old = {"key": b"old", "dir/key": b"old"}
    for name, data in old.items():
        store.put(name, data)
    descriptors = open_descriptors()
    with pytest.raises((Broken, KeyboardInterrupt)):
        put(store, key)
    assert {name: store.get(name) for name in store} == old
    assert files_below(store.root) == set(old)
    assert folders_below(store.root) == {"dir"}
    assert open_descriptors() == descriptors


def test_file_is_read_from_where_it_stands(store: FilesystemStore, tmp_path: Path) -> None:
    """Whatever a file object has read ahead, the rest of it is stored, and it stands at its end."""
    path = tmp_path / "source"
    path.write_bytes(DATA)
    for buffering in (0, 16, 100_000):
        for start in (0, 1, 5_000, len(DATA), len(DATA) + 5):
            with open(path, "rb", buffering=buffering) as file:
                file.read(10)
                file.seek(start)
                store.put_file("key", file)
                assert not file.closed
                assert file.tell() == max(start, len(DATA))
                assert file.read() == b""
                file.seek(0)
                assert file.read() == DATA
            assert store.get("key") == DATA[start:]


def test_buffered_writes_are_part_of_the_file(store: FilesystemStore, tmp_path: Path) -> None:
    """What was written to the file object a moment ago is stored with the rest."""
    path = tmp_path / "source"
    path.write_bytes(b"a" * 100)
    with open(path, "r+b") as file:
        file.read(10)
        file.seek(0)
        file.write(b"b" * 4)
        file.seek(0)
        store.put_file("key", file)
        assert store.get("key") == b"bbbb" + b"a" * 96
    with tempfile.TemporaryFile() as file:
        file.write(DATA)
        file.seek(0)
        store.put_file("key", file)
        assert store.get("key") == DATA
    with tempfile.NamedTemporaryFile() as named:
        named.write(DATA)
        named.seek(0)
        store.put_file("key", named)
        assert store.get("key") == DATA


class Shouting(io.BufferedReader):
    """Reads other bytes than lie on disk."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size).upper()


def test_only_plain_files_are_copied_by_descriptor(store: FilesystemStore, tmp_path: Path) -> None:
    """A file object that gives other bytes than its descriptor is read, not copied past itself."""
    path = tmp_path / "source"
    with gzip.open(path, "wb") as packed:
        packed.write(DATA)
    with gzip.open(path, "rb") as packed:
        store.put_file("key", packed)
    assert store.get("key") == DATA
    path.write_bytes(b"text")
    with Shouting(io.FileIO(path)) as file:
        store.put_file("key", file)
    assert store.get("key") == b"TEXT"


def test_files_without_a_size_are_read_to_their_end(store: FilesystemStore) -> None:
    """A file of /proc says it has no bytes, a pipe has no end to look at: both are read whole."""
    if os.path.exists("/proc/cpuinfo"):
        store.put_file("key", "/proc/version")
        assert store.get("key") == Path("/proc/version").read_bytes()
    reading, writing = os.pipe()
    os.write(writing, b"some")
    os.write(writing, b"thing")
    os.close(writing)
    with open(reading, "rb", buffering=0) as pipe:
        store.put_file("key", pipe)
    assert store.get("key") == b"something"


def test_source_keeps_its_place_when_the_store_fails(
    store: FilesystemStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a put that failed half way the caller's file can be read on from where it stood."""
    path = tmp_path / "source"
    path.write_bytes(DATA)

    def full(fd: int, block: Any) -> int:
        raise OSError(28, "No space left on device")

    for name in ("copy_file_range", "sendfile"):
        if hasattr(os, name):
            monkeypatch.delattr(os, name)
    monkeypatch.setattr(transfer, "write_all", full)
    with open(path, "rb") as file:
        assert file.read(10) == DATA[:10]
        with pytest.raises(StoreError):
            store.put_file("key", file)
        assert file.tell() == 10
        assert file.read() == DATA[10:]


@pytest.mark.parametrize("hidden", [(), ("copy_file_range",), ("copy_file_range", "sendfile")])
def test_every_way_of_copying_gives_the_same(
    store: FilesystemStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: tuple[str, ...]
) -> None:
    """With and without the kernel's help files are copied whole."""
    for name in hidden:
        monkeypatch.delattr(os, name, raising=False)
    path = tmp_path / "source"
    path.write_bytes(DATA)
    store.put_file("key", path)
    store.copy("key", "copied")
    store.get_file("copied", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == DATA


@pytest.mark.parametrize("taken", [1, 7, 100_000])
def test_writes_that_take_a_part_lose_nothing(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """A system that takes a few bytes per write gets all of them."""
    write = os.write
    data = DATA[: 50 * taken]
    monkeypatch.setattr(os, "write", lambda fd, block: write(fd, block[:taken]))
    store.put("key", data)
    store.put_file("streamed", iter([data]))
    assert store.get("key") == store.get("streamed") == data
