"""Files of the caller that are awaited themselves: uploads, async iterables, async files."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Protocol, Self, TypeAlias, TypeGuard

from kvcore.contract.streams import BLOCK_BYTES, as_bytes


class AsyncReadable(Protocol):
    """Anything with an awaited ``read(size)``, such as an upload of Starlette."""

    async def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; ``b""`` at the end only."""
        ...


class AsyncWritable(Protocol):
    """Anything with an awaited ``write(data)``."""

    async def write(self, data: bytes, /) -> object:
        """Take the bytes; an int returned says how many."""
        ...


AsyncSource: TypeAlias = AsyncReadable | AsyncIterable[bytes]
"""What the awaited ``put_file`` takes besides what the other one does."""


def awaited_blocks(file: object) -> AsyncIterable[bytes] | None:
    """The blocks of an `AsyncSource`; ``None`` for anything else."""
    read = getattr(file, "read", None)
    if iscoroutinefunction(read):  # before iteration, which may mean lines
        return _Blocks(read)
    return file if isinstance(file, AsyncIterable) else None


def is_async_writable(file: object) -> TypeGuard[AsyncWritable]:
    """Whether ``file`` has an ``async def write``."""
    return iscoroutinefunction(getattr(file, "write", None))


async def write_all_awaited(file: AsyncWritable, block: bytes) -> None:
    """Write the whole block, also to a file that takes only a part at a time."""
    written = await file.write(block)
    while isinstance(written, int) and written < len(block):
        block = block[written:]
        written = await file.write(block)


class _Blocks:
    """Reads to ``b""``. No generator: one that is left early would have to be closed."""

    def __init__(self, read: Callable[[int], Awaitable[bytes]]) -> None:
        self._read = read

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        block = as_bytes(await self._read(BLOCK_BYTES))
        if not block:
            raise StopAsyncIteration
        return block
