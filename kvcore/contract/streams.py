"""Streams between callers and stores: sources checked, copied in blocks, ended by b"" only."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Protocol, TypeAlias, cast

from kvcore.contract.values import Stat
from kvcore.errors import InvalidValue

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

BLOCK_BYTES = 256 * 1024
"""How much a copy loop holds at a time."""
_SPOOL_BYTES = 1024 * 1024  # what a spool keeps in memory before it goes to disk


class Readable(Protocol):
    """Anything with ``read(size)``: a file, an upload, a response, a pipe."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; ``b""`` at the end only."""
        ...


class ReadableClosable(Readable, Protocol):
    """What the hook ``_open`` returns: read to ``b""``, then close."""

    def close(self) -> None:
        """Let go of what was opened."""
        ...


class Writable(Protocol):
    """Anything with ``write(data)``."""

    def write(self, data: bytes, /) -> object:
        """Take the bytes; an int returned says how many."""
        ...


Source: TypeAlias = Readable | Iterable[bytes]
"""What ``put_file`` takes besides a path: a binary file object, or an iterable of bytes."""


class Reader(io.BufferedReader):
    """What ``open`` returns: a seekable, buffered binary file that knows what it reads.

    ``stat`` is that of the version being read, also after the key was replaced or deleted.
    """

    stat: Stat

    def __init__(self, raw: io.RawIOBase, stat: Stat, buffer_size: int = 64 * 1024) -> None:
        super().__init__(raw, buffer_size)
        self.stat = stat

    @classmethod
    def of_bytes(cls, data: bytes, stat: Stat) -> Reader:
        """A reader over a value that is in memory."""
        # BufferedReader only calls methods that BytesIO has, too.
        return cls(cast("io.RawIOBase", io.BytesIO(data)), stat)


def as_bytes(data: Buffer, key: str | None = None) -> bytes:
    """The bytes of a bytes-like object, as a copy that nobody else can change.

    Raises `InvalidValue`, a ``TypeError`` and ``OSError``, for anything else.
    """
    if type(data) is bytes:
        return data
    try:
        return memoryview(data).tobytes()
    except TypeError:
        hint = "; encode it first" if isinstance(data, str) else ""
        raise InvalidValue(
            f"a value is bytes-like, not {type(data).__name__}{hint}", key=key
        ) from None


def read_blocks(file: Readable, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The rest of ``file`` in blocks of at most ``size`` bytes; only ``b""`` ends it."""
    while block := file.read(size):
        yield block


def write_all(file: Writable, block: bytes) -> None:
    """Write the whole block, also to a raw file that takes only a part at a time.

    Raises ``BlockingIOError`` for one that takes nothing *now*, ``TypeError`` for one whose
    ``write`` is to be awaited: what they did not take would be missing.
    """
    while block:
        written = file.write(block)
        if isinstance(written, int) and not isinstance(written, bool):
            if not written:
                raise BlockingIOError("the file takes no data; give a blocking one")
            block = block[written:]
        elif written is None and isinstance(file, io.RawIOBase):
            raise BlockingIOError("the file takes no data now; give a blocking one")
        elif hasattr(written, "__await__"):
            raise TypeError("write() of this file is to be awaited: AsyncStore.get_file does")
        else:
            return


def copy_blocks(source: Readable, file: Writable) -> int:
    """Copy the rest of ``source`` into ``file``; returns the number of bytes."""
    total = 0
    for block in read_blocks(source):
        write_all(file, block)
        total += len(block)
    return total


class CheckedSource(io.RawIOBase):
    """A caller's file object or iterable, made to behave.

    ``read(n)`` gives at most ``n`` bytes, ``b""`` at the end only; ``read()`` gives all the rest
    even if the caller's ``read`` returns it in crumbs. What is not bytes is an `InvalidValue`, a
    source that has nothing *now* (``None``, non-blocking) a ``BlockingIOError``. The caller's
    file stays open.
    """

    def __init__(self, pull: Callable[[int], object]) -> None:
        super().__init__()
        self._pull = pull
        self._rest = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes; all the rest without one."""
        if size is None or size < 0:
            return self.readall()
        if not size:
            return b""
        block = self._rest or self._next(size)
        self._rest = block[size:]
        return block[:size] if self._rest else block

    def readall(self) -> bytes:
        """All the rest."""
        return b"".join(read_blocks(self))

    def readinto(self, buffer: Buffer, /) -> int:
        """Read into ``buffer``; returns the number of bytes."""
        view = memoryview(buffer).cast("B")
        block = self.read(len(view))
        view[: len(block)] = block
        return len(block)

    def _next(self, size: int) -> bytes:
        block = self._pull(size)
        if isinstance(block, bytes):
            return block
        if block is None:
            raise BlockingIOError("the source has no data now; give a blocking one")
        return as_bytes(cast("Buffer", block))


def _behaves(file: object) -> bool:
    """Whether reading needs no checks: only exact classes, over memory or a file on disk.

    A subclass may read otherwise, and a pipe or a socket may have nothing *now*.
    """
    kind = type(file)
    if kind is CheckedSource:
        return True
    raw = getattr(file, "raw", None) if kind in _BUFFERED else file
    if type(raw) is io.BytesIO:
        return True
    return type(raw) is io.FileIO and stat.S_ISREG(os.fstat(raw.fileno()).st_mode)


_BUFFERED = (io.BufferedReader, io.BufferedRandom, Reader)


def as_source(file: Source) -> IO[bytes]:
    """A well-behaved binary file over what a caller gave to ``put_file``.

    Raises ``TypeError`` for what is neither a file object nor an iterable of bytes.
    """
    if _behaves(file):
        return cast("IO[bytes]", file)
    read = getattr(file, "read", None)
    if read is not None:
        return cast("IO[bytes]", CheckedSource(read))
    if isinstance(file, bytes | bytearray | memoryview) or not hasattr(file, "__iter__"):
        raise TypeError(
            "put_file takes a path, a binary file object or an iterable of bytes,"
            f" not {type(file).__name__}; put takes a value"
        )
    chunks = iter(cast("Iterable[bytes]", file))

    def pull(_size: int) -> object:
        for chunk in chunks:
            if block := as_bytes(chunk):  # an empty chunk is not the end
                return block
        return b""

    return cast("IO[bytes]", CheckedSource(pull))


def spool() -> IO[bytes]:
    """A private temporary file that stays in memory while small."""
    from tempfile import SpooledTemporaryFile

    return cast("IO[bytes]", SpooledTemporaryFile(max_size=_SPOOL_BYTES))


def spooled_reader(stream: ReadableClosable, stat: Stat | None = None) -> Reader:
    """Read ``stream`` once to its end and give a seekable `Reader` over the copy.

    For stores that cannot pin a version: what was opened stays what is read.
    """
    copy = spool()
    try:
        try:
            size = copy_blocks(stream, copy)
        finally:
            stream.close()
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    stat = Stat(size) if stat is None else stat._replace(size=size)
    return Reader(cast("io.RawIOBase", copy), stat)
