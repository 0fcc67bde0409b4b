"""`put_file` from, and `get_file` to, files that are awaited themselves."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO, Any

import anyio
import pytest
from starlette.datastructures import UploadFile

from kvcore import (
    AsyncStore,
    DictStore,
    HashDecorator,
    InlineStore,
    InvalidKey,
    InvalidValue,
    KeyExists,
    KeyNotFound,
    KeyValueStore,
    run_inline,
)
from tests.aio.gated import Gate, GatedStore

VALUE = bytes(range(256)) * 2048 + b"end"


class Crumbs:
    """An async file that gives a little at a time."""

    def __init__(self, value: bytes, size: int = 1000) -> None:
        self._file = io.BytesIO(value)
        self._size = size
        self.asked: list[int] = []

    async def read(self, size: int = -1) -> bytes:
        await asyncio.sleep(0)
        self.asked.append(size)
        return self._file.read(min(self._size, size))


class CrumbsByLine(Crumbs):
    """As files of anyio and aiofiles: iteration means lines, reading is what we want."""

    async def __aiter__(self) -> AsyncIterator[str]:
        yield "a line of text"


async def blocks() -> AsyncIterator[bytes]:
    """An async iterable, some of whose blocks are empty: that is not the end."""
    for start in range(0, len(VALUE), 100_000):
        await asyncio.sleep(0)
        yield b""
        yield VALUE[start : start + 100_000]


def sync_blocks() -> Iterator[bytes]:
    for start in range(0, len(VALUE), 100_000):
        yield VALUE[start : start + 100_000]


SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "text path": str,
    "file": lambda path: io.BytesIO(VALUE),
    "iterator": lambda path: sync_blocks(),
    "async iterator": lambda path: blocks(),
    "async crumbs": lambda path: Crumbs(VALUE),
    "async crumbs by line": lambda path: CrumbsByLine(VALUE),
    "upload of starlette": lambda path: UploadFile(io.BytesIO(VALUE)),
    "file of anyio": lambda path: anyio.wrap_file(io.BytesIO(VALUE)),
}


@pytest.fixture
def inner() -> GatedStore:
    """A store that remembers what was opened."""
    return GatedStore(DictStore(), Gate("nowhere"))


def run(inner: KeyValueStore, work: Callable[[AsyncStore], Any]) -> Any:
    """What ``work`` gives, awaited with a store of threads."""

    async def main() -> Any:
        async with AsyncStore(inner) as store:
            return await work(store)

    return asyncio.run(main())


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_any_source_is_stored_whole(
    inner: GatedStore, source: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Paths, files and iterables, awaited or not, with all options."""
    path = tmp_path / "file"
    path.write_bytes(VALUE)
    put = {"ttl_secs": 60, "if_absent": True, "content_type": "text/plain"}
    assert run(inner, lambda store: store.put_file("key", source(path), **put)) == "key"
    assert inner.get("key") == VALUE
    assert inner.stat("key").content_type == "text/plain"
    assert inner.stat("key").expires is not None
    assert path.read_bytes() == VALUE
    with pytest.raises(KeyExists):
        run(inner, lambda store: store.put_file("key", source(path), **put))


def test_blocks_are_asked_for_and_no_thread_waits_for_them(inner: GatedStore) -> None:
    """An awaited source is never asked for all, and read in the event loop."""
    source = Crumbs(VALUE)
    run(inner, lambda store: store.put_file("key", source))
    assert set(source.asked) == {256 * 1024}
    assert inner.gate.log.count("write") <= 3  # crumbs are collected


@pytest.mark.parametrize("bad", ["text", None, 7, ["list"]])
def test_what_is_not_bytes_is_refused(inner: GatedStore, bad: Any) -> None:
    """From an iterable and from ``read``; nothing is stored, nothing left open."""

    async def iterable() -> AsyncIterator[Any]:
        yield b"good"
        yield bad

    class File:
        async def read(self, size: int) -> Any:
            return bad

    for source in (iterable(), File()):
        with pytest.raises(InvalidValue):
            run(inner, lambda store, source=source: store.put_file("key", source))
    assert inner.keys() == []
    assert all(opened.closed for opened in inner.opened)


def test_what_a_source_raises_passes_unchanged(inner: GatedStore) -> None:
    """The client went away half way: the old value stays, no temporary file."""
    inner.put("key", b"old")
    error = ConnectionResetError("the client went away")

    async def breaks() -> AsyncIterator[bytes]:
        yield VALUE
        raise error

    with pytest.raises(ConnectionResetError) as caught:
        run(inner, lambda store: store.put_file("key", breaks()))
    assert caught.value is error
    assert inner.get("key") == b"old"
    assert all(opened.closed for opened in inner.opened)


@pytest.mark.parametrize("key", ["", "a/b", ".."])
def test_a_bad_key_is_refused_before_anything_is_read(inner: GatedStore, key: str) -> None:
    """The source can still be used."""
    source = Crumbs(VALUE)
    with pytest.raises(InvalidKey):
        run(inner, lambda store: store.put_file(key, source))
    assert source.asked == []


def test_move_is_for_paths(inner: GatedStore, tmp_path: Path) -> None:
    """A path is consumed; an awaited source cannot be, and is not touched."""
    path = tmp_path / "file"
    path.write_bytes(VALUE)
    run(inner, lambda store: store.put_file("key", path, move=True))
    assert not path.exists()
    source = Crumbs(VALUE)
    with pytest.raises(TypeError, match="takes a path"):
        run(inner, lambda store: store.put_file("key", source, move=True))
    assert source.asked == []


@pytest.mark.parametrize("source", [None, 7, b"bytes", "missing"])
def test_what_is_no_source_is_refused(inner: GatedStore, source: Any) -> None:
    """As without ``await``."""
    with pytest.raises((TypeError, FileNotFoundError)):
        run(inner, lambda store: store.put_file("key", source))
    assert inner.keys() == []


@pytest.mark.parametrize("source", [Crumbs, io.BytesIO])
def test_a_store_may_make_the_key(inner: GatedStore, source: Callable[[bytes], Any]) -> None:
    """Then ``None`` is the key that is asked, and the answer is the one made; options count."""

    async def work(store: AsyncStore) -> list[str]:
        return [
            await store.put(None, b"four", content_type="text/plain"),
            await store.put_file(None, source(VALUE), content_type="text/plain"),
        ]

    keys = [hashlib.sha256(value).hexdigest() for value in (b"four", VALUE)]
    assert run(HashDecorator(inner), work) == keys
    assert sorted(inner.keys()) == sorted(keys)
    assert [inner.stat(key).content_type for key in keys] == ["text/plain"] * 2
    with pytest.raises(KeyExists):
        run(HashDecorator(inner), lambda store: store.put_file(None, source(VALUE), if_absent=True))
    with pytest.raises(InvalidKey):
        run(inner, lambda store: store.put_file(None, source(VALUE)))
    assert all(opened.closed for opened in inner.opened)


def test_inline_an_awaited_source_may_not_wait(inner: GatedStore) -> None:
    """One that has its data is stored; one that waits is refused, and nothing is stored."""

    async def ready() -> AsyncIterator[bytes]:
        yield VALUE

    store = InlineStore(inner)
    assert run_inline(store.put_file("key", ready())) == "key"
    assert inner.get("key") == VALUE
    with pytest.raises(RuntimeError, match="sources that are read without waiting"):
        run_inline(store.put_file("other", Crumbs(VALUE)))
    assert inner.keys() == ["key"]
    assert all(opened.closed for opened in inner.opened)


class Slow:
    """An async file that takes a little at a time, or does not say how much."""

    def __init__(self, takes: int | None) -> None:
        self.takes = takes
        self.got = b""

    async def write(self, data: bytes) -> int | None:
        await asyncio.sleep(0)
        self.got += data[: self.takes]
        return self.takes and min(self.takes, len(data))


@pytest.mark.parametrize("takes", [None, 100_000])
def test_a_value_is_copied_into_an_awaited_file(inner: GatedStore, takes: int | None) -> None:
    """Whole, however little the file takes at a time; a missing value is KeyNotFound."""
    inner.put("key", VALUE)
    file = Slow(takes)
    assert run(inner, lambda store: store.get_file("key", file)) == "key"
    assert file.got == VALUE
    with pytest.raises(KeyNotFound):
        run(inner, lambda store: store.get_file("missing", file))
    assert all(opened.closed for opened in inner.opened)


def test_a_value_is_copied_into_paths_and_files(inner: GatedStore, tmp_path: Path) -> None:
    """As without ``await``."""
    inner.put("key", VALUE)
    file: IO[bytes] = io.BytesIO()
    run(inner, lambda store: store.get_file("key", file))
    run(inner, lambda store: store.get_file("key", tmp_path / "file"))
    assert file.getvalue() == (tmp_path / "file").read_bytes() == VALUE  # type: ignore[attr-defined]


class Later:
    """What a ``write`` that is awaited, but is no ``async def``, returns."""

    def __await__(self) -> Iterator[None]:
        yield


def test_a_file_that_does_not_take_the_bytes_is_an_error(inner: GatedStore) -> None:
    """No silent loss: neither where ``write`` has to be awaited, nor where it takes nothing now."""

    class Awaited:
        def write(self, data: bytes) -> Later:
            return Later()

    class NotNow(io.RawIOBase):
        def write(self, data: Any) -> None:
            return None

    inner.put("key", VALUE)
    for file, error in [(Awaited(), TypeError), (NotNow(), BlockingIOError)]:
        with pytest.raises(error):
            inner.get_file("key", file)
        with pytest.raises(error):
            run(inner, lambda store, file=file: store.get_file("key", file))


@pytest.mark.skipif(os.name != "posix", reason="pipes that do not block are POSIX's")
def test_a_full_pipe_is_an_error(inner: GatedStore) -> None:
    """A raw file that would block does not lose the rest of the value."""
    inner.put("key", VALUE)
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with open(read_end, "rb"), open(write_end, "wb", buffering=0) as pipe:
        with pytest.raises(BlockingIOError):
            inner.get_file("key", pipe)
