"""Headers that every value is put with, and what they are called beside an object."""

from __future__ import annotations

from collections.abc import Mapping

_PROPERTIES: Mapping[str, str] = {
    "cache-control": "cache_control",
    "content-disposition": "content_disposition",
    "content-encoding": "content_encoding",
    "content-language": "content_language",
}
_METADATA = "x-goog-meta-"


def read_headers(value: object) -> dict[str, str]:
    """The option ``headers``: a mapping, or one as JSON. Raises ``ValueError``."""
    if isinstance(value, str):
        import json

        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError('takes JSON, such as {"Cache-Control": "max-age=3600"}') from None
    if not isinstance(value, Mapping):
        raise ValueError("takes a mapping of header names to values")
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise ValueError("takes texts as names and values")
        if name.lower() not in _PROPERTIES and not name.lower().startswith(_METADATA):
            raise ValueError(f"takes {', '.join(_PROPERTIES)} and x-goog-meta-..., not {name!r}")
        if not (text.isascii() and text.isprintable()):
            raise ValueError(f"takes printable ASCII, unlike that of {name!r}")
    return dict(value)


def properties_of(headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The attributes of a ``Blob``, and its metadata.

    >>> properties_of({"Cache-Control": "no-cache", "x-goog-meta-owner": "ann"})
    ({'cache_control': 'no-cache'}, {'owner': 'ann'})
    """
    properties: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, text in headers.items():
        lower = name.lower()
        if lower.startswith(_METADATA):
            metadata[lower.removeprefix(_METADATA)] = text
        else:
            properties[_PROPERTIES[lower]] = text
    return properties, metadata
