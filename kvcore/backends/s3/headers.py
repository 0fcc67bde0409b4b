"""Headers that every value is put with, and the parameters that boto3 has for them."""

from __future__ import annotations

from collections.abc import Mapping

from kvcore.backends.objects.options import HeaderNames
from kvcore.backends.s3.objects import Answer

HEADERS = HeaderNames(
    {
        "cache-control": "CacheControl",
        "content-disposition": "ContentDisposition",
        "content-encoding": "ContentEncoding",
        "content-language": "ContentLanguage",
        "expires": "Expires",
        "x-amz-tagging": "Tagging",
        "x-amz-website-redirect-location": "WebsiteRedirectLocation",
    },
    metadata="x-amz-meta-",
)
"""As ``put_object`` calls them."""


def parameters_of(headers: Mapping[str, str]) -> dict[str, Answer]:
    """What ``put_object`` is given for these headers.

    >>> parameters_of({"Cache-Control": "no-cache", "x-amz-meta-owner": "ann"})
    {'CacheControl': 'no-cache', 'Metadata': {'owner': 'ann'}}
    """
    known, metadata = HEADERS.split(headers)
    return {**known, "Metadata": metadata} if metadata else {**known}
