"""Headers that every value is put with, and the parameters that boto3 has for them."""

from __future__ import annotations

from collections.abc import Mapping

from kvcore.backends.s3.objects import Answer

_PARAMETERS: Mapping[str, str] = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "expires": "Expires",
    "x-amz-tagging": "Tagging",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
_METADATA = "x-amz-meta-"


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
        known = name.lower() in _PARAMETERS or name.lower().startswith(_METADATA)
        if not known:
            raise ValueError(f"takes {', '.join(_PARAMETERS)} and x-amz-meta-..., not {name!r}")
        if not (text.isascii() and text.isprintable()):
            raise ValueError(f"takes printable ASCII, unlike that of {name!r}")
    return dict(value)


def headers_text(headers: Mapping[str, str]) -> str:
    """Headers as the option takes them in a URL."""
    import json

    return json.dumps(dict(headers), separators=(",", ":"))


def parameters_of(headers: Mapping[str, str]) -> dict[str, Answer]:
    """What ``put_object`` is given for these headers.

    >>> parameters_of({"Cache-Control": "no-cache", "x-amz-meta-owner": "ann"})
    {'CacheControl': 'no-cache', 'Metadata': {'owner': 'ann'}}
    """
    found: dict[str, Answer] = {}
    metadata = {}
    for name, text in headers.items():
        lower = name.lower()
        if lower.startswith(_METADATA):
            metadata[lower.removeprefix(_METADATA)] = text
        else:
            found[_PARAMETERS[lower]] = text
    if metadata:
        found["Metadata"] = metadata
    return found
