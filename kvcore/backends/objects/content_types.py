"""The type that is stored with a value, where the caller gives none."""

from __future__ import annotations

from functools import cache, lru_cache
from mimetypes import MimeTypes

# What is compressed is of no type that a browser would open; as http.server has it.
_COMPRESSED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}


@cache
def _types() -> MimeTypes:
    return MimeTypes()  # Python's own table: that of the system says otherwise on each


def type_of_key(key: str) -> str | None:
    """The content type that the end of a key tells, or ``None``.

    >>> type_of_key("media/cat.png"), type_of_key("a.tar.gz"), type_of_key("notes")
    ('image/png', 'application/gzip', None)
    """
    # Not the whole key: what looks like a URL ("data:,x") would be read as one.
    name = key.rpartition("/")[2]
    dot = name.find(".")
    return None if dot < 0 else _type_of_ending(name[dot:])


@lru_cache(maxsize=1024)
def _type_of_ending(ending: str) -> str | None:
    kind, encoding = _types().guess_type(f"x{ending}")
    return _COMPRESSED.get(encoding, "application/octet-stream") if encoding else kind
