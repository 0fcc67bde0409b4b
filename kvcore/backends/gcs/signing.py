"""Signed URLs and forms of Google Cloud Storage, version 4, as the client library makes them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kvcore.backends.gcs.client import Connector
from kvcore.backends.gcs.objects import Credentials
from kvcore.backends.objects.presigning import EXPIRES_SECS, Presigner, disposition, quote_key
from kvcore.contract import PostOptions, PresignedPost, UrlOptions
from kvcore.errors import KvcoreError, StoreError

if TYPE_CHECKING:
    from kvcore.backends.gcs.link import Link

URL_OPTIONS = frozenset(UrlOptions._fields) - {"method", "sha256"}
"""No ``sha256``: it is not documented that x-goog-content-sha256 is compared with the body."""

_PUT_HEADERS: Mapping[str, str] = {
    "x-goog-acl": "acl",
    "x-goog-encryption-kms-key-name": "kms_key",
    "x-goog-storage-class": "storage_class",
}
_FIELDS: Mapping[str, str] = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "x-goog-acl": "acl",
}
"""How the fields of a form are called where they are not called as the header is.

https://cloud.google.com/storage/docs/xml-api/post-object-forms
"""


class GooglePresigner(Presigner):
    """Signs with the credentials of the store, or by IAM in the name of ``sign_as``, an e-mail."""

    def __init__(
        self,
        connector: Connector,
        *,
        sign_as: str | None = None,
        public_endpoint: str | None = None,
        base_url: str | None = None,
        expires_secs: float = EXPIRES_SECS,
        put_headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            base_url=base_url,
            expires_secs=expires_secs,
            put_headers=put_headers,
            signs=connector.signs,
        )
        self._connector = connector
        self._sign_as = sign_as
        self._public_endpoint = public_endpoint
        self._found: tuple[Credentials, Credentials] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_found": None}

    def _failures(self) -> tuple[type[Exception], ...]:
        from kvcore.backends.gcs.errors import ALL
        from kvcore.backends.gcs.iam import NoSignature

        return (*ALL, NoSignature)

    def _told(self, error: Exception, key: str, store: object) -> KvcoreError:
        from kvcore.backends.gcs.errors import told
        from kvcore.backends.gcs.iam import NoSignature

        if isinstance(error, NoSignature):
            return StoreError(str(error), key=key, store=store)
        return told(error, key, store)

    def _public(self, name: str) -> str:
        link = self._connector.link()
        return f"{self._endpoint(link)}/{link.bucket.name}/{quote_key(name)}"

    def _sign_url(self, name: str, options: UrlOptions, expires_secs: int) -> str:
        link = self._connector.link()
        puts, payer = options.method == "PUT", link.bucket.user_project
        with _in_time(link):
            url: str = link.bucket.blob(name).generate_signed_url(
                version="v4",
                expiration=timedelta(seconds=expires_secs),
                api_access_endpoint=self._endpoint(link),
                method=options.method,
                credentials=self._signer(),
                headers=self._headers(options) if puts else None,
                response_disposition=disposition(options),
                response_type=None if puts else options.content_type,
                query_parameters=None if payer is None else {"userProject": payer},
            )
        return url

    def _sign_form(self, name: str, options: PostOptions, expires_secs: int) -> PresignedPost:
        link = self._connector.link()
        bucket = link.bucket.name
        fields = {_FIELDS.get(header, header): value for header, value in self._put_headers.items()}
        if options.content_type is not None:
            fields["Content-Type"] = options.content_type
        with _in_time(link):
            form = link.client.generate_signed_post_policy_v4(
                bucket,
                name,
                expiration=timedelta(seconds=expires_secs),
                conditions=[["content-length-range", 0, options.max_bytes]],
                fields=fields,
                credentials=self._signer(),
            )
        return PresignedPost(f"{self._endpoint(link)}/{bucket}/", form["fields"])

    def _headers(self, options: UrlOptions) -> dict[str, str]:
        headers = dict(self._put_headers)
        if options.content_type is not None:
            headers["content-type"] = options.content_type
        if options.content_length is not None:
            length = options.content_length
            headers["x-goog-content-length-range"] = f"{length},{length}"
        if options.if_absent:
            headers["x-goog-if-generation-match"] = "0"
        return headers

    def _endpoint(self, link: Link) -> str:
        endpoint: str = self._public_endpoint or link.client.api_endpoint
        return endpoint.rstrip("/")

    def _signer(self) -> Credentials:
        from kvcore.backends.gcs.iam import signer_of

        credentials = self._connector.credentials()
        found = self._found
        if found is None or found[0] is not credentials:
            self._found = found = (credentials, signer_of(credentials, self._sign_as))
        return found[1]


@contextmanager
def _in_time(link: Link) -> Iterator[None]:
    """A block in which IAM and the metadata server have the time of a call to answer."""
    from kvcore.backends.gcs import transport
    from kvcore.backends.gcs.errors import UNREADABLE, Unreadable

    transport.call.ends = time.monotonic() + link.deadline_secs
    try:
        yield
    except KvcoreError:
        raise
    except UNREADABLE as error:
        raise Unreadable(type(error).__name__) from error
    finally:
        transport.call.ends = None


def put_headers(given: Mapping[str, Any]) -> dict[str, str]:
    """The headers, names in lower case, that stand for the options of a store for what it puts.

    >>> put_headers({"acl": "publicRead", "headers": {"Cache-Control": "no-cache"}})
    {'cache-control': 'no-cache', 'x-goog-acl': 'public-read'}
    """
    headers = {name.lower(): value for name, value in (given["headers"] or {}).items()}
    for name, option in _PUT_HEADERS.items():
        if given.get(option) is not None:
            headers[name] = given[option]
    if "x-goog-acl" in headers:  # this API of the service writes the words with hyphens
        headers["x-goog-acl"] = re.sub("[A-Z]", _hyphened, headers["x-goog-acl"])
    return headers


def _hyphened(letter: re.Match[str]) -> str:
    return f"-{letter[0].lower()}"
