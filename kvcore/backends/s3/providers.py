"""What each service that speaks S3 is known to need, and which conditions it decides itself.

``provider=`` names one. An endpoint without a provider is an unknown one: it gets what every
service takes, and no condition is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

PUT, COMPLETE, COPY, DELETE = "put", "complete", "copy", "delete"
DECIDED = (PUT, COMPLETE, COPY, DELETE)
"""The requests whose conditions a service may decide: ``PutObject``, ``CompleteMultipartUpload``,
``CopyObject`` and ``DeleteObject``."""


class Provider(NamedTuple):
    """A service, or a kind of server."""

    title: str
    endpoint: str | None = None
    """Its address, where it follows from the region."""
    region: str | None = None
    """The region to sign for, where it is always the same or may be anything."""
    addressing: str = "path"
    """``virtual`` puts the bucket into the host name; ``path`` works wherever there is one name."""
    checksums: bool = False
    """Whether it takes and gives the checksums of newer clients (``x-amz-checksum-*``)."""
    conditional: frozenset[str] = frozenset()
    """Of `DECIDED`, those whose conditions it decides itself."""
    quoted_etags: bool = True
    """Whether ``If-Match`` holds the etag in quotes, as RFC 9110 §8.8.3 has it."""
    forms: bool = True
    """Whether browsers can upload by a form (``PostObject``)."""
    conflicts: frozenset[str] = frozenset()
    """Codes of its own for a conditional write that lost against another one."""
    equal_parts: bool = False
    """Whether all parts of an upload but the last must have the same size."""

    drops_deletes: bool = False
    """Whether it says that a value is deleted that a put at the same time has kept."""


AWS = Provider(
    "Amazon S3",
    addressing="auto",
    checksums=True,
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
    conditional=frozenset(DECIDED),
)
UNKNOWN = Provider("an S3 service", region="us-east-1")

PROVIDERS: Mapping[str, Provider] = {
    "aws": AWS,
    # Checksum headers are refused, forms unknown: https://www.backblaze.com/docs/cloud-storage-s3-compatible-api
    "b2": Provider("Backblaze B2", endpoint="https://s3.{region}.backblazeb2.com", forms=False),
    # Measured with radosgw 16.2: CompleteMultipartUpload ignores conditions, a quoted etag never
    # matches, who loses a race for If-Match is told of an unknown error, and a delete that meets a
    # put may be dropped.
    "ceph": Provider(
        "Ceph",
        region="us-east-1",
        conditional=frozenset({PUT}),
        quoted_etags=False,
        conflicts=frozenset({"UnknownError"}),
        drops_deletes=True,
    ),
    # https://github.com/minio/minio/issues/21526: before September 2025 If-Match let a missing key
    # be put. `kvcore check --write` finds out.
    "minio": Provider(
        "MinIO", region="us-east-1", checksums=True, conditional=frozenset({PUT, COMPLETE})
    ),
    # https://developers.cloudflare.com/r2/api/s3/api/ and …/presigned-urls/, and
    # …/r2/objects/multipart-objects/
    "r2": Provider(
        "Cloudflare R2",
        region="auto",
        conditional=frozenset({PUT}),
        forms=False,
        equal_parts=True,
    ),
    "spaces": Provider(
        "DigitalOcean Spaces",
        endpoint="https://{region}.digitaloceanspaces.com",
        addressing="virtual",
    ),
    "wasabi": Provider("Wasabi", endpoint="https://s3.{region}.wasabisys.com"),
}
"""Name → what the option ``provider=`` means."""
