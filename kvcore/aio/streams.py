"""`AsyncReader` and `AsyncWriter`: the files of a store, awaited."""

from __future__ import annotations

import io
from asyncio import CancelledError
from collections import deque
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from kvcore.aio.driver import Driver
from kvcore.contract import Reader, Stat, Writer
from kvcore.contract.streams import BLOCK_BYTES, as_bytes

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_T = TypeVar("_T")


class AsyncReader:
    """What ``open`` gives: a seekable binary file over one version of a value.

    Every method is one call in a thread, so read large blocks, or let ``blocks`` do it.
    """

    def __init__(self, driver: Driver, reader: Reader) -> None:
        self._driver = driver
        self._reader = reader

    @property
    def stat(self) -> Stat:
        """What the store knows of the version that is read."""
        return self._reader.stat

    @property
    def closed(self) -> bool:
        """Whether the reader was closed."""
        return self._reader.closed

    async def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes, all the rest without one; ``b""`` at the end."""
        return await self._driver.run(self._reader.read, size)

    async def blocks(self, size: int = BLOCK_BYTES) -> AsyncGenerator[bytes, None]:
        """The rest, in blocks of ``size`` bytes (the last one may be shorter)."""
        if size < 1:
            raise ValueError(f"a block has at least 1 byte, not {size}")
        more = True
        while more:
            block, more = await self._driver.run(_read_block, self._reader, size)
            if block:
                yield block

    async def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to ``offset`` bytes from the start, here or the end; returns the position."""
        return await self._driver.run(self._reader.seek, offset, whence)

    async def tell(self) -> int:
        """The position in bytes from the start."""
        return await self._driver.run(self._reader.tell)

    async def close(self) -> None:
        """Let go of what was opened. Twice is no error."""
        if not self._reader.closed:
            await self._driver.finish(self._reader.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _read_block(reader: Reader, size: int) -> tuple[bytes, bool]:
    """A full block and whether there may be more; in one call, so that the end costs no other."""
    blocks = []
    while size and (block := reader.read(size)):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks), not size


class AsyncWriter:
    """Takes a value in pieces; publishes it on ``commit``, forgets it on ``abort``.

    As ``async with`` it commits on a clean exit and aborts on an exception. After a ``write`` or
    ``commit`` that raised or was cancelled, the value is forgotten and every further call but
    ``abort`` raises ``ValueError``. A ``commit`` that was running when its caller was cancelled
    may have published the value, whole. Pieces are collected into blocks of 256 KiB.
    """

    def __init__(self, driver: Driver, writer: Writer) -> None:
        self._driver = driver
        self._writer = writer
        self._lock = driver.lock()  # one call at a time, whatever tasks and threads do
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._closed = False

    @property
    def key(self) -> str | None:
        """The key that the value will have."""
        return self._writer.key

    @property
    def closed(self) -> bool:
        """Whether the writer was committed or aborted."""
        return self._closed

    async def write(self, data: Buffer) -> int:
        """Take the next bytes; returns how many. Raises `InvalidValue` unless bytes-like."""
        self._check_open()
        try:
            block = as_bytes(data, self.key)
        except TypeError:
            await self.abort()
            raise
        self._held.append(block)
        self._held_bytes += len(block)
        if self._held_bytes >= BLOCK_BYTES:
            self._held_bytes = 0
            await self._or_forget(self._write_held)
        return len(block)

    async def commit(self) -> str:
        """Publish the value whole; returns the key.

        Raises what ``put`` raises, `PreconditionFailed` included; then nothing is published.
        """
        self._check_open()
        return await self._or_forget(self._commit)

    async def abort(self) -> None:
        """Forget the value; nothing is published. Twice or after ``commit`` it does nothing."""
        if not self._closed:
            await self._driver.finish(self._alone, self._writer.abort)

    async def _or_forget(self, call: Callable[[], _T]) -> _T:
        try:
            return await self._driver.run(self._alone, call)
        except CancelledError as cancelled:
            await self._abort_because(cancelled)
            raise

    async def _abort_because(self, exc: BaseException) -> None:
        try:
            await self.abort()
        except Exception as error:
            if isinstance(exc, CancelledError):
                raise exc from error  # a cancellation that got lost would be worse
            raise

    def _alone(self, call: Callable[[], _T]) -> _T:
        with self._lock:
            try:
                return call()
            finally:
                self._closed = self._writer.closed
                if self._closed:
                    self._held.clear()

    def _write_held(self) -> None:
        blocks = []
        while self._held:
            blocks.append(self._held.popleft())
        self._writer.write(b"".join(blocks))

    def _commit(self) -> str:
        self._write_held()
        return self._writer.commit()

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("this writer was committed or aborted")

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is not None:
            await self._abort_because(exc)
        elif not self._closed:
            await self.commit()
