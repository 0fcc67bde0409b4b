"""How a value goes out over HTTP: a pure plan of status, headers and bytes, the same everywhere.

What is stored came from users, so the plan trusts none of it. The content type is told by the
bytes, `mime.INLINE_TYPES` are shown and all else is a download, and every answer forbids the
browser to guess a type (``nosniff``) or to run anything (``Content-Security-Policy: sandbox``).

An integration asks `open_response` for a plan and a body and translates both.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from kvcore.aio import AsyncKeyValueStore, AsyncReader, InlineStore, run_inline
from kvcore.contract import KeyValueStore, Stat
from kvcore.contract.streams import BLOCK_BYTES
from kvcore.errors import StoreError
from kvcore.filenames import content_disposition
from kvcore.mime import ACTIVE_TYPES, BINARY, HEAD_BYTES, INLINE_TYPES, detect

SAFE_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""On every answer that holds what a user stored."""

PRIVATE = "private, max-age=0, must-revalidate"
"""The default ``Cache-Control``: no shared cache keeps it, and a browser asks each time."""

_RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))", re.IGNORECASE | re.ASCII)
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


class ResponsePlan(NamedTuple):
    """What to answer: a status, headers, and ``length`` bytes of the value from ``start`` on."""

    status: int
    headers: dict[str, str]
    start: int = 0
    length: int = 0


def plan_response(
    method: str,
    header: Callable[[str], str | None],
    stat: Stat,
    head: bytes,
    *,
    filename: str = "",
    as_attachment: bool = False,
    cache_control: str = PRIVATE,
) -> ResponsePlan:
    """The answer to a request for a value: 200, 206, 304 or 416 (RFC 9110 §13 and §14).

    ``header`` looks up a request header whatever its case (``request.headers.get``), ``head`` is
    the first `kvcore.mime.HEAD_BYTES` of the value, ``filename`` what a download is to be called.
    A range that is malformed, or more than one, is ignored, as RFC 9110 §14.2 allows; so are
    ranges and conditions of a method that is neither GET nor HEAD.

    >>> plan = plan_response("GET", {"Range": "bytes=2-"}.get, Stat(size=5), b"hello")
    >>> plan.status, plan.headers["Content-Range"], plan.start, plan.length
    (206, 'bytes 2-4/5', 2, 3)
    """
    unchanged = plan_unchanged(method, header, stat, cache_control=cache_control)
    if unchanged is not None:
        return unchanged
    size = stat.size
    etag, headers = _etag(stat), _headers(stat, cache_control)
    content_type = detect(head, complete=len(head) >= size)
    inline = content_type in INLINE_TYPES and not as_attachment
    if content_type == "text/plain":
        content_type = "text/plain; charset=utf-8"  # detect() knows no other
    elif content_type in ACTIVE_TYPES:
        content_type = BINARY
    headers["Content-Type"] = content_type
    headers["Content-Disposition"] = content_disposition(
        "inline" if inline else "attachment", filename
    )
    headers["Content-Length"] = str(size)
    if method == "HEAD":
        return ResponsePlan(200, headers)
    asked = header("Range") if method == "GET" else None
    if asked is None or not size or not _may_be_partial(header("If-Range"), etag):
        return ResponsePlan(200, headers, 0, size)
    found = byte_range(asked, size)
    if found is None:
        return ResponsePlan(200, headers, 0, size)
    start, length = found
    if not length:
        for name in ("Content-Type", "Content-Disposition"):
            del headers[name]
        headers |= {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return ResponsePlan(416, headers)
    headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    headers["Content-Length"] = str(length)
    return ResponsePlan(206, headers, start, length)


def plan_unchanged(
    method: str,
    header: Callable[[str], str | None],
    stat: Stat,
    *,
    cache_control: str = PRIVATE,
) -> ResponsePlan | None:
    """The 304 of `plan_response` if the client's copy is still good: no byte is needed for it.

    >>> plan_unchanged("GET", {"If-None-Match": "*"}.get, Stat(size=5)).status
    304
    """
    if method in {"GET", "HEAD"} and _is_unchanged(header, _etag(stat), stat.modified):
        return ResponsePlan(304, _headers(stat, cache_control))
    return None


def byte_range(asked: str, size: int) -> tuple[int, int] | None:
    """Start and length of the one range in a ``Range`` header, for a value of ``size`` bytes.

    ``None`` for what is to be ignored; length 0 if the value has no such bytes (416).

    >>> byte_range("bytes=0-0", 10), byte_range("bytes=-3", 10), byte_range("bytes=8-99", 10)
    ((0, 1), (7, 3), (8, 2))
    >>> byte_range("bytes=10-", 10), byte_range("bytes=5-4", 10), byte_range("bytes=0-1,3-4", 10)
    ((10, 0), None, None)
    """
    match = _RANGE.fullmatch(asked.strip())
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        length = min(int(suffix), size)
        return size - length, length
    start, end = int(first), int(last) if last else size - 1
    if last and end < start:
        return None
    return start, max(min(end, size - 1) - start + 1, 0)


def http_date(moment: datetime) -> str:
    """A time as HTTP writes it (RFC 9110 §5.6.7).

    >>> http_date(datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC))
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    from email.utils import format_datetime

    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _etag(stat: Stat) -> str | None:
    """What clients see of a store's etag: that may be any text, and some tell an inode."""
    return None if stat.etag is None else hashlib.sha256(stat.etag.encode()).hexdigest()[:32]


def _headers(stat: Stat, cache_control: str) -> dict[str, str]:
    """Those of every answer."""
    headers = {**SAFE_HEADERS, "Cache-Control": cache_control, "Accept-Ranges": "bytes"}
    if (etag := _etag(stat)) is not None:
        headers["ETag"] = f'"{etag}"'
    if stat.modified is not None:
        headers["Last-Modified"] = http_date(stat.modified)
    return headers


def _is_unchanged(
    header: Callable[[str], str | None], etag: str | None, modified: datetime | None
) -> bool:
    """Whether the client's copy is still good; If-None-Match goes first (RFC 9110 §13.1.3)."""
    known = header("If-None-Match")
    if known is not None:
        return known.strip() == "*" or (etag is not None and etag in _ETAG.findall(known))
    since = header("If-Modified-Since")
    if since is None or modified is None:
        return False
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(since)
    except (ValueError, OverflowError):  # the latter from numbers without end
        return False
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return modified.replace(microsecond=0) <= moment


def _may_be_partial(if_range: str | None, etag: str | None) -> bool:
    """If-Range holds for our own etag only: a date cannot tell two versions of one second."""
    return if_range is None or (etag is not None and if_range.strip() == f'"{etag}"')


class ResponseBody:
    """The bytes of a plan, block by block; to be closed, read or not.

    ``async for``, or ``await body.read()`` until it gives ``b""``. A value that ends too early is
    a `StoreError`: the connection must break then, as the client was promised more.
    """

    def __init__(self, reader: AsyncReader, length: int) -> None:
        self._reader = reader
        self._left = length

    async def read(self) -> bytes:
        """The next block, ``b""`` after the last."""
        if not self._left:
            return b""
        block = await self._reader.read(min(self._left, BLOCK_BYTES))
        if not block:
            raise StoreError(f"the value ended {self._left} bytes too early")
        self._left -= len(block)
        if not self._left:
            await self.close()  # not all servers close what they have read to its end
        return block

    async def close(self) -> None:
        """Let go of the value. Twice is no error."""
        await self._reader.close()

    def __aiter__(self) -> ResponseBody:
        return self

    async def __anext__(self) -> bytes:
        block = await self.read()
        if not block:
            raise StopAsyncIteration
        return block


class InlineBody:
    """A `ResponseBody` for synchronous callers: iterate over it, then ``close()``."""

    def __init__(self, body: ResponseBody) -> None:
        self._body = body

    def __iter__(self) -> InlineBody:
        return self

    def __next__(self) -> bytes:
        block = run_inline(self._body.read())
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """Let go of the value. Twice is no error."""
        run_inline(self._body.close())


async def open_response(
    store: AsyncKeyValueStore,
    key: str,
    method: str,
    header: Callable[[str], str | None],
    *,
    filename: str | None = None,
    as_attachment: bool = False,
    cache_control: str = PRIVATE,
) -> tuple[ResponsePlan, ResponseBody | None]:
    """The plan for a key and its body, ``None`` where there is none to send (HEAD, 304, 416).

    ``filename`` is the last part of the key unless given. Raises `KeyNotFound`, and `InvalidKey`
    for what cannot be a key: both mean 404.
    """
    reader = await store.open(key)
    try:
        plan = plan_unchanged(method, header, reader.stat, cache_control=cache_control)
        if plan is None:
            plan = plan_response(
                method,
                header,
                reader.stat,
                await reader.read(HEAD_BYTES),
                filename=key.rpartition("/")[2] if filename is None else filename,
                as_attachment=as_attachment,
                cache_control=cache_control,
            )
        if plan.length:
            await reader.seek(plan.start)
            return plan, ResponseBody(reader, plan.length)
    except BaseException:
        await reader.close()
        raise
    await reader.close()
    return plan, None


def open_response_inline(
    store: KeyValueStore,
    key: str,
    method: str,
    header: Callable[[str], str | None],
    *,
    filename: str | None = None,
    as_attachment: bool = False,
    cache_control: str = PRIVATE,
) -> tuple[ResponsePlan, InlineBody | None]:
    """`open_response` for synchronous callers."""
    plan, body = run_inline(
        open_response(
            InlineStore(store),
            key,
            method,
            header,
            filename=filename,
            as_attachment=as_attachment,
            cache_control=cache_control,
        )
    )
    return plan, None if body is None else InlineBody(body)
