"""Stores that sign with a key of the tests, and `opens`, which verifies what they signed.

fake-gcs-server does not, so `opens` does, as the service documents it:
https://cloud.google.com/storage/docs/authentication/canonical-requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from kvcore import GoogleCloudStore
from tests.backends.gcs.conftest import EMAIL


@pytest.fixture
def make(account: str) -> Iterator[Callable[..., GoogleCloudStore]]:
    """Makes stores that sign with the key of the account."""
    stores = []

    def made(bucket: str = "bucket", prefix: str = "", **options: Any) -> GoogleCloudStore:
        if not {"client", "anonymous", "credentials"} & options.keys():
            options["credentials_json"] = account
        stores.append(GoogleCloudStore(bucket, prefix, **options))
        return stores[-1]

    yield made
    for store in stores:
        store.close()


def query(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True, keep_blank_values=True))


def verify(key: rsa.RSAPrivateKey, signature: str, text: bytes) -> bool:
    """Whether this is the account's signature of the text."""
    try:
        key.public_key().verify(bytes.fromhex(signature), text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def opens(
    key: rsa.RSAPrivateKey,
    url: str,
    method: str,
    headers: Mapping[str, str] | None = None,
    email: str = EMAIL,
) -> bool:
    """Whether the service would take a request, as far as the signature goes."""
    parts, given = urlsplit(url), query(url)
    sent = {name.lower(): value for name, value in (headers or {}).items()} | {"host": parts.netloc}
    names = given["X-Goog-SignedHeaders"].split(";")
    if not set(names) <= sent.keys():
        return False
    rest, _, signature = parts.query.rpartition("&X-Goog-Signature=")
    request = "\n".join(
        [
            method,
            parts.path,
            "&".join(sorted(rest.split("&"))),
            *(f"{name}:{sent[name]}" for name in names),
            "",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        ]
    )
    scope = f"{given['X-Goog-Date'][:8]}/auto/storage/goog4_request"
    assert given["X-Goog-Credential"] == f"{email}/{scope}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"GOOG4-RSA-SHA256\n{given['X-Goog-Date']}\n{scope}\n{digest}"
    return verify(key, signature, text.encode())
