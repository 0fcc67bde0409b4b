"""Uploads into a store."""

from __future__ import annotations

from collections.abc import Collection

from werkzeug.datastructures import FileStorage

from kvcore import KeyValueStore, Uploader
from kvcore_flask.stores import current_store


def save_upload(
    file: FileStorage,
    *,
    store: str | KeyValueStore = "default",
    template: str = "{id}{ext}",
    max_bytes: int | None = None,
    content_types: Collection[str] | None = None,
) -> str:
    """Store an upload (``request.files["picture"]``) under a generated key; returns the key.

    ``store`` is a name in ``KVCORE_STORES`` or a store; the other options and the errors are those
    of `kvcore.Uploader`. A refused upload leaves nothing behind.
    """
    if not isinstance(file, FileStorage):
        raise TypeError(
            f"save_upload takes an upload of request.files, not {type(file).__name__};"
            " has the form enctype=multipart/form-data?"
        )
    uploader = Uploader(
        current_store(store), template=template, max_bytes=max_bytes, content_types=content_types
    )
    if file.stream.seekable():
        file.stream.seek(0)  # a check may have read it
    return uploader.save(file.stream, name=file.filename).key
