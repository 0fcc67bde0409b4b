"""Uploads into a store, and generated keys for a `FileField`."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from django.core.files import File
from django.core.files.storage import Storage
from django.db.models import Model
from django.utils.deconstruct import deconstructible

from kvcore import PATH, KeyValueStore, Template, Uploader, random_id
from kvcore.mime import known_extension
from kvcore_django.names import GeneratedName
from kvcore_django.stores import current_store

_MAX_LENGTH = 100  # of a FileField that does not say otherwise
_LONGEST_EXTENSION = ".webm"


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

    >>> from django.core.files.base import ContentFile
    >>> from kvcore import DictStore
    >>> save_upload(ContentFile(b"GIF89a", name="my cat.png"), store=DictStore())
    '....gif'
    """
    uploader = Uploader(
        current_store(store), template=template, max_bytes=max_bytes, content_types=content_types
    )
    if file.seekable():
        file.seek(0)  # validators may have read it
    return uploader.save(file, name=file.name).key


def generate_key(template: str = "{id}{ext}") -> KeyGenerator:
    """Keys for a field: ``FileField(upload_to=generate_key("pictures/{id}{ext}"))``.

    ``{id}`` is a `kvcore.random_id`, ``{ext}`` the extension of the type that the bytes have, or
    ``.bin``; nothing in a key comes from the client. (Without `KVStorage` nobody shows the bytes
    in time: then ``{ext}`` is that of the client's file name, if it is one of a harmless type.)

    Stands in migrations as this call. Raises ``ValueError`` for a template whose keys are not legal
    or exceed 100 characters, which a `FileField` takes unless it says otherwise.

    >>> generate_key("pictures/{id}{ext}")(None, "my cat.JPEG")
    'pictures/....jpg'
    """
    return KeyGenerator(template)


@deconstructible(path="kvcore_django.uploads.generate_key")
class KeyGenerator:
    """What `generate_key` returns: a callable for ``upload_to``."""

    def __init__(self, template: str) -> None:
        self.template = template
        self._template = Template(template, fields=("id", "ext"))
        self._template.check(PATH, id="0", ext=".bin")
        self.max_length: int = len(self._fill(random_id(), _LONGEST_EXTENSION))
        if self.max_length > _MAX_LENGTH:
            raise ValueError(
                f"the template {template!r} makes keys of {self.max_length} characters;"
                f" a field takes {_MAX_LENGTH}, and Django would cut the rest, or refuse it"
            )

    def _fill(self, id_: str, extension: str) -> str:
        return self._template.fill(id=id_, ext=extension)

    def __call__(self, instance: Model | None, filename: str) -> GeneratedName:
        fill = partial(self._fill, random_id())
        return GeneratedName(fill, known_extension(filename), self.max_length)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyGenerator) and self.template == other.template

    def __hash__(self) -> int:
        return hash(self.template)
