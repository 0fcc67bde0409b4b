"""How the store is made from ``s3://`` URLs, and what its options take."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kvcore.backends.objects.options import SHARED, file_path, http_url
from kvcore.backends.s3.client import Settings
from kvcore.backends.s3.conditions import read_conditional
from kvcore.backends.s3.headers import HEADERS
from kvcore.backends.s3.providers import PROVIDERS
from kvcore.errors import ConfigError
from kvcore.recipe import (
    Address,
    Option,
    StoreRecipe,
    boolean,
    choice,
    integer,
    seconds,
    secret_text,
    text,
)

if TYPE_CHECKING:
    from kvcore.contract import KeyValueStore

MIB = 1024 * 1024
LEAST_PART_BYTES = 5 * MIB  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MOST_PUT_BYTES = 5 * 1024 * MIB
ALGORITHMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")

_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")
_ARN = re.compile(r"arn:[a-z0-9-]+:s3[a-z0-9-]*:[A-Za-z0-9:/._-]{3,255}")


def bucket_name(value: object) -> str:
    """The name of a bucket, or the ARN of an access point."""
    if isinstance(value, str) and (_BUCKET.fullmatch(value) or _ARN.fullmatch(value)):
        return value
    raise ValueError("takes the name of a bucket: 3 to 63 letters, digits, '-' and '.'")


def _conditional(value: object) -> str:
    words = text(value)
    read_conditional(words)
    return words


_BYTES = integer(1, 5 * 1024**4)


def _read_address(address: Address) -> dict[str, object]:
    """``bucket/prefix``; or minimalkv's ``key:secret@endpoint/bucket``."""
    server = address.server()
    if server.user is None and server.password is None:
        if server.host is None:
            raise ConfigError("a bucket is missing: s3://bucket/prefix")
        if server.port is not None:
            raise ConfigError("a bucket has no port: s3://bucket/prefix?endpoint=http://host:port")
        return {"bucket": _bucket(server.host), **({"prefix": server.path} if server.path else {})}
    if server.user is None or not server.password:
        raise ConfigError("the secret stands behind a colon: s3://key:secret@endpoint/bucket")
    bucket = (server.path or "").strip("/")
    if not bucket or "/" in bucket:
        raise ConfigError("behind the endpoint stands the bucket: s3://key:secret@endpoint/bucket")
    found: dict[str, object] = {
        "bucket": _bucket(bucket),
        "access_key": server.user,
        "secret_key": server.password,
    }
    if server.host is not None:
        place = f"[{server.host}]" if ":" in server.host else server.host
        found["host"] = place if server.port is None else f"{place}:{server.port}"
    return found


def _bucket(name: str) -> str:
    try:
        return bucket_name(name)
    except ValueError as error:
        raise ConfigError(f"this address {error}") from None


def _check(arguments: Mapping[str, Any]) -> None:
    """Raise for what cannot be used together, as far as it is no secret."""
    if arguments.get("host") and "endpoint" in arguments:
        raise ConfigError("the endpoint stands in the address already")
    given = {name: value for name, value in arguments.items() if name in Settings._fields}
    given.pop("access_key", None)
    if arguments.get("host"):
        given["endpoint"] = "https://host"
    Settings(**given).check_public()


def _build(
    cls: Callable[..., KeyValueStore],
    *,
    bucket: str,
    host: str | None = None,
    is_secure: bool = True,
    force_bucket_suffix: bool = False,
    region_name: str | None = None,
    **options: Any,
) -> KeyValueStore:
    if host is not None:
        options["endpoint"] = f"{'https' if is_secure else 'http'}://{host}"
    if region_name is not None:
        options.setdefault("region", region_name)
    if force_bucket_suffix:
        suffix = f"-{options.get('access_key', '').lower()}"
        if not bucket.lower().endswith(suffix):
            bucket += suffix
    return cls(bucket, **options)


OPTIONS: Mapping[str, Option] = {
    **SHARED,
    "access_key": Option(secret_text, "the access key (default: boto3's own search)", secret=True),
    "acl": Option(text, "a canned ACL for what is put, such as `public-read`"),
    "addressing": Option(
        choice("auto", "path", "virtual"),
        "the bucket stands in the `path` or in the host name, `virtual` (default: by service)",
    ),
    "ca_file": Option(file_path, "who signs the certificate of the service (default: as boto3)"),
    "checksums": Option(
        choice("when_required", "when_supported", *ALGORITHMS),
        "checksums sent and verified: `when_supported`, `when_required`, or an algorithm such as"
        " `sha256` (default: by service)",
    ),
    "concurrency": Option(integer(1, 256), "threads for one large value or many small (default 8)"),
    "conditional": Option(
        _conditional,
        "conditions that the service decides itself: `all`, `none`, or some of"
        " `put,complete,copy,delete` (default: by service; none for an unknown one)",
    ),
    "encryption": Option(
        choice("AES256", "aws:kms", "aws:kms:dsse"), "how the service encrypts what is put"
    ),
    "endpoint": Option(http_url, "the address of the service (default: Amazon's)"),
    "external_id": Option(text, "the external id for `role`"),
    "force_bucket_suffix": Option(
        boolean, "minimalkv's: `-` and the access key belong to the bucket's name (default false)"
    ),
    "headers": HEADERS.option(),
    "is_secure": Option(boolean, "https for an endpoint in the address (default true)"),
    "kms_key": Option(text, "the key for `encryption=aws:kms`"),
    "multipart_threshold": Option(
        integer(LEAST_PART_BYTES, MOST_PUT_BYTES),
        "bytes above which a value goes in parts (default 16 MiB)",
    ),
    "part_size": Option(
        integer(LEAST_PART_BYTES, MOST_PUT_BYTES),
        "bytes of a part (default: 5 MiB; up to 64 MiB of what need not be in memory)",
    ),
    "profile": Option(text, "a profile of boto3's configuration"),
    "provider": Option(choice(*PROVIDERS), "the service behind the endpoint: sets what it needs"),
    "quoted_etags": Option(boolean, "whether `if_match` is sent with quotes (default: by service)"),
    "read_timeout": Option(
        seconds, "seconds to wait for the next bytes (default: half of `deadline`)"
    ),
    "region": Option(text, "the region (default: boto3's own search)"),
    "region_name": Option(text, "minimalkv's name for `region`"),
    "role": Option(text, "the ARN of a role to assume with these keys"),
    "role_session_name": Option(text, "the name of the session for `role`"),
    "secret_key": Option(secret_text, "the secret key", secret=True),
    "session_token": Option(secret_text, "the token of keys that expire", secret=True),
    "storage_class": Option(text, "the storage class of what is put, such as `STANDARD_IA`"),
}

RECIPE = StoreRecipe(
    options=OPTIONS,
    address=_read_address,
    requires={"boto3": "kvcore[s3]"},
    check=_check,
    build=_build,
)
"""How ``s3://`` URLs are read."""
