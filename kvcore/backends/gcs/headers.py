"""Headers that every value is put with, and what a ``Blob`` calls them."""

from __future__ import annotations

from kvcore.backends.objects.options import HeaderNames

HEADERS = HeaderNames(
    {
        "cache-control": "cache_control",
        "content-disposition": "content_disposition",
        "content-encoding": "content_encoding",
        "content-language": "content_language",
    },
    metadata="x-goog-meta-",
)
"""As its attributes are called; the caller's own are its metadata."""
