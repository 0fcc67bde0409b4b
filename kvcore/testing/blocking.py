"""`BlockingStore`: an async store that answers synchronous callers, such as the suite."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, Protocol, Self, TypeVar

from kvcore.aio import AsyncKeyValueStore, AsyncReader, AsyncWriter
from kvcore.contract import (
    PLAIN,
    Capabilities,
    Fetched,
    KeyValueStore,
    PostOptions,
    PresignedPost,
    PresignedPut,
    Reader,
    Stat,
    UrlOptions,
    WriteOptions,
    Writer,
)
from kvcore.errors import KvcoreError
from kvcore.forking import tell_after_fork
from kvcore.keys import KeySpace
from kvcore.ttl import NOT_SET, TtlSecs

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_T = TypeVar("_T")
_LISTED_AT_ONCE = 100


class Run(Protocol):
    """A function that runs a coroutine to its end, such as `run_inline`."""

    def __call__(self, coro: Coroutine[Any, Any, _T], /) -> _T:
        """What the coroutine returns."""
        ...


class _LoopThread:
    """One event loop in a thread of its own, for all stores of the process."""

    def __init__(self) -> None:
        self._after_fork()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, coro: Coroutine[Any, Any, _T], /) -> _T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(coro, self._loop).result()

    def __reduce__(self) -> str:
        return "_in_loop_thread"


_in_loop_thread = _LoopThread()


class BlockingStore(KeyValueStore):
    """Every verb awaits its namesake of an `AsyncKeyValueStore` in an event loop in a thread.

    For authors of async stores: give one to `StoreContract`. ``run`` runs the coroutines
    elsewhere; an `InlineStore` is run by `run_inline`.

    >>> from kvcore import AsyncStore, DictStore
    >>> store = BlockingStore(AsyncStore(DictStore()))
    >>> store.put("greeting", b"hello")
    'greeting'
    >>> store.get("greeting")
    b'hello'
    >>> store.close()
    """

    _hooks_take_options = True  # to hand them on; the async store knows what it takes

    def __init__(self, store: AsyncKeyValueStore, run: Run = _in_loop_thread) -> None:
        self._async = store
        self._runner = run
        self._use_keyspace(store.keyspace)

    def _run(self, coro: Coroutine[Any, Any, _T], /) -> _T:
        try:
            return self._runner(coro)
        except KvcoreError as error:
            error.seen_from(self, error.key)
            raise

    def with_keys(self, keys: str | KeySpace) -> Self:
        """A view of the store that takes other keys."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._async = self._async.with_keys(keys)
        view._use_keyspace(view._async.keyspace)
        return view

    @property
    def capabilities(self) -> Capabilities:
        """What the async store can do."""
        return self._async.capabilities

    @property
    def default_ttl_secs(self) -> TtlSecs:
        """Set here, or else that of the async store."""
        own = self._default_ttl_secs
        return self._async.default_ttl_secs if own == NOT_SET else own

    @default_ttl_secs.setter
    def default_ttl_secs(self, ttl_secs: TtlSecs) -> None:
        KeyValueStore.default_ttl_secs.fset(self, ttl_secs)  # type: ignore[attr-defined]  # a property

    def _open(self, key: str) -> Reader:
        reader = self._run(self._async.open(key))
        return Reader(_RawReader(self._run, reader), reader.stat)

    def _get(self, key: str) -> bytes:
        return self._run(self._async.get(key))

    def _fetch(self, key: str) -> Fetched:
        return self._run(self._async.fetch(key))

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        return self._run(self._async.get_range(key, start, length))

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        self._run(self._async.get_file(key, file))

    def _get_filename(self, key: str, path: str) -> None:
        self._run(self._async.get_file(key, path))

    def _has_key(self, key: str) -> bool:
        return self._run(self._async.contains(key))

    def _stat(self, key: str) -> Stat:
        return self._run(self._async.stat(key))

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        self._run(self._async.put(key, data, **options._asdict()))

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        self._run(self._async.put_file(key, file, **options._asdict()))

    def _put_filename(self, key: str, path: str, options: WriteOptions = PLAIN) -> None:
        self._run(self._async.put_file(key, path, **options._asdict()))

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> None:
        self._run(self._async.put_file(key, path, move=True, **options._asdict()))

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        if key is None:
            return super()._open_write(key, options)
        opening = self._async.open_write(key, **options._asdict())
        return _BlockingWriter(key, self._run, self._run(opening))

    def _delete(self, key: str) -> None:
        self._run(self._async.delete(key))

    def _delete_if_match(self, key: str, etag: str) -> None:
        self._run(self._async.delete(key, if_match=etag))

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._run(self._async.copy(source, dest, if_absent=if_absent))

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._run(self._async.move(source, dest, if_absent=if_absent))

    def _touch(self, key: str, ttl_secs: TtlSecs) -> None:
        self._run(self._async.touch(key, ttl_secs))

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        return self._run(self._async.increment(key, by, ttl_secs))

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``."""
        return self._listed(self._async.iter_keys(prefix))

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        return self._listed(self._async.iter_prefixes(delimiter, prefix))

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._listed(self._async.iter_stats(prefix))

    def _listed(self, listing: AsyncGenerator[_T, None]) -> Iterator[_T]:
        async def some() -> list[_T]:
            found = []
            async for item in listing:
                found.append(item)
                if len(found) == _LISTED_AT_ONCE:
                    break
            return found

        try:
            while block := self._run(some()):
                yield from block
        finally:
            self._run(listing.aclose())

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return self._run(self._async.get_many(keys))

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        self._run(self._async.put_many(items, options.ttl_secs))

    def _delete_many(self, keys: Iterable[str]) -> None:
        self._run(self._async.delete_many(keys))

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return self._run(self._async.url_for(key, **options._asdict()))

    def _presign_put(self, key: str, options: UrlOptions) -> PresignedPut:
        signing = self._async.presign_put(
            key,
            options.expires,
            options.content_type,
            content_length=options.content_length,
            sha256=options.sha256,
            if_absent=options.if_absent,
        )
        return self._run(signing)

    def _presign_post(self, key: str, options: PostOptions) -> PresignedPost:
        return self._run(self._async.presign_post(key, *options))

    def _local_path(self, key: str) -> str:
        return self._run(self._async.local_path(key))

    def _close(self) -> None:
        self._run(self._async.aclose())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._async!r}>"


class _RawReader(io.RawIOBase):
    """An `AsyncReader` as a raw file."""

    def __init__(self, run: Run, reader: AsyncReader) -> None:
        super().__init__()
        self._run = run
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._run(self._reader.read(len(view)))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._run(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return self._run(self._reader.tell())

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._run(self._reader.close())


class _BlockingWriter(Writer):
    """An `AsyncWriter` as a `Writer`."""

    def __init__(self, key: str, run: Run, writer: AsyncWriter) -> None:
        super().__init__(key)
        self._run = run
        self._writer = writer

    def _write(self, block: bytes) -> None:
        self._run(self._writer.write(block))

    def _commit(self, key: str) -> None:
        self._run(self._writer.commit())

    def _abort(self) -> None:
        self._run(self._writer.abort())
