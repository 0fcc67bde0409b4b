"""A seekable, buffered file over a value in a service, which fetches what is read and little more.

The first request fetches `FIRST_BYTES`, which stay in memory: for a small value it is the only one,
and formats that jump about in their header need no other. Who reads on where that ended gets all
the rest by the second; a seek begins with a small one again. A short way forward is read, not asked
for.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from kvcore.backends.objects.source import Source
from kvcore.backends.objects.spans import Span
from kvcore.backends.objects.whole import rest_of
from kvcore.contract import Reader, Stat
from kvcore.contract.streams import spooled_reader

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FIRST_BYTES = 256 * 1024
"""What the first request asks for, and each one after a seek; also the buffer of a reader."""
_READ_ON_BYTES = 512 * 1024  # a way forward that is shorter than a new request


def open_reader(source: Source) -> Reader:
    """A file over the version of the value that is there now.

    What it fetches later is of that version, too, or a `StoreError` if it is gone by then.
    """
    span = Span(source, stop=FIRST_BYTES)
    stat = span.stat
    head = rest_of(span)  # so its connection serves others
    if stat.size <= FIRST_BYTES:
        return Reader.of_bytes(head, stat)
    if stat.etag is None:  # nothing else would tell this version from the next
        span = Span(source)
        return spooled_reader(span, span.stat)
    return RangedReader(RangedFile(source, span, head), stat, FIRST_BYTES)


class RangedReader(Reader):
    """Gives large blocks as they arrive, without a copy of its own."""

    raw: RangedFile

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes, by default all; fewer at the end only."""
        if size is None or size < FIRST_BYTES:
            return super().read(size)
        position, raw = self.tell(), self.raw
        if raw.tell() != position:  # some of them are in the buffer
            return super().read(size)
        self.seek(position + size)  # the buffer is to know where the raw file will be
        raw.seek(position)
        try:
            return raw.read_block(size)
        finally:
            self.seek(raw.tell())


class RangedFile(io.RawIOBase):
    """The raw file below a `Reader`. ``head`` is what ``span``, which begins the value, had."""

    def __init__(self, source: Source, span: Span, head: bytes) -> None:
        super().__init__()
        self._source = source
        self._span = span
        self._head = memoryview(head)
        self._stat: Stat = span.stat
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position, also behind the end; nothing is fetched before it is read."""
        self._check_open()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stat.size}
        if whence not in base:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        position = base[whence] + offset
        if position < 0:
            raise ValueError(f"negative seek value {position}")
        self._position = position
        return position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into ``buffer``; returns the number of bytes."""
        view = memoryview(buffer).cast("B")
        block = self._read(len(view), len(view))
        view[: len(block)] = block
        return len(block)

    def read_block(self, size: int) -> bytes:
        """As many bytes as that, fewer at the end only; one that arrives whole is not copied."""
        blocks: list[bytes | memoryview] = []
        while size and (block := self._read(size, size)):
            blocks.append(block)
            size -= len(block)
        only = blocks[0] if len(blocks) == 1 else b""
        return only if only and isinstance(only, bytes) else b"".join(blocks)

    def readall(self) -> bytes:
        """All the rest, by one request."""
        whole = io.BytesIO()
        while block := self._read(FIRST_BYTES, self._stat.size):
            whole.write(block)
        return whole.getvalue()

    def close(self) -> None:
        """Let go of the connection."""
        if not self.closed:
            self._span.close()
        super().close()

    def _read(self, size: int, ahead: int) -> bytes | memoryview:
        """At most ``size`` bytes; if they are asked for, then ``ahead`` of them at least."""
        self._check_open()
        block: bytes | memoryview
        if min(size, self._stat.size - self._position) <= 0:
            return b""
        if self._position < len(self._head):
            block = self._head[self._position : self._position + size]
        else:
            block = self._span_here(ahead).read(size)
        self._position += len(block)
        return block

    def _span_here(self, ahead: int) -> Span:
        """A span that stands at the position."""
        span, position = self._span, self._position
        is_near = 0 <= position - span.position <= _READ_ON_BYTES
        if is_near and position < span.stop:
            span.skip_to(position)
            return span
        span.close()
        stop = position + max(FIRST_BYTES, ahead)
        if is_near or stop + FIRST_BYTES >= self._stat.size:  # not worth a request of its own
            stop = self._stat.size
        self._span = Span(self._source, position, stop, self._stat)
        return self._span

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
