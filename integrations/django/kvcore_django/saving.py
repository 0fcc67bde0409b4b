"""What Django's files hold, on its way into a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.core.files import File

from kvcore import KeyValueStore
from kvcore.mime import HEAD_BYTES, detect


class Content:
    """A file that Django is to save, from its start; it stays open.

    An upload that lies in a temporary file is moved, as by Django's own storages; it can still be
    read afterwards, and be saved again.
    """

    def __init__(self, file: File[Any]) -> None:
        self._file = file
        self._path = _path_of(file)
        self._begun: tuple[bytes, Iterator[bytes]] | None = None

    @property
    def content_type(self) -> str:
        """What the bytes are, whatever the client said."""
        if self._path is None:
            head = self._begin()[0]
        else:
            with open(self._path, "rb") as file:
                head = file.read(HEAD_BYTES)
        return detect(head[:HEAD_BYTES], complete=len(head) < HEAD_BYTES)

    @property
    def can_be_put_again(self) -> bool:
        """Whether another ``put`` will see all of it."""
        return self._path is not None or self._begun is not None or bool(self._file.seekable())

    def put(self, store: KeyValueStore, key: str, *, if_absent: bool, typed: bool) -> str:
        """Store it; ``typed``: with its content type. What the file raises is passed on."""
        content_type = self.content_type if typed else None
        if self._path is not None:
            return store.put_file(
                key, self._path, move=True, if_absent=if_absent, content_type=content_type
            )
        first, rest = self._begin()
        second = next(rest, b"")
        if not second:  # in one go: for a small value that is half the work
            return store.put(key, first, if_absent=if_absent, content_type=content_type)
        self._begun = None
        blocks = chain((first, second), rest)
        return store.put_file(key, blocks, if_absent=if_absent, content_type=content_type)

    def _begin(self) -> tuple[bytes, Iterator[bytes]]:
        """The first bytes, enough to tell the type, and the blocks behind them."""
        if self._begun is None:
            blocks = _blocks(self._file)
            first = next(blocks, b"")
            while len(first) < HEAD_BYTES and (more := next(blocks, b"")):
                first += more
            self._begun = first, blocks
        return self._begun


def _path_of(file: File[Any]) -> str | None:
    """Where an upload lies, if it does so in a file that may be moved away."""
    path_of = getattr(file, "temporary_file_path", None)
    if path_of is None:
        return None
    path: str = os.fspath(path_of())
    if not os.path.exists(path):  # it was saved before; what is open can still be read
        return None
    file.flush()  # what was written to it a moment ago
    return path


def _blocks(file: File[Any]) -> Iterator[bytes]:
    """The content from its start; text as UTF-8. None is empty."""
    for chunk in file.chunks():  # without a size: not all that Django takes has that parameter
        if chunk:
            yield chunk.encode() if isinstance(chunk, str) else chunk
