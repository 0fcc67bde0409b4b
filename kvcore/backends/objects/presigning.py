"""`Presigner`: the URLs and forms of a bucket, whatever the service."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kvcore.contract import KeyValueStore, PostOptions, PresignedPost, PresignedPut, UrlOptions
from kvcore.errors import KvcoreError, Unsupported
from kvcore.filenames import content_disposition

URL_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
EXPIRES_SECS = 3600.0
"""For how long a URL works if nobody says."""
MAX_EXPIRES_SECS = 7 * 24 * 3600
"""What services take of a signature of version 4."""

UNSIGNED: Mapping[str, Any] = {
    "url_methods": frozenset({"GET", "HEAD"}),
    "url_options": frozenset({"public"}),
    "presign_post": False,
}
"""The capabilities of a store that has nothing to sign with: all its URLs are public."""

_PLAIN = (UrlOptions(), UrlOptions(method="HEAD"))


class Presigner(ABC):
    """Makes the URLs and forms of one bucket, for all threads; errors are told as a store's.

    With ``base_url``, where a CDN or web server has the same values, plain URLs to read from are
    ``base_url`` and the key; the others are signed for the object, whose name has the prefix, too.
    ``put_headers`` (names in lower case) are those that the store puts with; whoever puts by a URL
    has to send them, too, and a form does. Where nothing ``signs``, plain URLs are public ones.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        expires_secs: float = EXPIRES_SECS,
        put_headers: Mapping[str, str] | None = None,
        signs: bool = True,
    ) -> None:
        self._signs = signs
        self._base_url = base_url if base_url is None or base_url.endswith("/") else f"{base_url}/"
        self._expires_secs = expires_secs
        self._put_headers = {} if put_headers is None else put_headers

    @abstractmethod
    def _public(self, name: str) -> str:
        """The URL of an object, not signed."""

    @abstractmethod
    def _sign_url(self, name: str, options: UrlOptions, expires_secs: int) -> str:
        """A signed URL for an object."""

    @abstractmethod
    def _headers(self, options: UrlOptions) -> dict[str, str]:
        """What a request to put by a signed URL has to carry; the names in lower case."""

    @abstractmethod
    def _sign_form(self, name: str, options: PostOptions, expires_secs: int) -> PresignedPost:
        """A signed form for an object."""

    @abstractmethod
    def _failures(self) -> tuple[type[Exception], ...]:
        """What the methods above may raise."""

    @abstractmethod
    def _told(self, error: Exception, key: str, store: object) -> KvcoreError:
        """Our error for one of those."""

    def url(self, name: str, key: str, options: UrlOptions, store: object) -> str:
        """What ``url_for`` gives for the object of this name, which keeps the value of ``key``."""
        plain, base_url = options in _PLAIN, self._base_url
        if base_url is not None and (options.public or plain):
            return base_url + quote_key(_unmoved(key, key, store))
        expires_secs = self._whole_secs(options.expires)
        try:
            if options.public or (plain and not self._signs):
                return self._public(_unmoved(name, key, store))
            return self._sign_url(name, options, expires_secs)
        except self._failures() as error:
            raise self._told(error, key, store) from error

    def put(self, name: str, key: str, options: UrlOptions, store: object) -> PresignedPut:
        """What ``presign_put`` gives."""
        headers = self._headers(options)
        headers.pop("content-length", None)  # every client sends it, and scripts may not set it
        shown = {header.title(): value for header, value in headers.items()}
        return PresignedPut(self.url(name, key, options, store), shown)

    def form(self, name: str, key: str, options: PostOptions, store: object) -> PresignedPost:
        """What ``presign_post`` gives."""
        if "${filename}" in name:
            raise Unsupported(
                "the key of a form cannot hold ${filename}: the service would replace it",
                key=key,
                store=store,
            )
        expires_secs = self._whole_secs(options.expires)
        try:
            return self._sign_form(name, options, expires_secs)
        except Unsupported as error:
            error.seen_from(store, key)
            raise
        except self._failures() as error:
            raise self._told(error, key, store) from error

    def _whole_secs(self, expires: float | None) -> int:
        secs = self._expires_secs if expires is None else expires
        if secs > MAX_EXPIRES_SECS:
            raise ValueError(f"expires is at most {MAX_EXPIRES_SECS} seconds (7 days) here")
        return math.ceil(secs)


class PresigningStore(KeyValueStore):
    """The hooks of a store that has a `Presigner`."""

    _presigner: Presigner

    @abstractmethod
    def _name(self, key: str) -> str:
        """The name of the object under a key."""

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return self._presigner.url(self._name(key), key, options, self)

    def _presign_put(self, key: str, options: UrlOptions) -> PresignedPut:
        return self._presigner.put(self._name(key), key, options, self)

    def _presign_post(self, key: str, options: PostOptions) -> PresignedPost:
        return self._presigner.form(self._name(key), key, options, self)


def quote_key(key: str) -> str:
    """A key as it stands in a URL.

    >>> quote_key("media/naïve + 1.png")
    'media/na%C3%AFve%20%2B%201.png'
    """
    return quote(key, safe="/~")


def _unmoved(path: str, key: str, store: object) -> str:
    """The path of a URL, if it leads where it says: whoever follows it resolves ``..`` before."""
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise Unsupported(
            "a public URL cannot have '.' or '..' as a name: it would lead to another value",
            key=key,
            store=store,
        )
    return path


def disposition(options: UrlOptions) -> str | None:
    """How the answer to a signed URL is to call the value: a download with a name, or nothing."""
    if options.filename is None:
        return None
    return content_disposition("attachment", options.filename)
