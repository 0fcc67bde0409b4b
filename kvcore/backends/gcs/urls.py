"""How the store is made from ``gcs://`` URLs, and what its options take."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kvcore.backends.gcs.client import Settings
from kvcore.backends.gcs.headers import HEADERS
from kvcore.backends.objects.options import SHARED, file_path, http_url
from kvcore.errors import ConfigError
from kvcore.recipe import (
    Address,
    Option,
    StoreRecipe,
    integer,
    secret_text,
    text,
)

if TYPE_CHECKING:
    from kvcore.contract import KeyValueStore

_KIB = 1024
PART_STEP_BYTES = 256 * _KIB
"""Parts are a multiple of it: https://cloud.google.com/storage/docs/performing-resumable-uploads"""
# https://cloud.google.com/storage/docs/buckets#naming; those with dots are names of domains
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# https://cloud.google.com/storage/docs/access-control/lists#predefined-acl
_ACLS = (
    *("authenticatedRead", "bucketOwnerFullControl", "bucketOwnerRead", "private"),
    *("projectPrivate", "publicRead", "publicReadWrite"),
)
_BASE64 = re.compile("[A-Za-z0-9+/_-]+=*")


def bucket_name(value: object) -> str:
    """The name of a bucket."""
    if isinstance(value, str) and _BUCKET.fullmatch(value):
        return value
    raise ValueError("takes the name of a bucket: 3 or more of a-z, 0-9, '-', '_' and '.'")


def _acl(value: object) -> str:
    if isinstance(value, str):
        name = re.sub("-([a-z])", lambda found: found[1].upper(), value)  # as in the XML API
        if name in _ACLS:
            return value
    raise ValueError(f"takes one of {', '.join(_ACLS)}")


def _part_size(value: object) -> int:
    size = integer(PART_STEP_BYTES, 1024**3)(value)
    if size % PART_STEP_BYTES:
        raise ValueError("takes a multiple of 256 KiB")
    return size


def _read_address(address: Address) -> dict[str, object]:
    """``bucket/prefix``; or minimalkv's ``base64-json@bucket``."""
    whole = address.text()
    login, at, rest = whole.partition("@")
    found: dict[str, object] = {}
    if at and _BASE64.fullmatch(login):
        padded = login.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            account = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode()
        except ValueError:
            account = ""
        if account.lstrip().startswith("{"):
            found["credentials_json"] = account
            whole = rest
    bucket, _, prefix = whole.partition("/")
    if not bucket:
        raise ConfigError("a bucket is missing: gcs://bucket/prefix")
    try:
        found["bucket"] = bucket_name(bucket)
    except ValueError:
        # It may be a secret of an unexpected form.
        raise ConfigError(
            "this address takes the name of a bucket, and before '@' credentials as base64:"
            " gcs://bucket/prefix"
        ) from None
    if prefix:
        found["prefix"] = prefix
    return found


def _check(arguments: Mapping[str, Any]) -> None:
    """Raise for what cannot be used together, as far as it is no secret."""
    if "bucket_creation_location" in arguments and "location" in arguments:
        raise ConfigError("bucket_creation_location is minimalkv's name for location: give one")
    Settings(**{name: arguments[name] for name in Settings._fields if name in arguments}).check()


def _build(
    cls: Callable[..., KeyValueStore],
    *,
    bucket_creation_location: str | None = None,
    **options: Any,
) -> KeyValueStore:
    if bucket_creation_location is not None:
        options["location"] = bucket_creation_location
    return cls(**options)


OPTIONS: Mapping[str, Option] = {
    **SHARED,
    "acl": Option(_acl, "a predefined ACL for what is put, such as `publicRead`"),
    "bucket_creation_location": Option(text, "minimalkv's name for `location`"),
    "credentials": Option(
        file_path, "a file with the key of a service account (default: those of the machine)"
    ),
    "credentials_json": Option(secret_text, "what stands in such a file", secret=True),
    "endpoint": Option(http_url, "the address of the service (default: Google's)"),
    "headers": HEADERS.option(),
    "kms_key": Option(text, "the key in Cloud KMS that what is put is encrypted with"),
    "location": Option(text, "where a bucket is created, such as `europe-west3`"),
    "part_size": Option(
        _part_size, "bytes of a part, and above which a value goes in parts (default 8 MiB)"
    ),
    "project": Option(text, "the project that a bucket is created in"),
    "sign_as": Option(
        text,
        "the e-mail of a service account in whose name IAM signs URLs (default: the store's own)",
    ),
    "storage_class": Option(text, "the storage class of what is put, such as `NEARLINE`"),
    "user_project": Option(text, "the project that pays, for buckets whose readers do"),
}

RECIPE = StoreRecipe(
    options=OPTIONS,
    address=_read_address,
    requires={"google.cloud.storage": "kvcore[gcs]"},
    check=_check,
    build=_build,
)
"""How ``gcs://`` URLs are read."""
