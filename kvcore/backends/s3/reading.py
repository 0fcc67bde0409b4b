"""How bytes are asked for: the `Source` of a value in a bucket."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING

from kvcore.backends.objects import Answer as Part
from kvcore.backends.objects import BehindTheEnd, Checksum, ClientBody
from kvcore.backends.s3.errors import failures, said, status_of, told
from kvcore.backends.s3.objects import Answer
from kvcore.contract import Stat
from kvcore.errors import StoreError

if TYPE_CHECKING:
    from kvcore.backends.s3.store import S3Store

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_PARTIAL = 206
_UNSATISFIABLE = 416


def etag_of(answer: Answer) -> str | None:
    """The etag as we give it to callers: without quotes, as not every service wants them back."""
    etag = answer.get("ETag")
    return etag.strip('"') if etag else None


def check_told(answer: Answer, key: str, store: object) -> None:
    """Raise `StoreError` for an answer to a GET or HEAD that a proxy gave, and no S3 service."""
    for name in ("ContentLength", "ETag"):
        said(answer, name, key, store)


def stat_of(answer: Answer, size: int | None = None) -> Stat:
    """What the answer to a GET or HEAD tells of a value."""
    modified = answer.get("LastModified")
    return Stat(
        answer["ContentLength"] if size is None else size,
        None if modified is None else modified.astimezone(UTC),
        etag_of(answer),
        answer.get("ContentType"),
    )


class ObjectSource:
    """A value in a bucket; see `kvcore.backends.objects.Source`."""

    __slots__ = ("_store", "key", "store")

    def __init__(self, key: str, store: S3Store) -> None:
        self.key: str = key
        self.store: object = store
        self._store = store

    def ask(self, start: int, stop: int | None, version: Stat | None, since: float) -> Part:
        """Ask for the bytes from ``start`` to before ``stop``, or to the end."""
        store, key = self._store, self.key
        params = store._request(key)
        if start or stop is not None:
            params["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        if version is not None and version.etag is not None:
            params["IfMatch"] = store._conditions.matching(version.etag)
        try:
            if version is None:
                answer = store._client().get_object(**params)
            else:
                with store._connection.since(since):  # what went before counts
                    answer = store._client().get_object(**params)
        except failures() as error:
            if status_of(error) == _UNSATISFIABLE:
                if not start:  # an empty value has no first byte
                    return self.ask(0, None, version, since)
                raise BehindTheEnd(
                    "the value is shorter than that", key=key, store=store
                ) from error
            raise told(error, key, store) from error
        check_told(answer, key, store)
        part = answer["ResponseMetadata"]["HTTPStatusCode"] == _PARTIAL
        if part and not _CONTENT_RANGE.match(said(answer, "ContentRange", key, store)):
            raise StoreError("the service does not tell which part it sent", key=key, store=store)
        return _part(answer)


def _part(answer: Answer) -> Part:
    body = answer["Body"]
    first, size = 0, None
    found = _CONTENT_RANGE.match(answer.get("ContentRange") or "")
    if found is not None:
        first, size = int(found[1]), int(found[2])
    return Part(
        stat_of(answer, size),
        first,
        ClientBody(body.read, body.close, errors=failures(), told=_broken),
        None if found is not None and size != answer["ContentLength"] else _checksum_of(answer),
    )


def _broken(error: Exception) -> StoreError:
    found = told(error, None, None)
    return found if isinstance(found, StoreError) else StoreError(str(found))


class _Crc:
    """A CRC of 32 bits."""

    def __init__(self, update: Callable[[bytes, int], int], expected: bytes) -> None:
        self._update = update
        self._value = 0
        self._expected = expected

    def update(self, block: bytes, /) -> None:
        self._value = self._update(block, self._value)

    def matches(self) -> bool:
        return self._value.to_bytes(len(self._expected), "big") == self._expected


class _Digest:
    """A hash of hashlib."""

    def __init__(self, name: str, expected: bytes) -> None:
        import hashlib

        self._hash = hashlib.new(name, usedforsecurity=False)
        self._expected = expected

    def update(self, block: bytes, /) -> None:
        self._hash.update(block)

    def matches(self) -> bool:
        return self._hash.digest() == self._expected


_CHECKSUMS: Mapping[str, Callable[[bytes], Checksum]] = {
    "ChecksumCRC32": lambda expected: _Crc(zlib.crc32, expected),
    "ChecksumSHA256": lambda expected: _Digest("sha256", expected),
    "ChecksumSHA1": lambda expected: _Digest("sha1", expected),
}


def _checksum_of(answer: Answer) -> Checksum | None:
    """The checksum that the service told, if it is one of the whole value that we can compute."""
    for name, make in _CHECKSUMS.items():
        text = answer.get(name)
        if text and "-" not in text:  # "…-3": a checksum of the checksums of three parts
            import base64

            return make(base64.b64decode(text))
    return None
