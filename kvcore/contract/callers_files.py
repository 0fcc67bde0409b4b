"""The caller's own files: a path to read from, a path to fill all or nothing.

Errors here are the caller's (``FileNotFoundError``, ``PermissionError``, …) and pass unchanged.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TypeAlias

from kvcore.errors import StoreError

Path: TypeAlias = str | os.PathLike[str]
"""A path on the caller's side."""


@contextmanager
def filling(path: str) -> Iterator[IO[bytes]]:
    """A file that becomes ``path`` if the block ends well; else ``path`` stays as it was.

    The temporary file lies beside ``path`` and is gone after a failure. An existing file keeps its
    mode, a symbolic link stays one (its target is replaced), and what is not a regular file (a
    device, a pipe) is written directly.
    """
    path = os.path.realpath(path)
    mode: int | None = None
    try:
        found = os.stat(path)
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISREG(found.st_mode):
            with open(path, "wb", buffering=0) as device:
                yield device
            return
        mode = stat.S_IMODE(found.st_mode)
    temporary = f"{path[: -len(os.path.basename(path))]}.kvcore-{os.urandom(8).hex()}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_BINARY", 0)  # Windows would translate line ends
    fd = os.open(temporary, flags, 0o666)
    try:
        with open(fd, "wb", buffering=0) as file:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(fd, mode)
            yield file
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def remove_source(path: str, source: os.stat_result, key: str, store: object) -> None:
    """Consume the caller's file, whose value is stored. `StoreError` if it cannot be removed.

    ``source`` is its ``lstat`` from before it was read. Another file, or newer bytes, that lie
    there by now stay: nobody has stored them, or they are the value itself.
    """
    try:
        found = os.lstat(path)
        if os.path.samestat(found, source) and _version(found) == _version(source):
            os.unlink(path)
    except OSError as error:
        raise StoreError(
            f"the value is stored, but its source {path!r} could not be removed",
            key=key,
            store=store,
        ) from error


def _version(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
