"""Uploads into a store, and generated keys for a `FileField`."""

from __future__ import annotations

from collections.abc import Collection

from django.core.files import File
from django.core.files.storage import Storage
from django.db.models import Model
from django.utils.deconstruct import deconstructible

from kvcore import PATH, KeyValueStore, Template, Uploader, random_id
from kvcore.mime import known_extension
from kvcore_django.stores import current_store

_MAX_LENGTH = 100  # of a FileField that does not say otherwise


def save_upload(
    file: File[bytes],
    *,
    store: str | KeyValueStore | Storage = "default",
    template: str = "{id}{ext}",
    max_bytes: int | None = None,
    content_types: Collection[str] | None = None,
) -> str:
    """Store an upload under a generated key; returns the key, which a `FileField` takes as value.

    ``store`` is a name in ``KVCORE_STORES``, a store, or the `KVStorage` of a field; the other
    options and the errors are those of `kvcore.Uploader`. A refused upload leaves nothing behind;
    `kvcore.uploads.http_status` tells the status to answer its `UploadRefused` with.
    """
    uploader = Uploader(
        current_store(store), template=template, max_bytes=max_bytes, content_types=content_types
    )
    if file.seekable():
        file.seek(0)  # validators may have read it
    return uploader.save(file, name=file.name).key


@deconstructible(path="kvcore_django.GeneratedKey")
class GeneratedKey:
    """Keys for a field: ``FileField(upload_to=GeneratedKey("pictures/{id}{ext}"))``.

    ``{id}`` is a `kvcore.random_id`. ``{ext}`` is the extension of the client's file name if it is
    that of a harmless type, else ``.bin``: Django asks for a name before it shows the bytes.
    Where the extension is to tell the type, use `save_upload`. Keys have at most 100 characters.

    >>> GeneratedKey("pictures/{id}{ext}")(None, "my cat.JPEG")
    'pictures/....jpg'
    """

    def __init__(self, template: str = "{id}{ext}") -> None:
        self.template = template
        self._template = Template(template, fields=("id", "ext"))
        self._template.check(PATH, id="0", ext=".bin")
        longest = len(self._template.fill(id=random_id(), ext=".webm"))
        if longest > _MAX_LENGTH:
            raise ValueError(f"the template {template!r} makes keys of {longest} characters")

    def __call__(self, instance: Model | None, filename: str) -> str:
        return self._template.fill(id=random_id(), ext=known_extension(filename))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GeneratedKey) and self.template == other.template

    def __hash__(self) -> int:
        return hash(self.template)
