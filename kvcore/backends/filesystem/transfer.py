"""Moving bytes between descriptors: inside the kernel where it can, else through here."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys

_COPY_BYTES = 64 * 1024 * 1024  # per call, so that signals are heard
_BLOCK_BYTES = 256 * 1024
# What says that these two files cannot be copied so: other file systems, old kernels, devices.
_NOT_SO = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}


def copy_to_end(source: int, dest: int, offset: int = 0) -> int:
    """Copy ``source`` from ``offset`` to its end, to where ``dest`` stands.

    Returns how many bytes; the position of ``source`` is not meant to be used afterwards.
    """
    copied = _copy_in_kernel(source, dest, offset)
    # Also after a copy that ended well: some file systems report 0 at once (such as /proc), and
    # only a read of b"" is the end.
    os.lseek(source, offset + copied, os.SEEK_SET)
    while block := os.read(source, _BLOCK_BYTES):
        write_all(dest, block)
        copied += len(block)
    return copied


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


def write_all(fd: int, block: bytes) -> None:
    """Write the whole block, however little the system takes at a time."""
    written = os.write(fd, block)
    while written < len(block):
        block = block[written:]
        written = os.write(fd, block)


def read_to_end(fd: int, size: int) -> bytes:
    """All of a file that is said to have ``size`` bytes and is never changed in place."""
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    while block := os.read(fd, _BLOCK_BYTES):
        parts.append(block)
    return b"".join(parts)


def regular_descriptor(file: object) -> int | None:
    """The descriptor of a plain file on disk, if ``file`` gives its very bytes; else ``None``.

    Only the exact standard classes: a ``GzipFile`` has a descriptor, too, but of other bytes.
    """
    raw = file.raw if isinstance(file, io.BufferedReader | io.BufferedRandom) else file
    if type(raw) is not io.FileIO or not raw.readable():
        return None
    fd = raw.fileno()
    return fd if stat.S_ISREG(os.fstat(fd).st_mode) else None
