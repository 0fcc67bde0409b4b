"""`Body`: bytes on their way to the service, read in blocks; also again, after a lost connection.

The http client sends a body in small blocks and times each; what is handed over whole must go out
within one time-out. And a body says when it last moved, so that a slow line is not a dead one.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from collections.abc import Callable, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

_BLOCK_BYTES = 256 * 1024


class Halted(Exception):
    """The upload was given up while this part was on its way: no error of its own."""


class Body:
    """Some bytes that can be read again from their start.

    ``pread(size, offset)`` gives at most ``size`` of them, some at least.
    """

    def __init__(
        self,
        pread: Callable[[int, int], bytes],
        size: int,
        halted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._pread = pread
        self._size = size
        self._halted = halted
        self._position = 0
        self.moved: float = time.monotonic()
        """When bytes were last taken."""
        self.error: BaseException | None = None
        """What went wrong here and not on the way; botocore would wrap it."""

    @classmethod
    def of_buffers(
        cls,
        buffers: Sequence[bytes | bytearray],
        each_bytes: int,
        halted: Callable[[], bool] = lambda: False,
    ) -> Body:
        """Over buffers of ``each_bytes``, but for the last one."""
        views = [memoryview(buffer) for buffer in buffers]

        def pread(size: int, offset: int) -> bytes:
            number, start = divmod(offset, each_bytes)
            return bytes(views[number][start : start + size])

        return cls(pread, sum(map(len, buffers)), halted)

    def read(self, size: int | None = -1) -> bytes:
        """At most ``size`` bytes, ``b""`` at the end."""
        left = self._size - self._position
        if size is None or size < 0:
            size = left
        else:
            size = min(size, left, _BLOCK_BYTES)  # hashes ask for a MiB, in each of many threads
        if not size:
            return b""
        try:
            if self._halted():
                raise Halted
            block = self._pread(size, self._position)
            if not block:
                raise OSError(errno.EIO, "the file became shorter while it was read")
        except BaseException as error:
            self.error = error
            raise
        self._position += len(block)
        self.moved = time.monotonic()
        return block

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def __len__(self) -> int:
        return self._size


class Region(NamedTuple):
    """The rest of a file on disk, which several threads can read at once."""

    fd: int
    start: int
    size: int

    def body(self, offset: int, size: int, halted: Callable[[], bool] = lambda: False) -> Body:
        """A part of it."""
        fd, start = self.fd, self.start + offset

        def pread(wanted: int, position: int) -> bytes:
            return os.pread(fd, wanted, start + position)

        return Body(pread, size, halted)


def region_of(file: IO[bytes]) -> Region | None:
    """The rest of ``file`` if it lies on disk, and this system can read it in places."""
    if not hasattr(os, "pread"):
        return None
    if type(file) in {io.BufferedRandom, SpooledTemporaryFile}:
        file.flush()
    elif type(getattr(file, "raw", file)) is not io.FileIO:
        return None
    fd = file.fileno()
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        return None
    start = file.tell()
    size = found.st_size - start
    return Region(fd, start, size) if size > 0 else None  # files of /proc say that they are empty
