"""`KVFile`: what `KVStorage.open` returns, a Django file over a value of a store."""

from __future__ import annotations

import io
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, cast

from django.core.files import File

from kvcore import KeyNotFound, KeyValueStore, Reader, Writer

if TYPE_CHECKING:
    _File = File[Any]
else:
    _File = File  # generic for type checkers only

_MODES = ("r", "rt", "rb", "w", "wt", "wb", "x", "xt", "xb")


class KVFile(_File):
    """A value, open in one of the modes r, w and x, as text (UTF-8) or with b as bytes.

    What is written is published whole by ``close``, and not at all if a ``with`` block ends in an
    exception. Reading is seekable and fetches only what is read.
    """

    file: IO[Any]
    mode: str

    def __init__(self, store: KeyValueStore, name: str, mode: str) -> None:
        self._store = store
        super().__init__(_opened(store, name, mode), name)
        self.mode = mode

    @property
    def size(self) -> int:
        """Bytes: of the version that is read, or of what was written so far."""
        if isinstance(self.file, _WritingFile):
            return self.file.written
        reader = self.file.buffer if isinstance(self.file, io.TextIOWrapper) else self.file
        return cast("Reader", reader).stat.size

    def open(self, mode: str | None = None, *_: object, **__: object) -> Self:
        """Go back to the start; opened anew if it was closed, or in another mode."""
        mode = self.mode if mode is None else mode
        if self.closed or mode != self.mode:
            self.close()
            self.file, self.mode = _opened(self._store, str(self.name), mode), mode
        else:
            self.seek(0)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_type is not None and isinstance(self.file, _WritingFile):
            self.file.abort()
        self.close()


class _WritingFile:
    """Not an `io` class: those close themselves when dropped, and that would publish a half."""

    def __init__(self, writer: Writer, *, text: bool) -> None:
        self._writer = writer
        self._text = text
        self.written = 0

    @property
    def closed(self) -> bool:
        return self._writer.closed

    def write(self, data: str | bytes) -> int:
        if self._text != isinstance(data, str):
            raise TypeError(f"this file takes {'str' if self._text else 'bytes'}")
        self.written += self._writer.write(data.encode() if isinstance(data, str) else data)
        return len(data)

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        """Nothing is seen before ``close``."""

    def close(self) -> None:
        if not self._writer.closed:
            self._writer.commit()

    def abort(self) -> None:
        self._writer.abort()


def _opened(store: KeyValueStore, name: str, mode: str) -> IO[Any]:
    if mode not in _MODES:
        raise ValueError(f"a file of a store opens in the modes {', '.join(_MODES)}, not {mode!r}")
    text = not mode.endswith("b")
    if mode[0] != "r":
        writer = store.open_write(name, if_absent=mode[0] == "x")
        return cast("IO[Any]", _WritingFile(writer, text=text))
    try:
        reader = store.open(name)
    except KeyNotFound as error:
        raise FileNotFoundError(f"there is no file {name!r} in this storage") from error
    return io.TextIOWrapper(reader, encoding="utf-8") if text else reader
