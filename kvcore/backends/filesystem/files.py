"""What ``open`` reads and ``open_write`` writes: files whose errors are told as the store's."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from kvcore.backends.filesystem.folder import Draft
from kvcore.backends.filesystem.transfer import copy_to_end
from kvcore.backends.filesystem.tree import Tree
from kvcore.contract import Reader, WriteOptions, Writer
from kvcore.errors import KvcoreError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Failed = Callable[[OSError | KvcoreError, str | None], KvcoreError]
"""Makes ours of the system's error, for a key."""


class ValueFile(io.FileIO):
    """A value, open for reading."""

    def __init__(self, fd: int, key: str, failed: Failed) -> None:
        super().__init__(fd)
        self._key = key
        self._failed = failed

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read into ``buffer``; returns the number of bytes."""
        try:
            return super().readinto(buffer) or 0
        except OSError as error:
            raise self._failed(error, self._key) from error

    def readall(self) -> bytes:
        """All the rest."""
        try:
            return super().readall() or b""
        except OSError as error:
            raise self._failed(error, self._key) from error


class FileWriter(Writer):
    """Writes to a draft; published by the tree."""

    def __init__(
        self, tree: Tree, draft: Draft, key: str | None, options: WriteOptions, failed: Failed
    ) -> None:
        super().__init__(key)
        self._tree = tree
        self._draft = draft
        self._options = options
        self._failed = failed

    def fill(self, fd: int, offset: int) -> int:
        """Take the rest of a file on disk; returns how many bytes."""
        try:
            return copy_to_end(fd, self._draft.fd, offset)
        except OSError as error:
            raise self._failed(error, self.key) from error

    def _write(self, block: bytes) -> None:
        try:
            self._draft.write(block)
        except OSError as error:
            raise self._failed(error, self.key) from error

    def _commit(self, key: str) -> None:
        try:
            self._tree.publish(self._draft, key, self._options)
        except (OSError, KvcoreError) as error:
            self._draft.discard()
            raise self._failed(error, key) from error
        except BaseException:
            self._draft.discard()
            raise

    def _abort(self) -> None:
        self._draft.discard()


_BUFFERED = (io.BufferedReader, io.BufferedRandom, Reader)
_RAW = (io.FileIO, ValueFile)


def regular_descriptor(file: object) -> int | None:
    """The descriptor of a plain file on disk, if ``file`` gives its very bytes; else ``None``.

    Only the exact standard classes and ours: a ``GzipFile`` has a descriptor, too, but of other
    bytes.
    """
    raw = getattr(file, "raw", None) if type(file) in _BUFFERED else file
    if type(raw) not in _RAW or not isinstance(raw, io.FileIO) or not raw.readable():
        return None
    fd = raw.fileno()
    return fd if stat.S_ISREG(os.fstat(fd).st_mode) else None
