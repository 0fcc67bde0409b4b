"""Pages of a bucket: names, sizes, what is below a delimiter.

botocore's parser takes ten times as long for a page as ElementTree; on a client of our own a hook
reads it before. On a client that was passed in, which is not ours to listen to, botocore reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from kvcore.backends.objects.listing import Page
from kvcore.backends.s3.errors import failures, said, told
from kvcore.backends.s3.objects import Answer, Boto
from kvcore.contract import Stat
from kvcore.errors import StoreError

if TYPE_CHECKING:
    from kvcore.backends.s3.store import S3Store

_OURS = "kvcore_page"
_EMPTY = b"<ListBucketResult/>"
_OK = 200


def listen(events: Boto) -> None:
    """Hook into the events of a client that is ours."""
    # First: botocore would read the whole page once more to see whether it is an error.
    events.register_first("before-parse.s3.ListObjectsV2", _read_page)


def _read_page(response_dict: Answer, customized_response_dict: Answer, **_: object) -> None:
    """Read a page; what makes no sense is left for botocore to complain about."""
    if response_dict["status_code"] != _OK:
        return
    try:
        page = _page_of(response_dict["body"])
    except (ET.ParseError, ValueError):
        return
    customized_response_dict[_OURS] = page
    response_dict["body"] = _EMPTY


def _page_of(body: bytes) -> tuple[Page, str | None]:
    """A page, and what the next one is asked for with: nothing after the last, empty if untold."""
    root = ET.fromstring(body)  # noqa: S314  # as botocore does; expat bounds what entities become
    space = root.tag.removesuffix("ListBucketResult")
    if space == root.tag:
        raise ValueError("no list")
    read = _unquoted if root.findtext(f"{space}EncodingType") == "url" else _as_it_is
    entries = root.findall(f"{space}Contents")

    def texts(name: str) -> list[str]:
        """Of each entry; by one walk, which takes a third of the time, where all have it."""
        tag = space + name
        found = [element.text or "" for element in root.iter(tag)]
        if len(found) == len(entries):
            return found
        return [entry.findtext(tag) or "" for entry in entries]

    def stats() -> list[Stat]:
        return [
            Stat(
                int(size or 0),
                datetime.fromisoformat(time) if time else None,
                etag.strip('"') or None,
            )
            for size, time, etag in zip(
                texts("Size"), texts("LastModified"), texts("ETag"), strict=True
            )
        ]

    prefixes = [
        read(found.findtext(f"{space}Prefix", ""))
        for found in root.findall(f"{space}CommonPrefixes")
    ]
    truncated = root.findtext(f"{space}IsTruncated") == "true"
    token = root.findtext(f"{space}NextContinuationToken", "") if truncated else None
    return Page([read(text) for text in texts("Key")], prefixes, stats), token


def _unquoted(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def _as_it_is(text: str) -> str:
    return text


def _page_by_botocore(answer: Answer) -> tuple[Page, str | None]:
    read = unquote_plus if answer.get("EncodingType") == "url" else str
    entries = answer.get("Contents", ())

    def stats() -> Iterator[Stat]:
        for entry in entries:
            modified = entry.get("LastModified")
            yield Stat(
                entry.get("Size", 0),
                None if modified is None else modified.astimezone(UTC),
                (entry.get("ETag") or "").strip('"') or None,
            )

    names = [read(entry["Key"]) for entry in entries]
    prefixes = [read(entry["Prefix"]) for entry in answer.get("CommonPrefixes", ())]
    token = answer.get("NextContinuationToken", "") if answer.get("IsTruncated") else None
    return Page(names, prefixes, stats), token


def pages(store: S3Store, whole: str, delimiter: str) -> Iterator[Page]:
    """The pages of what begins with ``whole``, cut behind the delimiter if there is one."""
    params: dict[str, Answer] = {
        "Bucket": store._bucket,
        "Prefix": whole,
        "EncodingType": "url",  # else XML has no place for many a character
        **({"Delimiter": delimiter} if delimiter else {}),
    }
    while True:
        try:
            answer = store._client().list_objects_v2(**params)
        except failures() as error:
            raise told(error, None, store) from error
        store._bucket_seen = True
        read = answer.get(_OURS)
        if read is None:
            if "IsTruncated" not in answer:  # botocore takes any XML for a list of nothing
                raise StoreError("the answer is no list: is this an S3 service?", store=store)
            read = _page_by_botocore(answer)
        page, token = read
        yield page
        if token is None:
            return
        if not token:  # of version 1, say, which goes on by another name
            raise StoreError("the service does not tell where its list goes on", store=store)
        if token == params.get("ContinuationToken"):
            raise StoreError("the service lists the same page again and again", store=store)
        params["ContinuationToken"] = token


def uploads(store: S3Store) -> Iterator[tuple[str, str, datetime]]:
    """Uploads in parts that were not ended: name, id, when they began."""
    params: dict[str, Answer] = {
        "Bucket": store._bucket,
        "Prefix": store._prefix,
        "EncodingType": "url",
    }
    while True:
        try:
            answer = store._client().list_multipart_uploads(**params)
        except failures() as error:
            raise told(error, None, store) from error
        read = unquote_plus if answer.get("EncodingType") == "url" else str
        for upload in answer.get("Uploads", ()):
            began = said(upload, "Initiated", None, store).astimezone(UTC)
            yield (
                read(said(upload, "Key", None, store)),
                said(upload, "UploadId", None, store),
                began,
            )
        if not answer.get("IsTruncated"):
            return
        marker = (
            read(said(answer, "NextKeyMarker", None, store)),
            said(answer, "NextUploadIdMarker", None, store),
        )
        if marker == (params.get("KeyMarker"), params.get("UploadIdMarker")):
            raise StoreError("the service lists the same uploads again and again", store=store)
        params["KeyMarker"], params["UploadIdMarker"] = marker
