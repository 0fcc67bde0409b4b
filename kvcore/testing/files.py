"""`DribblingFile`: a source that gives its bytes in crumbs, as sockets and pipes do."""

from __future__ import annotations

import random


class DribblingFile:
    """A binary file whose ``read`` gives at most ``crumb`` bytes, whatever was asked for.

    ``read()`` without a size gives a crumb too. With ``seed`` each crumb has a random length from
    1 to ``crumb``, the same ones for the same seed. Only ``b""`` is the end, or, where ``error`` is
    given, that error: a source that breaks off half way. ``reads`` counts the calls.

    >>> file = DribblingFile(b"hello", 2)
    >>> file.read(100), file.read(), file.read(1), file.read(), file.read()
    (b'he', b'll', b'o', b'', b'')
    >>> from kvcore import DictStore
    >>> store = DictStore()
    >>> store.put_file("greeting", DribblingFile(b"hello"))
    'greeting'
    >>> store.get("greeting")
    b'hello'
    """

    def __init__(
        self,
        data: bytes,
        crumb: int = 1,
        *,
        seed: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        if crumb < 1:
            raise ValueError("a crumb has at least one byte")
        self._data = data
        self._crumb = crumb
        self._random = None if seed is None else random.Random(seed)  # noqa: S311  # no secret
        self._error = error
        self._position = 0
        self.reads: int = 0
        self.closed: bool = False

    def read(self, size: int | None = -1, /) -> bytes:
        """The next crumb, of at most ``size`` bytes; ``b""`` or the error at the end."""
        if self.closed:
            raise ValueError("read of a closed file")
        self.reads += 1
        most = self._crumb if self._random is None else self._random.randint(1, self._crumb)
        if size is not None and size >= 0:
            most = min(most, size)
        block = self._data[self._position : self._position + most]
        self._position += len(block)
        if not block and most and self._error is not None:
            raise self._error
        return block

    def tell(self) -> int:
        """How many bytes were given."""
        return self._position

    def close(self) -> None:
        """Refuse to be read again."""
        self.closed = True
