"""Receiving an upload: one pass over its bytes counts, tells the type, hashes and stores.

A rule that fails leaves nothing behind: the value is published only when all of it was seen.

>>> from io import BytesIO
>>> from kvcore import DictStore
>>> store = DictStore()
>>> uploader = Uploader(store, max_bytes=1000, content_types={"image/*"})
>>> stored = uploader.save(BytesIO(b"GIF89a..."), name="cat.png")
>>> stored.key, stored.name, stored.size, stored.content_type
('....gif', 'cat.png', 9, 'image/gif')
>>> uploader.save(BytesIO(b"<script>alert(1)</script>"), name="cat.png")
Traceback (most recent call last):
    ...
kvcore.errors.UploadTypeRefused: this upload is text/html, as its bytes tell; wanted: image/*
>>> store.keys("") == [stored.key]
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import Generic, NamedTuple, TypeVar

from kvcore.aio import AsyncKeyValueStore, AsyncReadable, InlineStore, run_inline
from kvcore.contract import KeyValueStore, Source
from kvcore.contract.streams import BLOCK_BYTES, as_source
from kvcore.errors import UploadRefused, UploadTooLarge, UploadTypeRefused
from kvcore.filenames import clean_filename, key_part
from kvcore.ids import Template, random_id
from kvcore.mime import HEAD_BYTES, detect, extension_for, is_allowed

_Store = TypeVar("_Store", KeyValueStore, AsyncKeyValueStore)


class StoredFile(NamedTuple):
    """An upload that was stored."""

    key: str
    name: str
    """What the client called it, cleaned; to be shown (escaped), never to be used as a path."""
    size: int
    """Bytes."""
    content_type: str
    """What the bytes are, whatever the client said."""
    sha256: str
    """Of the bytes, in hexadecimal."""


def http_status(error: UploadRefused) -> int:
    """The status to answer a refused upload with: 413, 415, or 400 for a form without a file.

    >>> http_status(UploadTooLarge(max_bytes=5)), http_status(UploadTypeRefused())
    (413, 415)
    """
    if isinstance(error, UploadTooLarge):
        return 413
    return 415 if isinstance(error, UploadTypeRefused) else 400


class _Uploader(Generic[_Store]):
    def __init__(
        self,
        store: _Store,
        *,
        template: str = "{id}{ext}",
        max_bytes: int | None = None,
        content_types: Collection[str] | None = None,
        ids: Callable[[], str] = random_id,
    ) -> None:
        if max_bytes is not None and max_bytes < 0:
            raise ValueError("max_bytes is not negative")
        if isinstance(content_types, str):
            raise TypeError("content_types is a collection of types, not one type")
        self.store: _Store = store.with_keys("path")
        self._template = Template(template, fields=("id", "ext", "name"))
        self._template.check(self.store.keyspace, id="0", ext=".bin", name="name")
        self._max_bytes = max_bytes
        self._content_types = content_types
        self._ids = ids

    async def _receive(
        self, store: AsyncKeyValueStore, file: AsyncReadable, name: str | None
    ) -> StoredFile:
        block = await file.read(BLOCK_BYTES)
        if not block and name == "":  # what browsers send for a field that was left empty
            raise UploadRefused("no file was chosen")
        while len(block) < HEAD_BYTES and (more := await file.read(BLOCK_BYTES)):
            block += more
        content_type = detect(block[:HEAD_BYTES], complete=len(block) < HEAD_BYTES)
        self._check_type(content_type)
        size, sha256 = 0, hashlib.sha256()
        key = self._template.fill(
            id=self._ids(), ext=extension_for(content_type), name=key_part(name)
        )
        writer = await store.open_write(
            key, if_absent=store.capabilities.if_absent, content_type=content_type
        )
        async with writer:
            while block:
                size += len(block)
                if self._max_bytes is not None and size > self._max_bytes:
                    raise UploadTooLarge(
                        f"this upload has more than {self._max_bytes} bytes",
                        max_bytes=self._max_bytes,
                    )
                sha256.update(block)
                await writer.write(block)
                block = await file.read(BLOCK_BYTES)
        return StoredFile(key, clean_filename(name), size, content_type, sha256.hexdigest())

    def _check_type(self, content_type: str) -> None:
        if self._content_types is None or is_allowed(content_type, self._content_types):
            return
        wanted = ", ".join(sorted(self._content_types))
        raise UploadTypeRefused(
            f"this upload is {content_type}, as its bytes tell; wanted: {wanted}",
            content_type=content_type,
        )


class Uploader(_Uploader[KeyValueStore]):
    """Receives uploads into a store, by rules that hold for each.

    ``template`` makes the key: ``{id}`` is what ``ids()`` returns, ``{ext}`` the extension of the
    detected type with its dot, ``{name}`` the client's file name without its extension, reduced
    to letters, digits, ``_`` and ``-``. ``max_bytes`` and ``content_types`` (such as ``image/png``
    or ``image/*``; active types must be named exactly) are the rules; ``None`` means any.

    Keys are those of the space ``path``, so a template may hold ``/``. Where the store can, an
    existing key is never written to.
    """

    def save(self, file: Source, *, name: str | None = None) -> StoredFile:
        """Store the rest of a binary file; the file stays open.

        An empty file is stored as any other; without a name (``""``, not ``None``) it is a form
        whose field was left empty, and refused.

        Raises `UploadRefused` (`UploadTooLarge` and `UploadTypeRefused` are of this kind),
        `KeyExists`, what the store raises, and what ``file`` raises; then nothing was stored.
        """
        source = _Awaited(as_source(file).read)
        return run_inline(self._receive(InlineStore(self.store), source, name))


class AsyncUploader(_Uploader[AsyncKeyValueStore]):
    """`Uploader` for asyncio: the same rules, a store whose verbs are awaited."""

    async def save(self, file: AsyncReadable, *, name: str | None = None) -> StoredFile:
        """Store the rest of a file whose ``read(size)`` is awaited; it stays open.

        Raises as `Uploader.save`; cancelled, it leaves nothing behind as well.
        """
        return await self._receive(self.store, file, name)


class _Awaited:
    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    async def read(self, size: int, /) -> bytes:
        return self._read(size)
