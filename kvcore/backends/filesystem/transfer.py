"""Moving bytes between descriptors: inside the kernel where it can, else through here."""

from __future__ import annotations

import errno
import os
import sys

_COPY_BYTES = 64 * 1024 * 1024  # per call, so that signals are heard
_BLOCK_BYTES = 256 * 1024
# What says that these two files cannot be copied so: other file systems, old kernels, devices.
_NOT_SO = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}


def copy_to_end(source: int, dest: int, offset: int = 0) -> int:
    """Copy ``source`` from ``offset`` to its end, to where ``dest`` stands; returns how many bytes.

    ``source`` stays where it stands (not on Windows): a file object over it may have read ahead.
    """
    copied = _copy_in_kernel(source, dest, offset)
    # Also after a copy that ended well: some file systems report 0 at once (such as /proc), and
    # only a read of b"" is the end.
    while block := _read_at(source, offset + copied):
        write_all(dest, block)
        copied += len(block)
    return copied


if hasattr(os, "pread"):

    def _read_at(fd: int, offset: int) -> bytes:
        return os.pread(fd, _BLOCK_BYTES, offset)

else:

    def _read_at(fd: int, offset: int) -> bytes:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, _BLOCK_BYTES)


def _copy_in_kernel(source: int, dest: int, offset: int) -> int:
    copied = 0
    if hasattr(os, "copy_file_range"):
        try:
            while done := os.copy_file_range(source, dest, _COPY_BYTES, offset + copied):
                copied += done
            return copied
        except OSError as error:
            if error.errno not in _NOT_SO:
                raise
    if hasattr(os, "sendfile") and sys.platform == "linux":  # elsewhere: to sockets only
        try:
            while done := os.sendfile(dest, source, offset + copied, _COPY_BYTES):
                copied += done
        except OSError as error:
            if error.errno not in _NOT_SO:
                raise
    return copied


def sync_to_disk(fd: int) -> None:
    """Return when the file or directory survives a power cut. Never to be tried again on failure:
    the system forgets what it could not write.
    """
    if sys.platform == "darwin":  # fsync leaves it in the drive's cache there, fsync(2)
        from fcntl import F_FULLFSYNC, fcntl

        fcntl(fd, F_FULLFSYNC)
    else:
        os.fsync(fd)


def write_all(fd: int, block: bytes | memoryview) -> None:
    """Write the whole block, however little the system takes at a time."""
    written = os.write(fd, block)
    if written < len(block):
        rest = memoryview(block)  # a value of gigabytes is not to be copied for each part
        while rest := rest[written:]:
            written = os.write(fd, rest)


def let_go(fd: int) -> None:
    """Close what was only read from, or a directory: nothing can be lost by an error of that."""
    try:
        os.close(fd)
    except OSError:
        pass


def read_to_end(fd: int, size: int) -> bytes:
    """All of a file that is said to have ``size`` bytes and is never changed in place."""
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    while block := os.read(fd, _BLOCK_BYTES):
        parts.append(block)
    return b"".join(parts)
