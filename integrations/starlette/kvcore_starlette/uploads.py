"""Uploads into a store."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from kvcore import (
    AsyncKeyValueStore,
    AsyncUploader,
    UploadRefused,
    UploadTooLarge,
    UploadTypeRefused,
)
from kvcore.uploads import http_status
from kvcore_starlette.middleware import find_store


async def save_upload(
    file: UploadFile,
    *,
    store: str | AsyncKeyValueStore = "default",
    request: HTTPConnection | None = None,
    template: str = "{id}{ext}",
    max_bytes: int | None = None,
    content_types: Collection[str] | None = None,
) -> str:
    """Store an upload (``form["picture"]``) under a generated key; returns the key.

    ``store`` is a store, or a name among those of `StoreMiddleware`, which needs ``request``. The
    other options and the errors are those of `kvcore.Uploader`. A refused upload, and one whose
    task was cancelled, leaves nothing behind.

    Its `UploadRefused` is an ``HTTPException`` as well (413, 415, or 400 for a form without a
    file), so an endpoint may leave it to the application.
    """
    if not isinstance(file, UploadFile):
        raise TypeError(
            f"save_upload takes an upload, not {type(file).__name__};"
            " has the form enctype=multipart/form-data?"
        )
    uploader = AsyncUploader(
        find_store(store, None if request is None else request.scope),
        template=template,
        max_bytes=max_bytes,
        content_types=content_types,
    )
    await file.seek(0)  # a check may have read it
    try:
        return (await uploader.save(file, name=file.filename)).key
    except UploadTooLarge as error:
        raise _TooLarge.of(error) from error
    except UploadTypeRefused as error:
        raise _TypeRefused.of(error) from error
    except UploadRefused as error:
        raise _Refused.of(error) from error


class _Refused(UploadRefused, HTTPException):
    @classmethod
    def of(cls, error: UploadRefused) -> Self:
        answer = cls(error.message)
        answer.__dict__.update(error.__dict__)
        HTTPException.__init__(answer, http_status(error), error.message)
        return answer


class _TooLarge(_Refused, UploadTooLarge):
    pass


class _TypeRefused(_Refused, UploadTypeRefused):
    pass
