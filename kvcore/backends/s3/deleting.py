"""Many keys deleted by one request, each with its own error."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from kvcore.backends.s3.errors import code_of, failures, message_of, status_of, told
from kvcore.backends.s3.objects import Answer, Boto, Request
from kvcore.errors import KvcoreError, StoreError, StoreTimeout

if TYPE_CHECKING:
    from kvcore.backends.s3.store import S3Store

_KEYS_AT_ONCE = 1000  # the most that a request may name
_RESULT = "kvcore_result"
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_UNKNOWN = frozenset(
    {"MissingContentMD5", "MethodNotAllowed", "NotImplemented", "UnsupportedOperation"}
)


def delete_many(store: S3Store, keys: Iterable[str]) -> dict[str, KvcoreError]:
    """Delete them; the errors of those that could not be deleted."""
    errors: dict[str, KvcoreError] = {}
    simple: list[str] = []
    odd: list[str] = []
    for key in keys:
        alone = store._connection.service.drops_deletes or _NOT_IN_XML.search(key)
        (odd if alone else simple).append(key)
    late = False
    for batch in _batches(simple):
        if late:
            errors |= {key: store._not_tried(key) for key in batch}
            continue
        found = _delete_batch(store, batch)
        if found is None:  # a service that cannot do it
            odd += batch
        else:
            errors |= found
            late = any(isinstance(error, StoreTimeout) for error in found.values())
    errors |= store._each(odd, store._delete)[1]
    return errors


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while batch := list(islice(rest, _KEYS_AT_ONCE)):
        yield batch


def _delete_batch(store: S3Store, keys: list[str]) -> dict[str, KvcoreError] | None:
    prefix = store._prefix
    named = {"Objects": [{"Key": prefix + key} for key in keys], "Quiet": True}
    try:
        answer = store._client().delete_objects(Bucket=store._bucket, Delete=named)
    except failures() as error:
        if code_of(error) in _UNKNOWN or status_of(error) in {405, 501}:
            return None
        return {key: _caused(told(error, key, store), error) for key in keys}
    if not answer.get(_RESULT, True):
        text = "the answer is no result, so nobody knows what was deleted: is this an S3 service?"
        return {key: StoreError(text, key=key, store=store) for key in keys}
    errors: dict[str, KvcoreError] = {}
    for entry in answer.get("Errors", ()):
        code = entry.get("Code", "")
        key = entry.get("Key", "").removeprefix(prefix)
        if code != "NoSuchKey":
            text = message_of(code, 0, entry.get("Message", ""))
            errors[key] = StoreError(text, key=key, store=store)
    return errors


def _caused(error: KvcoreError, cause: Exception) -> KvcoreError:
    error.__cause__ = cause
    return error


def name_by_md5(request: Request, **_: object) -> None:
    """Have a request that names keys carry the checksum that every service knows.

    S3 asks for some checksum; newer clients send one that older services do not count.
    """
    import hashlib

    for name in list(request.headers):
        if name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum-")):
            del request.headers[name]
    body = request.data
    data = body.encode() if isinstance(body, str) else bytes(body)
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(digest).decode()


def _see_result(response_dict: Answer, customized_response_dict: Answer, **_: object) -> None:
    """Note whether this is a deletion's answer; botocore takes any XML, and nothing, for one."""
    customized_response_dict[_RESULT] = b"DeleteResult" in response_dict["body"]


def listen(events: Boto, *, md5: bool) -> None:
    """Hook into the events of a client that is ours."""
    events.register("before-parse.s3.DeleteObjects", _see_result)
    if md5:
        events.register("before-sign.s3.DeleteObjects", name_by_md5)
