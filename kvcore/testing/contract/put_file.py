"""``put_file``: from file objects, iterables and paths, and what becomes of the caller's file."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import InvalidValue, KvcoreError
from kvcore.testing.contract.fixtures import StoreFixtures, blob, for_each, raised, unchanged
from kvcore.testing.files import DribblingFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer


class SourceBroke(Exception):  # a stranger's exception, not one of ours
    """What a source of the kit raises half way."""


class _CrumblingRaw(io.RawIOBase):
    """A raw file with short reads."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._file = DribblingFile(data, 7)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        block = self._file.read(len(view))
        view[: len(block)] = block
        return len(block)


class _CrumblingBuffered(io.BufferedIOBase):
    """A buffered file that breaks the promise of its kind: ``read()`` gives a crumb."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._file = DribblingFile(data, 7)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._file.read(size)


def _chunks(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield b""  # which is not the end
        yield data[start : start + size]
    yield b""


SOURCES: dict[str, Callable[[bytes], Any]] = {
    "file": io.BytesIO,
    "one byte at a time": DribblingFile,
    "crumbs": lambda data: DribblingFile(data, 1000, seed=7),
    "raw": _CrumblingRaw,
    "buffered raw": lambda data: io.BufferedReader(_CrumblingRaw(data)),
    "crumbling buffered": _CrumblingBuffered,
    "generator with empty chunks": lambda data: _chunks(data, 7),
    "list": lambda data: [data[:5], data[5:]],
    "one chunk": lambda data: [data],
    "bytearrays": lambda data: map(bytearray, _chunks(data, 1000)),
    "memoryviews": lambda data: map(memoryview, _chunks(data, 1000)),
}
"""The same bytes as every kind of source."""

BAD_SOURCES: dict[str, Callable[[bytes], Any]] = {
    "text file": lambda data: io.StringIO(data.decode("latin-1")),
    "chunk of text": lambda data: iter([data, "text"]),
    "chunk that is None": lambda data: iter([data, None, data]),
    "chunk that is a number": lambda data: iter([data, 3]),
    "an empty text": lambda data: iter([data, "", data]),
    "range": lambda data: range(3),
    "keys of a dict": lambda data: {"key": data},
}


class _HasNothingNow:
    """A source that has nothing yet, as a non-blocking socket."""

    def __init__(self, data: bytes) -> None:
        self._given = iter([data] if data else [])

    def read(self, size: int = -1, /) -> bytes | None:
        return next(self._given, None)


class PutFileTests(StoreFixtures):
    """Every byte from where the source stands to its end, or nothing."""

    @for_each(SOURCES)
    def test_a_source_is_read_to_its_end(
        self, store: KeyValueStore, source: Callable[[bytes], Any]
    ) -> None:
        """A short read, an empty chunk or ``read()`` that gives a crumb is not the end."""
        for size in [0, 1, 5000]:
            if self.fits(size):
                data = blob(size)
                assert store.put_file("key", source(data)) == "key"
                assert store.get("key") == data

    def test_sources_of_every_size(self, store: KeyValueStore, folder: Path) -> None:
        """Files, crumbs and paths of all sizes arrive whole."""
        path = folder / "source"
        for size in self.sizes():
            data = blob(size)
            path.write_bytes(data)
            for source in (io.BytesIO(data), DribblingFile(data, 50_000, seed=size), path):
                store.put("key", b"old")
                store.put_file("key", source)
                assert store.get("key") == data
                assert store.stat("key").size == size

    def test_a_file_is_read_from_where_it_stands_and_left_open(
        self, store: KeyValueStore, folder: Path
    ) -> None:
        """What the caller has read already is no part of the value; the file stays the caller's."""
        path = folder / "source"
        path.write_bytes(b"header|body")
        with path.open("rb") as buffered, path.open("rb", buffering=0) as raw:
            for file in (io.BytesIO(b"header|body"), buffered, raw):
                assert file.read(7) == b"header|"
                store.put_file("key", file)
                assert store.get("key") == b"body"
                assert not file.closed
                assert file.read() == b""
        crumbs = DribblingFile(b"body")
        store.put_file("key", crumbs)
        assert not crumbs.closed

    def test_a_reader_of_a_store_is_a_source(self, store: KeyValueStore) -> None:
        """What ``open`` gives can be put under another key, and under its own."""
        data = self.large
        store.put("key", data)
        with store.open("key") as reader:
            store.put_file("other", reader)
        with store.open("key") as reader:
            reader.seek(len(data) // 2)
            store.put_file("key", reader)
        assert store.get("other") == data
        assert store.get("key") == data[len(data) // 2 :]

    @for_each({str(size): size for size in [0, 1, 100_000, 1_500_000]})
    def test_a_source_that_breaks_off_stores_nothing(self, store: KeyValueStore, size: int) -> None:
        """Its own exception passes; the old value stays, a new key is not made."""
        if not self.fits(size):
            size = 1
        store.put("key", b"old")

        def breaking() -> Iterator[bytes]:
            yield blob(size)
            raise SourceBroke

        with unchanged(store):
            for key in ["key", "new"]:
                with pytest.raises(SourceBroke):
                    store.put_file(key, DribblingFile(blob(size), 100_000, error=SourceBroke()))
                with pytest.raises(SourceBroke):
                    store.put_file(key, breaking())
        assert store.get("key") == b"old"
        assert "new" not in store

    def test_a_source_of_something_else_stores_nothing(self, store: KeyValueStore) -> None:
        """Text, numbers or None half way are an error, and nothing of the source is stored."""
        store.put("key", b"old")
        with unchanged(store):
            for kind, source in BAD_SOURCES.items():
                for key, start in product(["key", "new"], [b"", b"good start"]):
                    error = raised(store.put_file, key, source(start))
                    assert isinstance(error, InvalidValue), (kind, error)
        assert store.get("key") == b"old"
        assert "new" not in store

    def test_text_is_an_invalid_value(self, store: KeyValueStore) -> None:
        """A file opened in text mode is InvalidValue, as a str given to ``put`` is."""
        with pytest.raises(InvalidValue):
            store.put_file("key", io.StringIO("text"))  # type: ignore[arg-type]
        assert "key" not in store

    def test_a_source_that_has_nothing_yet(self, store: KeyValueStore) -> None:
        """``None`` from ``read`` (non-blocking) is an error, never the end."""
        for start in [b"", b"good start"]:
            with pytest.raises(BlockingIOError):
                store.put_file("key", _HasNothingNow(start))  # type: ignore[arg-type]
        assert "key" not in store

    if os.name == "posix":

        @for_each({"raw": 0, "buffered": -1})
        def test_a_pipe_without_data_is_not_at_its_end(
            self, store: KeyValueStore, buffering: int
        ) -> None:
            """A non-blocking pipe that has nothing *now* is an error: more may come."""
            reading, writing = os.pipe()
            try:
                os.set_blocking(reading, False)
                os.write(writing, b"good start")
                with open(reading, "rb", buffering=buffering) as pipe:
                    error = raised(store.put_file, "key", pipe)
                assert isinstance(error, BlockingIOError), error
            finally:
                os.close(writing)
            assert "key" not in store

    def test_only_paths_files_and_iterables_are_taken(self, store: KeyValueStore) -> None:
        """Bytes are no source (an iterable of numbers!): they are a TypeError."""
        for source in [None, 7, b"bytes", bytearray(b"b"), memoryview(b"b")]:
            with pytest.raises(TypeError):
                store.put_file("key", source)  # type: ignore[arg-type]
        assert "key" not in store


class CallersFileTests(StoreFixtures):
    """A file given by its path stays the caller's."""

    @pytest.fixture
    def path(self, folder: Path) -> Path:
        """A file of the caller."""
        path = folder / "mine"
        path.write_bytes(b"my file")
        os.utime(path, ns=(10**18 + 123_456_789, 10**18 + 123_456_789))
        path.chmod(0o640)
        return path

    def test_the_file_is_not_touched(self, store: KeyValueStore, path: Path) -> None:
        """Content, time, mode, inode and links stay, for a str and for a PathLike."""
        before = path.stat()
        assert store.put_file("key", path) == "key"
        assert store.put_file("other", str(path)) == "other"
        after = path.stat()
        for field in ["st_mtime_ns", "st_mode", "st_ino", "st_nlink", "st_size", "st_uid"]:
            assert getattr(after, field) == getattr(before, field)
        assert path.read_bytes() == b"my file"
        assert store.get("key") == store.get("other") == b"my file"
        assert os.listdir(path.parent) == ["mine"]

    def test_a_later_change_of_the_file_changes_no_value(
        self, store: KeyValueStore, path: Path
    ) -> None:
        """The value is a copy, also of what is written into the same file; and the other way."""
        store.put_file("key", path)
        with path.open("r+b") as file:
            file.write(b"MY FILE")
        assert store.get("key") == b"my file"
        store.put("key", b"new")
        store.delete("key")
        assert path.read_bytes() == b"MY FILE"

    def test_a_path_that_cannot_be_read_is_the_callers_error(
        self, store: KeyValueStore, folder: Path
    ) -> None:
        """FileNotFoundError and the like pass unchanged, with and without ``move``."""
        store.put("key", b"old")
        for move in (False, True):
            with pytest.raises(FileNotFoundError) as missing:
                store.put_file("key", folder / "missing", move=move)
            assert not isinstance(missing.value, KvcoreError)
            error = raised(store.put_file, "key", folder, move=move)
            assert isinstance(error, OSError), error
        assert store.get("key") == b"old"
        assert folder.is_dir()

    def test_move_consumes_the_file(self, store: KeyValueStore, path: Path) -> None:
        """With ``move=True`` the file is gone once the value is stored."""
        assert store.put_file("key", path, move=True) == "key"
        assert store.get("key") == b"my file"
        assert os.listdir(path.parent) == []

    def test_move_of_a_large_file(self, store: KeyValueStore, path: Path) -> None:
        """It replaces an older value, by whatever way it goes."""
        data = self.large
        path.write_bytes(data)
        store.put("key", b"old")
        store.put_file("key", str(path), move=True)
        assert store.get("key") == data
        assert not path.exists()

    def test_a_refused_move_leaves_the_file(self, store: KeyValueStore, path: Path) -> None:
        """Whatever refuses the value, the caller's file is as it was."""
        before = path.stat()
        store.put("key", b"old")
        refused: list[dict[str, Any]] = [
            {"if_absent": True},
            {"if_match": "no-such-etag"},
            {"ttl_secs": -1},
            {"ttl_secs": "text"},
            {"if_absent": True, "if_present": True},
            *([] if store.capabilities.ttl else [{"ttl_secs": 60}]),
        ]
        for options in refused:
            with pytest.raises((KvcoreError, ValueError)):
                store.put_file("key", path, move=True, **options)
            assert path.stat().st_ino == before.st_ino
            assert path.stat().st_mtime_ns == before.st_mtime_ns
            assert path.read_bytes() == b"my file"
        with pytest.raises((KvcoreError, ValueError)):
            store.put_file("new", path, move=True, if_present=True)
        assert path.read_bytes() == b"my file"
        assert store.get("key") == b"old"
        assert "new" not in store

    def test_only_a_path_can_be_consumed(self, store: KeyValueStore) -> None:
        """``move=True`` with a file object or an iterable is a TypeError."""
        for source in (io.BytesIO(b"value"), [b"value"]):
            with pytest.raises(TypeError, match="path"):
                store.put_file("key", source, move=True)
        assert "key" not in store

    if os.name == "posix":

        def test_move_of_a_file_with_a_second_name(self, store: KeyValueStore, path: Path) -> None:
            """Whoever holds another link cannot change the value afterwards, and keeps the file."""
            other = path.with_name("other")
            os.link(path, other)
            store.put_file("key", path, move=True)
            assert not path.exists()
            with other.open("r+b") as file:
                file.write(b"CHANGED")
            assert store.get("key") == b"my file"
            store.delete("key")
            assert other.read_bytes() == b"CHANGED"

        def test_move_of_a_symbolic_link(self, store: KeyValueStore, path: Path) -> None:
            """The link is consumed; the file that it names is not."""
            link = path.with_name("link")
            link.symlink_to(path)
            store.put_file("key", link, move=True)
            assert store.get("key") == b"my file"
            assert path.read_bytes() == b"my file"
            assert not link.is_symlink()
            store.put("key", b"new")
            assert path.read_bytes() == b"my file"

        def test_a_pipe_is_a_path(self, store: KeyValueStore, folder: Path) -> None:
            """What a named pipe delivers is the value, to its end."""
            path = folder / "pipe"
            os.mkfifo(path)
            data = blob(70_000) if self.fits(70_000) else self.large
            writer = threading.Thread(target=path.write_bytes, args=[data], daemon=True)
            writer.start()
            store.put_file("key", path)
            writer.join(60)
            assert store.get("key") == data
            assert path.is_fifo()
