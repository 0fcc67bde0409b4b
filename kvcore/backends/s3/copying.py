"""Copies and moves inside the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvcore.backends.s3.errors import code_of, failures, is_missing, said, told
from kvcore.backends.s3.objects import Answer
from kvcore.backends.s3.parts import Upload
from kvcore.backends.s3.providers import COMPLETE, COPY
from kvcore.backends.s3.reading import etag_of
from kvcore.backends.s3.uploading import Put
from kvcore.backends.s3.urls import MIB, MOST_PUT_BYTES
from kvcore.contract import WriteOptions
from kvcore.errors import KeyNotFound, KvcoreError, StoreError

if TYPE_CHECKING:
    from kvcore.backends.s3.store import S3Store

PART_BYTES = 256 * MIB
_TOO_LARGE = frozenset({"InvalidRequest", "EntityTooLarge", "InvalidArgument"})
# What a copy does not take over by itself.
_OF_THE_STORE = ("ACL", "StorageClass", "ServerSideEncryption", "SSEKMSKeyId")
# What an upload in parts has to be told again.
_OF_THE_SOURCE = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Metadata",
)


def copy(store: S3Store, source: str, dest: str, *, if_absent: bool) -> bool:
    """Copy in the service; ``False`` if it would not decide the condition."""
    if if_absent and COPY not in store._conditions.decided:
        return False
    try:
        answer = store._client().copy_object(
            **store._request(dest),
            CopySource=store._request(source),
            **_own(store),
            **({"IfNoneMatch": "*"} if if_absent else {}),
        )
    except failures() as error:
        if is_missing(error):
            raise KeyNotFound(key=source, store=store) from error
        if code_of(error) in _TOO_LARGE:
            return _copy_large(store, source, dest, error, if_absent=if_absent)
        raise told(error, dest, store, creating=if_absent) from error
    said(answer.get("CopyObjectResult", {}), "ETag", dest, store)
    return True


def _own(store: S3Store) -> dict[str, Answer]:
    return {name: store._put_params[name] for name in _OF_THE_STORE if name in store._put_params}


def _copy_large(
    store: S3Store, source: str, dest: str, refusal: Exception, *, if_absent: bool
) -> bool:
    """Copy in parts what is too large for one request."""
    found = store._head(source)
    if found is None:
        raise KeyNotFound(key=source, store=store) from refusal
    size, etag = said(found, "ContentLength", source, store), etag_of(found)
    if size <= MOST_PUT_BYTES or etag is None:
        raise told(refusal, dest, store) from refusal
    if if_absent and COMPLETE not in store._conditions.decided:
        return False
    put = Put(store, dest, WriteOptions(if_absent=if_absent))
    kept = {name: found[name] for name in _OF_THE_SOURCE if found.get(name)}
    upload = Upload(put, {**store._request(dest), **kept, **_own(store)}, put.sizes.concurrency)
    part = max(PART_BYTES, put.sizes.part_of(size))
    replaced = StoreError(
        "the value was replaced while it was copied; try again", key=source, store=store
    )

    def is_replaced() -> bool:
        return etag_of(store._head(source) or {}) != etag

    try:
        for start in range(0, size, part):
            upload.send(
                "upload_part_copy",
                CopySource=store._request(source),
                CopySourceIfMatch=store._conditions.matching(etag),
                CopySourceRange=f"bytes={start}-{min(start + part, size) - 1}",
            )
        upload.wait()
        if is_replaced():  # a service may not know CopySourceIfMatch
            raise replaced
        upload.complete()
    except BaseException as error:
        upload.abort(error)
        if error is not replaced and isinstance(error, KvcoreError) and is_replaced():
            raise replaced from error
        raise
    return True
