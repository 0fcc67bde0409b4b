"""The values that verbs give, take and hand on: small frozen tuples."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from kvcore.ttl import TtlSecs

_LAST_SECS = 253_402_300_799  # the end of the year 9999, where calendars end


class Stat(NamedTuple):
    """What a store knows of a value; a field is ``None`` where the store has no place for it."""

    size: int
    """Bytes of the value, as ``get`` would return it."""
    modified: datetime | None = None
    """When it was last put: aware, UTC."""
    etag: str | None = None
    """Opaque. Equal etags mean equal bytes; putting different bytes always changes it."""
    content_type: str | None = None
    expires: datetime | None = None
    """When it will be gone: aware, UTC; ``None`` also for a value that does not expire."""

    def remaining_secs(self) -> float | None:
        """Seconds until ``expires`` by the wall clock (at least 1 ms), or ``None``."""
        if self.expires is None:
            return None
        return max(self.expires.timestamp() - time.time(), 0.001)


def expiring_in(secs: float) -> datetime | None:
    """`Stat.expires` of a value that has ``secs`` seconds to live; ``None`` beyond all calendars.

    >>> expiring_in(1e12) is None
    True
    """
    at = time.time() + secs
    return datetime.fromtimestamp(at, UTC) if 0 <= at <= _LAST_SECS else None


class Fingerprint(Protocol):
    """Tells from the bytes of a value, in passing, what a store would say of them."""

    def update(self, block: bytes, /) -> object:
        """Take the next bytes."""
        ...

    def is_of(self, stat: Stat, /) -> bool:
        """Whether ``stat`` shows that these are the bytes of its version.

        False where it does not show it; so they may be equal all the same.
        """
        ...


class Fetched(NamedTuple):
    """A value and what the store knows of it, both of the same version."""

    data: bytes
    stat: Stat


class WriteOptions(NamedTuple):
    """What a writing verb was asked besides key and value; decorators hand it on unread.

    When a hook gets one, everything in it is checked, the store can do it (capabilities), and at
    most one of ``if_absent``, ``if_present``, ``if_match`` is set.
    """

    ttl_secs: TtlSecs = None
    if_absent: bool = False
    if_present: bool = False
    if_match: str | None = None
    content_type: str | None = None

    @property
    def expires_in_secs(self) -> float | None:
        """Seconds that the value is to live, or ``None`` if it is not to expire."""
        ttl_secs = self.ttl_secs
        return None if ttl_secs is None or isinstance(ttl_secs, str) else ttl_secs

    @property
    def conditional(self) -> bool:
        """Whether the write is to be refused unless a condition holds."""
        return self.if_absent or self.if_present or self.if_match is not None


PLAIN = WriteOptions()
"""Nothing asked: the one that a plain ``put(key, data)`` hands on."""


class UrlOptions(NamedTuple):
    """What ``url_for`` was asked besides the key; decorators hand it on unread.

    When a hook gets one, everything in it is checked, goes together, and is declared in
    ``capabilities.url_options``.
    """

    expires: float | None = None
    """Seconds for which the URL is to work."""
    method: str = "GET"
    filename: str | None = None
    content_type: str | None = None
    content_length: int | None = None
    """Bytes of the value that a PUT is to bring."""
    sha256: str | None = None
    """Of the value that a PUT is to bring: 64 lower-case hexadecimal digits."""
    if_absent: bool = False
    public: bool = False

    @property
    def asked(self) -> frozenset[str]:
        """The names of the options that were given, ``method`` aside."""
        if self[2:] == _NO_URL_OPTIONS:
            return _ONLY_EXPIRES if self.expires is not None else _NOTHING
        given = zip(self._fields, self, strict=True)
        return frozenset(
            name
            for name, value in given
            if name != "method" and value is not None and value is not False
        )


_NO_URL_OPTIONS = UrlOptions()[2:]
_ONLY_EXPIRES = frozenset({"expires"})
_NOTHING: frozenset[str] = frozenset()


class PresignedPut(NamedTuple):
    """Where a value is sent, and what the request has to carry, as ``presign_put`` gives it.

    For a script in a browser: ``fetch(put.url, {method: "PUT", headers: put.headers, body: file})``
    of ``json.dumps(put._asdict())``.
    """

    url: str
    headers: Mapping[str, str]


class PostOptions(NamedTuple):
    """What ``presign_post`` was asked besides the key; decorators hand it on unread."""

    max_bytes: int
    content_type: str | None = None
    expires: float | None = None
    """Seconds for which the form is to work."""


class PresignedPost(NamedTuple):
    """Where a form sends a file, and what it sends before it, as ``presign_post`` gives it.

    Send it as ``multipart/form-data`` with ``fields`` first and the file last, in a field named
    ``file``. As JSON for a script: ``json.dumps(post._asdict())``.
    """

    url: str
    fields: Mapping[str, str]


class Capabilities(NamedTuple):
    """What a store can do; computed through decorators, so it holds for the whole stack.

    >>> from kvcore import DictStore, PrefixDecorator, ReadOnlyDecorator
    >>> DictStore().capabilities.write
    True
    >>> PrefixDecorator("a-", ReadOnlyDecorator(DictStore())).capabilities.write
    False
    """

    if_absent: bool = False
    """Create only, with exactly one winner among racing writers."""
    if_present: bool = False
    """Replace only."""
    if_match: bool = False
    """Replace only the version with the given etag (compare and swap)."""
    delete_if_match: bool = False
    ttl: bool = False
    """Values can expire: ``ttl_secs`` takes numbers."""
    touch: bool = False
    """The expiry of a value can be changed without writing the value again."""
    write: bool = True
    """Without it every writing verb raises `ReadOnly`, before anything happens."""
    list: bool = True
    copy: bool = False
    """``copy`` and ``move`` happen inside the store; else the bytes pass through here."""
    url_methods: frozenset[str] = frozenset()
    """The HTTP methods that ``url_for`` makes URLs for; empty: no URLs."""
    url_options: frozenset[str] = frozenset()
    """The options of ``url_for`` that its URLs can have, ``method`` aside: see `UrlOptions`."""
    presign_post: bool = False
    """A browser's form can upload a value without its bytes passing here."""
    content_type: bool = False
    """The content type given to a put is kept and comes back in ``stat``."""
    pinned_reads: bool = False
    """``open`` reads one version to its end without fetching it whole beforehand."""
    local_path: bool = False
    """``local_path`` names a file that holds the value."""
    native_async: bool = False
    """`async_store` needs no threads for this stack."""
    fast: bool = False
    """Small values take microseconds and never wait for disk or network."""
    local: bool = False
    """Values lie on this machine: a small one is read in well under a millisecond as a rule, and
    `with_deadline` keeps its word, so that even an event loop may wait for it."""

    @property
    def takes_options(self) -> bool:
        """Whether the writing hooks get a `WriteOptions`."""
        return self.if_absent or self.if_present or self.if_match or self.ttl or self.content_type
