"""`AsyncKeyValueStore`: the verbs of a store, awaited, whatever driver makes the calls."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from kvcore.aio.addresses import AsyncAddressVerbs
from kvcore.aio.driver import Driver
from kvcore.aio.inline import Inline
from kvcore.aio.listing import iterate
from kvcore.aio.sources import (
    AsyncSource,
    AsyncWritable,
    awaited_blocks,
    is_async_writable,
    write_all_awaited,
)
from kvcore.aio.streams import AsyncReader, AsyncWriter
from kvcore.aio.threads import Threads
from kvcore.contract import (
    Capabilities,
    Fetched,
    KeyValueStore,
    Path,
    Reader,
    Source,
    Stat,
    Writable,
    WriteOptions,
    Writer,
)
from kvcore.contract.writer import SpoolWriter
from kvcore.keys import KeySpace
from kvcore.ttl import TtlSecs

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class AsyncKeyValueStore(AsyncAddressVerbs):
    """The verbs of `KeyValueStore`, awaited: same names, arguments, answers and errors.

    Write logic that needs several operations once, as ``async def`` against this type; give it
    what `async_store` makes in an event loop, and an `InlineStore` under `run_inline` elsewhere.
    All the work is done by the synchronous store; how its calls are made is the driver's business.

    ``in`` cannot be awaited, so it is ``await store.contains(key)``; ``close`` is ``aclose``.
    """

    def __init__(
        self, store: KeyValueStore, driver: Driver, files_driver: Driver | None = None
    ) -> None:
        if not isinstance(store, KeyValueStore):
            raise TypeError(f"an async store goes around a store, not {type(store).__name__}")
        self._store = store
        self._driver = driver
        # Makes the calls that read or write a file of the caller that is not awaited.
        self._files_driver = driver if files_driver is None else files_driver

    # Reading

    async def get(self, key: str) -> bytes:
        """The whole value. Raises `KeyNotFound`."""
        return await self._driver.run(self._store.get, key)

    async def fetch(self, key: str) -> Fetched:
        """The whole value and its `Stat`, both of one version. Raises `KeyNotFound`."""
        return await self._driver.run(self._store.fetch, key)

    async def get_range(self, key: str, start: int, length: int | None = None) -> bytes:
        """``length`` bytes from ``start`` on, fewer at the end. Raises `KeyNotFound`."""
        return await self._driver.run(self._store.get_range, key, start, length)

    async def get_file(self, key: str, file: Path | Writable | AsyncWritable) -> str:
        """Copy the value into a file object (``write`` may be awaited), or to a path.

        A path is filled all or nothing; a file object may be left with a part. Raises
        `KeyNotFound`.
        """
        if not is_async_writable(file):
            return await self._files_driver.run(self._store.get_file, key, file)
        async with await self.open(key) as reader:
            async for block in reader.blocks():
                await write_all_awaited(file, block)
        return key

    async def open(self, key: str) -> AsyncReader:
        """A seekable file over one version of the value. Raises `KeyNotFound`."""
        reader = await self._driver.acquire(Reader.close, self._store.open, key)
        return AsyncReader(self._driver, reader)

    async def contains(self, key: str) -> bool:
        """Whether there is a value: ``key in store``, awaited."""
        return await self._driver.run(self._store.__contains__, key)

    async def stat(self, key: str) -> Stat:
        """What the store knows of the value. Raises `KeyNotFound`."""
        return await self._driver.run(self._store.stat, key)

    # Writing

    async def put(
        self,
        key: str | None,
        data: Buffer,
        ttl_secs: TtlSecs = None,
        *,
        if_absent: bool = False,
        if_present: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """Store a bytes-like value, whole or not at all; returns the key.

        A key of ``None`` is for stores that make one. A cancelled put may have taken effect.
        """
        return await self._driver.run(
            self._store.put,
            key,  # type: ignore[arg-type]  # stores that make keys take None, others refuse it
            data,
            ttl_secs,
            if_absent=if_absent,
            if_present=if_present,
            if_match=if_match,
            content_type=content_type,
        )

    async def put_file(
        self,
        key: str | None,
        file: Path | Source | AsyncSource,
        ttl_secs: TtlSecs = None,
        *,
        move: bool = False,
        if_absent: bool = False,
        if_present: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """Store a file by path, a binary file object, or an iterable of bytes; returns the key.

        ``read`` of the file and the iterable may be awaited; then no thread waits for the source,
        and a cancellation stops the copying at the next block. Everything else is one call, which
        a cancellation waits for. An awaited source without a key (``None``, for stores that make
        one) is collected first, beyond 1 MiB in a temporary file.
        """
        blocks = awaited_blocks(file)
        if blocks is None:
            return await self._files_driver.run(
                self._store.put_file,
                key,  # type: ignore[arg-type]  # stores that make keys take None, others refuse it
                file,  # type: ignore[arg-type]  # not an awaited one
                ttl_secs,
                move=move,
                if_absent=if_absent,
                if_present=if_present,
                if_match=if_match,
                content_type=content_type,
            )
        if move:
            raise TypeError("move=True takes a path: a file object cannot be consumed")
        options = WriteOptions(ttl_secs, if_absent, if_present, if_match, content_type)
        opening = self._driver.acquire(Writer.abort, _writer_for, self._store, key, options)
        async with AsyncWriter(self._driver, await opening) as writer:
            async for block in blocks:
                await writer.write(block)
        assert writer.key is not None
        return writer.key

    async def open_write(
        self,
        key: str,
        ttl_secs: TtlSecs = None,
        *,
        if_absent: bool = False,
        if_present: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> AsyncWriter:
        """An `AsyncWriter` for a value that comes piece by piece; published by its ``commit``."""
        writer = await self._driver.acquire(
            Writer.abort,
            self._store.open_write,
            key,
            ttl_secs,
            if_absent=if_absent,
            if_present=if_present,
            if_match=if_match,
            content_type=content_type,
        )
        return AsyncWriter(self._driver, writer)

    async def put_many(
        self, items: Mapping[str, Buffer] | Iterable[tuple[str, Buffer]], ttl_secs: TtlSecs = None
    ) -> None:
        """Store many values; each is atomic, all together are not. Raises `PartialFailure`."""
        await self._driver.run(self._store.put_many, items, ttl_secs)

    # Removing, copying, counting

    async def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove the value, or only the version with that etag; a missing one is no error."""
        await self._driver.run(self._store.delete, key, if_match=if_match)

    async def delete_many(self, keys: Iterable[str]) -> None:
        """Remove many values. Raises `PartialFailure`, naming each that could not be."""
        await self._driver.run(self._store.delete_many, keys)

    async def copy(self, source: str, dest: str, *, if_absent: bool = False) -> str:
        """Copy a value, its expiry and content type; returns ``dest``. Raises `KeyNotFound`."""
        return await self._driver.run(self._store.copy, source, dest, if_absent=if_absent)

    async def move(self, source: str, dest: str, *, if_absent: bool = False) -> str:
        """Rename a value; returns ``dest``. Raises `KeyNotFound`."""
        return await self._driver.run(self._store.move, source, dest, if_absent=if_absent)

    async def touch(self, key: str, ttl_secs: TtlSecs) -> None:
        """Give a value a new time to live, counted from now. Raises `KeyNotFound`."""
        await self._driver.run(self._store.touch, key, ttl_secs)

    async def increment(self, key: str, by: int = 1, ttl_secs: TtlSecs = None) -> int:
        """Add to a counter, atomically; returns its new value."""
        return await self._driver.run(self._store.increment, key, by, ttl_secs)

    # Listing and many

    async def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with ``prefix``, in no particular order."""
        return await self._driver.run(self._store.keys, prefix)

    def iter_keys(self, prefix: str = "") -> AsyncGenerator[str, None]:
        """The keys that begin with ``prefix``, for ``async for``."""
        return iterate(self._driver, self._store.iter_keys, prefix)

    def __aiter__(self) -> AsyncIterator[str]:
        return self.iter_keys()

    def iter_prefixes(self, delimiter: str, prefix: str = "") -> AsyncGenerator[str, None]:
        """The keys below ``prefix``, each cut after the first ``delimiter`` that follows it."""
        return iterate(self._driver, self._store.iter_prefixes, delimiter, prefix)

    def iter_stats(self, prefix: str = "") -> AsyncGenerator[tuple[str, Stat], None]:
        """Keys that begin with ``prefix``, each with its `Stat`."""
        return iterate(self._driver, self._store.iter_stats, prefix)

    async def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values of those keys that are there."""
        return await self._driver.run(self._store.get_many, keys)

    # What the store is

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self._store.capabilities

    @property
    def keyspace(self) -> KeySpace:
        """The keys that the store takes."""
        return self._store.keyspace

    @property
    def ttl_support(self) -> bool:
        """Whether ``ttl_secs`` takes numbers here: ``capabilities.ttl``."""
        return self._store.ttl_support

    @property
    def default_ttl_secs(self) -> TtlSecs:
        """The time to live of values that are put without one; set it on the store inside."""
        return self._store.default_ttl_secs

    def with_keys(self, keys: str | KeySpace) -> Self:
        """A view of this store that takes other keys; closing one closes both."""
        view = copy.copy(self)
        view._store = self._store.with_keys(keys)
        return view

    def with_deadline(self, secs: float) -> Self:
        """A view of this store whose calls end within ``secs``, where it waits for a network."""
        view = copy.copy(self)
        view._store = self._store.with_deadline(secs)
        return view

    @property
    def blocking(self) -> KeyValueStore:
        """The store inside: the same values, by verbs that block."""
        return self._store

    async def aclose(self) -> None:
        """Close the store inside, and let go of what this one holds. Twice is no error."""
        try:
            await self._driver.finish(self._store.close)
        finally:
            self._driver.close()
            self._files_driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._store!r}>"


def _writer_for(store: KeyValueStore, key: str | None, options: WriteOptions) -> Writer:
    """A writer that does what ``put_file`` does."""
    if key is not None:
        return store._checked_open_write(key, options)

    def publish(_no_key: str, file: IO[bytes]) -> None:
        writer.key = store.put_file(
            None,  # type: ignore[arg-type]  # stores that make keys take None, others refuse it
            file,
            options.ttl_secs,
            if_absent=options.if_absent,
            if_present=options.if_present,
            if_match=options.if_match,
            content_type=options.content_type,
        )

    writer = SpoolWriter("", publish)  # the key may depend on the last byte
    return writer


class AsyncStore(AsyncKeyValueStore):
    """A store for asyncio: every call is made in one of at most ``threads`` worker threads.

    For a store with an async client, `async_store` makes one that needs no threads.

    >>> import asyncio
    >>> from kvcore import AsyncStore, DictStore
    >>> async def main():
    ...     async with AsyncStore(DictStore()) as store:
    ...         await store.put("greeting", b"hello")
    ...         return await store.get("greeting")
    >>> asyncio.run(main())
    b'hello'

    A cancelled caller is let go when the running call has ended, so a cancelled ``put`` may have
    taken effect; what ``open`` and ``open_write`` opened is closed. Works in any number of event
    loops; trio is not supported.
    """

    def __init__(self, store: KeyValueStore, *, threads: int = 32) -> None:
        super().__init__(store, Threads(threads))


class InlineStore(AsyncKeyValueStore):
    """A store whose awaited verbs never suspend: for `run_inline`, from synchronous code.

    In an event loop it blocks, which is right for stores in memory only, where a thread would
    take longer than the call.
    """

    def __init__(self, store: KeyValueStore) -> None:
        super().__init__(store, Inline())
