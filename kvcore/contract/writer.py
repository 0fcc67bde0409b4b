"""`Writer`: a value that is written piece by piece and seen by nobody before it is whole."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, final

from kvcore.contract.streams import as_bytes, spool, write_all

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class Writer(ABC):
    """Takes a value in pieces; publishes it on ``commit``, forgets it on ``abort``.

    As a context manager it commits on a clean exit and aborts on an exception. After a ``write``
    or ``commit`` that raised, the value is forgotten and every further call but ``abort`` raises
    ``ValueError``. Authors write ``_write``, ``_commit`` and ``_abort``; after ``_commit``, well or
    not, ``_abort`` is not called, so ``_commit`` cleans up behind itself.

    >>> from kvcore import DictStore
    >>> store = DictStore()
    >>> with store.open_write("greeting") as writer:
    ...     _ = writer.write(b"hello ")
    ...     _ = writer.write(b"world")
    >>> store.get("greeting")
    b'hello world'
    """

    def __init__(self, key: str | None) -> None:
        self.key = key
        """The key, as a store in whose stack this writer stands knows it."""
        self._check_key: Callable[[str], object] | None = None  # set by the store
        self._open = True
        self._pid = os.getpid()

    @final
    def write(self, data: Buffer) -> int:
        """Take the next bytes; returns how many. Raises `InvalidValue` unless bytes-like."""
        self._check_open()
        try:
            block = as_bytes(data, self.key)
            if block:
                self._write(block)
        except BaseException:
            self.abort()
            raise
        return len(block)

    @final
    def commit(self) -> str:
        """Publish the value whole; returns the key.

        Raises what ``put`` raises, `PreconditionFailed` included; then nothing is published.
        """
        self._check_open()
        try:
            if self.key is None:
                raise ValueError("this writer has no key yet")
            if self._check_key is not None:  # the key may have been set since
                self._check_key(self.key)
        except ValueError:
            self.abort()
            raise
        self._open = False
        self._commit(self.key)
        return self.key

    @final
    def abort(self) -> None:
        """Forget the value; nothing is published. Twice or after ``commit`` it does nothing."""
        if self._open:
            self._open = False
            self._abort()

    @property
    def closed(self) -> bool:
        """Whether the writer was committed or aborted."""
        return not self._open

    @abstractmethod
    def _write(self, block: bytes) -> None:
        """Take some bytes, never none."""

    @abstractmethod
    def _commit(self, key: str) -> None:
        """Publish under ``key``; clean up in any case."""

    @abstractmethod
    def _abort(self) -> None:
        """Leave nothing behind."""

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError("this writer was committed or aborted")

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            self.abort()
        elif self._open:
            self.commit()

    def __del__(self) -> None:
        # A forked child drops its copy of the object; the upload is still the parent's.
        if getattr(self, "_open", False) and self._pid == os.getpid():
            warnings.warn(f"unfinished {self!r} was aborted", ResourceWarning, stacklevel=1)
            self.abort()


class SpoolWriter(Writer):
    """The writer of stores that have none of their own: collect here, put at ``commit``.

    ``publish(key, file)`` is called with the file at its start.
    """

    def __init__(self, key: str | None, publish: Callable[[str, IO[bytes]], object]) -> None:
        super().__init__(key)
        self._publish = publish
        self._spool = spool()

    def _write(self, block: bytes) -> None:
        write_all(self._spool, block)

    def _commit(self, key: str) -> None:
        with self._spool:
            self._spool.seek(0)
            self._publish(key, self._spool)

    def _abort(self) -> None:
        self._spool.close()
