"""Signed URLs and forms: AWS Signature Version 4 in a query string or in a form's fields.

Own code, as it takes a tenth of botocore's time for the same characters: a page may show a hundred
pictures. Everything here is pure; `kvcore.backends.s3.presigner` knows bucket and credentials.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import gmtime, strftime
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from kvcore.backends.objects.presigning import quote_key
from kvcore.contract import PresignedPost

_UNSIGNED = "UNSIGNED-PAYLOAD"
_ALGORITHM = "AWS4-HMAC-SHA256"


class Frozen(Protocol):
    """Credentials at one moment, as ``get_frozen_credentials()`` of botocore gives them."""

    @property
    def access_key(self) -> str:
        """The public half."""
        ...

    @property
    def secret_key(self) -> str:
        """The secret half."""
        ...

    @property
    def token(self) -> str | None:
        """What credentials that expire have besides."""
        ...


class Place(NamedTuple):
    """Where a bucket is found in URLs, and for what they are signed."""

    origin: str
    """Scheme and host: ``https://bucket.s3.eu-central-1.amazonaws.com``."""
    host: str
    """As the ``Host`` header has it: without the scheme's own port."""
    path: str
    """Before the ``/`` and the key: empty, or ``/bucket``."""
    region: str
    service: str = "s3"

    @classmethod
    def at(cls, root: str, region: str, service: str = "s3") -> Place:
        """The place of a bucket whose keys follow ``root`` and a ``/``.

        >>> Place.at("http://127.0.0.1:80/bucket/", "us-east-1")[:3]
        ('http://127.0.0.1:80', '127.0.0.1', '/bucket')
        """
        parts = urlsplit(root)
        host = parts.hostname or ""
        if ":" in host:
            host = f"[{host}]"
        if parts.port is not None and (parts.scheme, parts.port) not in _OWN_PORTS:
            host = f"{host}:{parts.port}"
        path = parts.path.rstrip("/")
        return cls(f"{parts.scheme}://{parts.netloc}", host, path, region, service)

    def url(self, key: str) -> str:
        """The URL of an object, unsigned."""
        return f"{self.origin}{self.path}/{quote_key(key)}"


_OWN_PORTS = {("http", 80), ("https", 443)}


def signed_url(
    place: Place,
    credentials: Frozen,
    method: str,
    key: str,
    expires_secs: int,
    *,
    now: float,
    query: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> str:
    """A URL for one request, from ``now`` (seconds since 1970) on for ``expires_secs``.

    ``query``: further parameters, sorted by name. ``headers``: what the request has to carry, the
    names in lower case; with ``x-amz-content-sha256`` its bytes are bound, too.
    """
    stamp = _stamp(int(now))
    access = _access_of(credentials, stamp[:8], place)
    path = f"{place.path}/{quote_key(key)}"
    payload = _UNSIGNED
    if headers:
        payload = headers.get("x-amz-content-sha256", payload)
        lines = sorted({**headers, "host": place.host}.items())
        names = ";".join([name for name, _ in lines])
        # Runs of blanks count as one: "Trimall" in the specification.
        canonical_headers = "".join(
            [f"{name}:{' '.join(value.split())}\n" for name, value in lines]
        )
        signed = names.replace(";", "%3B")
    else:
        names = signed = "host"
        canonical_headers = f"host:{place.host}\n"
    about = f"{access.query}&X-Amz-Date={stamp}&X-Amz-Expires={expires_secs}"
    before = after = ""
    if query:
        more = "&".join([f"{name}={quote(value, safe='')}" for name, value in query])
        before, after = f"{more}&", f"&{more}"
    # Signed in the order of the names, sent in the order in which botocore sends them.
    signed = f"&X-Amz-SignedHeaders={signed}"
    request = (
        f"{method}\n{path}\n{about}{access.token}{signed}{after}\n"
        f"{canonical_headers}\n{names}\n{payload}"
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{stamp}\n{access.scope}\n{digest}"
    signature = hmac.digest(access.key, text.encode(), "sha256").hex()
    return f"{place.origin}{path}?{before}{about}{signed}{access.token}&X-Amz-Signature={signature}"


def signed_form(
    place: Place,
    credentials: Frozen,
    bucket: str,
    key: str,
    max_bytes: int,
    expires_secs: int,
    *,
    now: float,
    fields: Mapping[str, str],
) -> PresignedPost:
    """A form for one object of at most ``max_bytes``; ``fields`` are sent with it, and bound."""
    stamp = _stamp(int(now))
    access = _access_of(credentials, stamp[:8], place)
    about = {
        "x-amz-algorithm": _ALGORITHM,
        "x-amz-credential": f"{credentials.access_key}/{access.scope}",
        "x-amz-date": stamp,
    }
    if credentials.token is not None:
        about["x-amz-security-token"] = credentials.token
    conditions: list[object] = [["content-length-range", 0, max_bytes]]
    conditions += [{name: value} for name, value in fields.items()]
    conditions += [{"bucket": bucket}, {"key": key}]
    conditions += [{name: value} for name, value in about.items()]
    expiration = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now + expires_secs))
    policy = b64encode(json.dumps({"expiration": expiration, "conditions": conditions}).encode())
    sent = {**fields, "key": key, **about, "policy": policy.decode()}
    sent["x-amz-signature"] = hmac.digest(access.key, policy, "sha256").hex()
    return PresignedPost(f"{place.origin}{place.path or '/'}", sent)


@lru_cache(maxsize=2)
def _stamp(now: int) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(now))


class _Access(NamedTuple):
    """What all signatures of one day with the same credentials share."""

    scope: str
    query: str
    token: str
    key: bytes

    def __repr__(self) -> str:
        return "_Access(...)"


def _access_of(credentials: Frozen, day: str, place: Place) -> _Access:
    return _access(
        credentials.access_key,
        credentials.secret_key,
        credentials.token,
        day,
        place.region,
        place.service,
    )


@lru_cache(maxsize=64)  # credentials are renewed, days pass; a process has few places
def _access(
    access_key: str, secret_key: str, token: str | None, day: str, region: str, service: str
) -> _Access:
    scope = f"{day}/{region}/{service}/aws4_request"
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = quote(f"{access_key}/{scope}", safe="")
    return _Access(
        scope,
        f"X-Amz-Algorithm={_ALGORITHM}&X-Amz-Credential={credential}",
        "" if token is None else f"&X-Amz-Security-Token={quote(token, safe='')}",
        key,
    )
