"""Reading: the bytes of an object and what is kept beside them, by one request."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import google_crc32c

from kvcore.backends.gcs import errors
from kvcore.backends.gcs.objects import Response, Timeout
from kvcore.backends.gcs.outcomes import Refused
from kvcore.backends.objects import Answer, BehindTheEnd, ClientBody
from kvcore.contract import Stat
from kvcore.errors import KeyNotFound, PreconditionFailed, StoreError

if TYPE_CHECKING:
    from kvcore.backends.gcs.link import Link

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_BEHIND_THE_END = 416
_PART = 206
_CRC = re.compile(r"\bcrc32c=([A-Za-z0-9+/]{6}==)")
_TOLERATED_SECS = 0.25
# Without it what was stored compressed would come inflated, and of no known size:
# https://cloud.google.com/storage/docs/transcoding
_AS_STORED = {"Accept-Encoding": "gzip"}


class Media:
    """The bytes of one object: a `kvcore.backends.objects.Source`."""

    def __init__(self, link: Link, name: str, key: str, store: object) -> None:
        self._link = link
        self._name = name
        self.key = key
        self.store = store

    def ask(self, start: int, stop: int | None, version: Stat | None, since: float) -> Answer:
        """Ask for a part of the value."""
        url = self._link.media_url(self._name, None if version is None else version.etag)
        headers: Mapping[str, str] = _AS_STORED
        if start or stop is not None:
            last = "" if stop is None else stop - 1
            headers = {**_AS_STORED, "Range": f"bytes={start}-{last}"}

        def work(timeout: Timeout) -> Response:
            return self._link.send(
                "GET", url, timeout, headers=headers, stream=True, allowed=(_BEHIND_THE_END,)
            )

        try:
            response = self._link.ask(self.key, self.store, work, since, reads=True)
        except Refused as refusal:
            kind = KeyNotFound if refusal.is_missing else PreconditionFailed
            raise kind(key=self.key, store=self.store) from refusal.error
        if response.status_code == _BEHIND_THE_END:
            response.close()
            if start == 0 and stop is not None:  # an empty value has no first byte
                return self.ask(0, None, version, since)
            raise BehindTheEnd("the value is shorter than that", key=self.key, store=self.store)
        try:
            answer = self._answer(response)
        except errors.UNREADABLE as error:
            response.close()
            told = errors.told(errors.Unreadable("its headers"), self.key, self.store)
            raise told from error
        _have_time(response, since, self._link.deadline_secs)
        return answer

    def _answer(self, response: Response) -> Answer:
        headers = response.headers
        start, size = 0, 0
        if response.status_code == _PART:
            found = _CONTENT_RANGE.fullmatch(headers["Content-Range"])
            if found is None:
                raise ValueError("Content-Range")
            start, size = int(found[1]), int(found[2])
        else:
            size = int(headers.get("Content-Length") or headers["X-Goog-Stored-Content-Length"])
        modified = headers.get("Last-Modified")
        stat = Stat(
            size,
            None if modified is None else parsedate_to_datetime(modified).astimezone(UTC),
            headers["X-Goog-Generation"],  # without it, it is no answer of the service
            headers.get("Content-Type"),
        )
        raw = response.raw
        # What has arrived: to wait for more would be to lose it where the connection breaks.
        read = getattr(raw, "read1", raw.read)
        body = ClientBody(read, response.close, errors=errors.ALL, told=self._told)
        return Answer(stat, start, body, checksum_of(headers.get("X-Goog-Hash", "")))

    def _told(self, error: Exception) -> StoreError:
        return errors.told(error, self.key, self.store, reads=True)


class Crc32c:
    """The checksum that the service has of every object."""

    def __init__(self, told: str | None = None) -> None:
        self._told = told
        self._crc: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]

    def update(self, block: bytes, /) -> None:
        """Take the next bytes."""
        self._crc.update(block)

    def text(self) -> str:
        """The checksum as the service writes it."""
        return base64.b64encode(self._crc.digest()).decode()

    def matches(self) -> bool:
        """Whether all bytes were those that the service has."""
        return self.text() == self._told


def checksum_of(header: str) -> Crc32c | None:
    """What ``X-Goog-Hash`` tells, if Python can compare it at a useful speed."""
    found = _CRC.search(header)
    if found is None or google_crc32c.implementation != "c":
        return None
    return Crc32c(found[1])


def _have_time(response: Response, since: float, deadline_secs: float) -> None:
    """Give each block of the body its full time, where the answer came late."""
    if time.monotonic() - since > _TOLERATED_SECS:
        socket = getattr(getattr(response.raw, "connection", None), "sock", None)
        if socket is not None:
            socket.settimeout(deadline_secs)
