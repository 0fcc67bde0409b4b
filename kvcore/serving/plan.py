"""`plan_response`: from a request and a `Stat` to status, headers and a range. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from kvcore.contract import Stat
from kvcore.filenames import content_disposition
from kvcore.mime import ACTIVE_TYPES, BINARY, INLINE_TYPES, detect

SAFE_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""On every answer about what a user stored."""

_POLICY = "Content-Security-Policy"
_MEDIA_POLICY = "sandbox allow-same-origin; default-src 'none'; media-src 'self'"
_POLICIES = {
    # Alone in a tab, a picture or a film stands in a page that the browser makes for it. The size
    # and place of a picture are inline styles of that page; a bitmap has none of its own.
    "image": f"{SAFE_HEADERS[_POLICY]}; style-src 'unsafe-inline'",
    # A film is asked for again by its player. In a full sandbox that player is of no origin, and
    # Cross-Origin-Resource-Policy denies it the film. Scripts stay forbidden in this one, too.
    "audio": _MEDIA_POLICY,
    "video": _MEDIA_POLICY,
}
"""For what is shown, by the first half of its type. All else has the policy of `SAFE_HEADERS`."""

PRIVATE = "private, max-age=0, must-revalidate"
"""The default ``Cache-Control``: no shared cache keeps it, and a browser asks each time."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RANGE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))", re.IGNORECASE | re.ASCII)
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')
_STRONG_ETAG = re.compile(r'(?:^|[,\s])"([^"]*)"')


class Presentation(NamedTuple):
    """How a value is shown: what the site decides, not the request."""

    filename: str | None = None
    """What a download is called; by default the last part of the key."""
    as_attachment: bool = False
    """Whether it is a download, even if a browser could show it."""
    cache_control: str = PRIVATE
    """Who may keep a copy, for how long."""


DEFAULTS = Presentation()


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
    shown: Presentation = DEFAULTS,
) -> ResponsePlan:
    """The answer to a request for a value: 200, 206, 304, 412 or 416 (RFC 9110 §13 and §14).

    ``header`` looks up a request header whatever its case (``request.headers.get``), ``head`` is
    the first `kvcore.mime.HEAD_BYTES` of the value.
    A range that is malformed, or more than one, is ignored, as RFC 9110 §14.2 allows; so are
    ranges and conditions of a method that is neither GET nor HEAD.

    >>> plan = plan_response("GET", {"Range": "bytes=2-"}.get, Stat(size=5), b"hello")
    >>> plan.status, plan.headers["Content-Range"], plan.start, plan.length
    (206, 'bytes 2-4/5', 2, 3)
    """
    plan = plan_conditions(method, header, stat, shown)
    return plan_value(method, header, stat, head, shown) if plan is None else plan


def plan_value(
    method: str,
    header: Callable[[str], str | None],
    stat: Stat,
    head: bytes,
    shown: Presentation = DEFAULTS,
) -> ResponsePlan:
    """The answer of `plan_response` where `plan_conditions` found none: 200, 206 or 416.

    >>> plan_value("HEAD", {}.get, Stat(size=5), b"hello").headers["Content-Type"]
    'text/plain; charset=utf-8'
    """
    size = stat.size
    etag = _etag(stat.etag)
    headers = _headers(stat, etag, shown)
    content_type = detect(head, complete=len(head) >= size)
    inline = content_type in INLINE_TYPES and not shown.as_attachment
    if inline:
        headers[_POLICY] = _POLICIES.get(content_type.partition("/")[0], headers[_POLICY])
    if content_type == "text/plain":
        content_type = "text/plain; charset=utf-8"  # detect() knows no other
    elif content_type in ACTIVE_TYPES:
        content_type = BINARY
    headers["Content-Type"] = content_type
    headers["Content-Disposition"] = content_disposition(
        "inline" if inline else "attachment", shown.filename or ""
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
        headers = _headers(stat, etag, shown)  # none of those that tell what the value is
        headers |= {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return ResponsePlan(416, headers)
    headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    headers["Content-Length"] = str(length)
    return ResponsePlan(206, headers, start, length)


def plan_conditions(
    method: str,
    header: Callable[[str], str | None],
    stat: Stat,
    shown: Presentation = DEFAULTS,
) -> ResponsePlan | None:
    """The 304 or 412 of `plan_response`, or ``None``: no byte of the value is needed for it.

    >>> plan_conditions("GET", {"If-None-Match": "*"}.get, Stat(size=5)).status
    304
    >>> plan_conditions("GET", {"If-Match": '"other"'}.get, Stat(size=5)).status
    412
    """
    if method not in {"GET", "HEAD"}:
        return None
    etag = _etag(stat.etag)
    if not _is_as_demanded(header, etag, stat.modified):  # before the others, RFC 9110 §13.2.2
        return ResponsePlan(412, _headers(stat, etag, shown) | {"Content-Length": "0"})
    if _is_unchanged(header, etag, stat.modified):
        headers = _headers(stat, etag, shown)
        del headers[_POLICY]  # a browser would put it in place of that of its copy (RFC 9111 §3.2)
        return ResponsePlan(304, headers)
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


@lru_cache(256)
def http_date(moment: datetime) -> str:
    """A time as HTTP writes it (RFC 9110 §5.6.7).

    >>> http_date(datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC))
    'Sun, 06 Nov 1994 08:49:37 GMT'
    """
    at = moment.astimezone(UTC)  # strftime and the like would write it in the user's language
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    time = f"{at.hour:02}:{at.minute:02}:{at.second:02}"
    return f"{day}, {at.day:02} {month} {at.year:04} {time} GMT"


@lru_cache(256)  # each request asks twice, and one for a well-known file asks again
def _etag(etag: str | None) -> str | None:
    """What clients see of a store's etag: that may be any text, and some tell an inode."""
    return None if etag is None else hashlib.sha256(etag.encode()).hexdigest()[:32]


def _headers(stat: Stat, etag: str | None, shown: Presentation) -> dict[str, str]:
    """Those of every answer."""
    headers = {**SAFE_HEADERS, "Cache-Control": shown.cache_control, "Accept-Ranges": "bytes"}
    if etag is not None:
        headers["ETag"] = f'"{etag}"'
    if stat.modified is not None:
        headers["Last-Modified"] = http_date(stat.modified)
    return headers


def _is_as_demanded(
    header: Callable[[str], str | None], etag: str | None, modified: datetime | None
) -> bool:
    """Whether If-Match and If-Unmodified-Since hold; the former goes first (RFC 9110 §13.1.4)."""
    demanded = header("If-Match")
    if demanded is not None:
        # A weak etag never matches here (§13.1.1), and ours are strong.
        known = _STRONG_ETAG.findall(demanded)
        return demanded.strip() == "*" or (etag is not None and etag in known)
    return not _is_since(header("If-Unmodified-Since"), modified, default=False)


def _is_unchanged(
    header: Callable[[str], str | None], etag: str | None, modified: datetime | None
) -> bool:
    """Whether the client's copy is still good; If-None-Match goes first (RFC 9110 §13.1.3)."""
    known = header("If-None-Match")
    if known is not None:
        return known.strip() == "*" or (etag is not None and etag in _ETAG.findall(known))
    return not _is_since(header("If-Modified-Since"), modified, default=True)


def _is_since(asked: str | None, modified: datetime | None, *, default: bool) -> bool:
    """Whether the value was modified after this date; ``default`` where nobody can tell."""
    if asked is None or modified is None:
        return default
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(asked)
    except (ValueError, OverflowError):  # the latter from numbers without end
        return default
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return modified.replace(microsecond=0) > moment


def _may_be_partial(if_range: str | None, etag: str | None) -> bool:
    """If-Range holds for our own etag only: a date cannot tell two versions of one second."""
    return if_range is None or (etag is not None and if_range.strip() == f'"{etag}"')
