"""`S3Presigner`: the URLs and forms of one bucket, signed with what its client signs with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kvcore.backends.objects.presigning import (
    EXPIRES_SECS,
    UNSIGNED,
    URL_METHODS,
    Presigner,
    disposition,
)
from kvcore.backends.s3.client import Connection
from kvcore.backends.s3.errors import failures, told
from kvcore.backends.s3.objects import Boto
from kvcore.backends.s3.providers import Provider
from kvcore.backends.s3.signing import Frozen, Place, signed_form, signed_url
from kvcore.contract import PostOptions, PresignedPost, UrlOptions
from kvcore.errors import KvcoreError, Unsupported

_URL_OPTIONS = frozenset(UrlOptions._fields) - {"method"}
_DIRECTORY_BUCKET = "--x-s3"  # S3 Express: its URLs are signed with a session, not with keys
_PUT_HEADERS: Mapping[str, str] = {
    "x-amz-acl": "acl",
    "x-amz-server-side-encryption": "encryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "kms_key",
    "x-amz-storage-class": "storage_class",
}
_FIELDS: Mapping[str, str] = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "expires": "Expires",
    "x-amz-acl": "acl",
}
"""How the fields of a form are called where they are not called as the header is.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html
"""


class S3Presigner(Presigner):
    """Signs with Signature Version 4, always.

    Client and credentials are asked for each time: a forked child has another client, and
    credentials are renewed.
    """

    def __init__(
        self,
        connection: Connection,
        bucket: str,
        *,
        public_endpoint: str | None = None,
        base_url: str | None = None,
        expires_secs: float = EXPIRES_SECS,
        put_headers: Mapping[str, str] | None = None,
        signs: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            base_url=base_url, expires_secs=expires_secs, put_headers=put_headers, signs=signs
        )
        self._connection = connection
        self._bucket = bucket
        self._public_endpoint = public_endpoint
        self._clock = clock
        self._found: tuple[Boto, Place] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_found": None}

    def _failures(self) -> tuple[type[Exception], ...]:
        return failures()

    def _told(self, error: Exception, key: str, store: object) -> KvcoreError:
        return told(error, key, store)

    def _public(self, name: str) -> str:
        return self._place().url(name)

    def _sign_url(self, name: str, options: UrlOptions, expires_secs: int) -> str:
        return signed_url(
            self._place(),
            self._frozen(),
            options.method,
            name,
            expires_secs,
            now=self._clock(),
            query=_query(options) if options.method != "PUT" else (),
            headers=self._headers(options) if options.method == "PUT" else None,
        )

    def _sign_form(self, name: str, options: PostOptions, expires_secs: int) -> PresignedPost:
        fields = {}
        for header, value in self._put_headers.items():
            if header not in _FIELDS and not header.startswith("x-amz-"):
                raise Unsupported(f"a form cannot bring the header {header}")
            fields[_FIELDS.get(header, header)] = value
        if options.content_type is not None:
            fields["Content-Type"] = options.content_type
        return signed_form(
            self._place(),
            self._frozen(),
            self._bucket,
            name,
            options.max_bytes,
            expires_secs,
            now=self._clock(),
            fields=fields,
        )

    def _headers(self, options: UrlOptions) -> dict[str, str]:
        headers = dict(self._put_headers)
        if options.content_type is not None:
            headers["content-type"] = options.content_type
        if options.content_length is not None:
            headers["content-length"] = str(options.content_length)
        if options.if_absent:
            headers["if-none-match"] = "*"
        if options.sha256 is not None:
            # A part of SigV4 itself. (Ceph signs x-amz-checksum-sha256, and never looks at it.)
            headers["x-amz-content-sha256"] = options.sha256
        return headers

    def _frozen(self) -> Frozen:
        credentials = self._connection.credentials()
        if credentials is None:
            from botocore.exceptions import NoCredentialsError

            raise NoCredentialsError
        frozen: Frozen = credentials.get_frozen_credentials()
        return frozen

    def _place(self) -> Place:
        client = self._connection.client()
        found = self._found
        if found is None or found[0] is not client:
            place = place_of(client, self._bucket, self._public_endpoint)
            self._found = found = (client, place)
        return found[1]


def _query(options: UrlOptions) -> list[tuple[str, str]]:
    query = []
    shown = disposition(options)
    if shown is not None:
        query.append(("response-content-disposition", shown))
    if options.content_type is not None:
        query.append(("response-content-type", options.content_type))
    return query


def put_headers(given: Mapping[str, Any]) -> dict[str, str]:
    """The headers, names in lower case, that stand for the options of a store for what it puts."""
    headers = {name.lower(): value for name, value in (given["headers"] or {}).items()}
    return headers | {
        name: given[option] for name, option in _PUT_HEADERS.items() if given[option] is not None
    }


def signing_capabilities(
    bucket: str, service: Provider, *, signs: bool, if_absent: bool
) -> Mapping[str, Any]:
    """What a store of this bucket can do about URLs; ``if_absent``: if puts can be conditional."""
    if not signs:
        return UNSIGNED
    if bucket.endswith(_DIRECTORY_BUCKET):
        return {}
    return {
        "url_methods": URL_METHODS,
        "url_options": _URL_OPTIONS if if_absent else _URL_OPTIONS - {"if_absent"},
        "presign_post": service.forms,
    }


def place_of(client: Boto, bucket: str, public_endpoint: str | None = None) -> Place:
    """Where a client finds a bucket; with ``public_endpoint``, where others do.

    Asked of its own URL: a public method that makes no request, and knows all rules of endpoints
    (addressing styles, regions, partitions, access points).
    """
    url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "key"})
    meta, parts = client.meta, urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/key')}"
    # Signatures of version 2 have no scope.
    scope = dict(parse_qsl(parts.query)).get("X-Amz-Credential", "").split("/")[-3:-1]
    region, service = scope if len(scope) == 2 else (meta.region_name or "us-east-1", "s3")
    endpoint = urlsplit(meta.endpoint_url)
    if parts.netloc.endswith("s3.amazonaws.com") and endpoint.netloc.endswith(".amazonaws.com"):
        # By default boto3 signs for the global name, which answers for a new bucket of another
        # region with a redirect that no signature survives.
        root = root.replace("s3.amazonaws.com", endpoint.netloc, 1)
    if public_endpoint is not None:
        public = urlsplit(public_endpoint)
        inside = f"{bucket}." if parts.netloc.startswith(f"{bucket}.") else ""
        below = public.path.rstrip("/") + ("" if inside else f"/{bucket}")
        root = f"{public.scheme}://{inside}{public.netloc}{below}"
    return Place.at(root, "us-east-1" if region == "aws-global" else region, service)
