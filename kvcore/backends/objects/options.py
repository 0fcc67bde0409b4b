"""Options that the stores of objects share: how they are read, checked and shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kvcore.errors import ConfigError
from kvcore.recipe import ANY_KEYS, Option, absolute_path, boolean, integer, seconds, text

SURROGATE = re.compile("[\ud800-\udfff]")
"""What no name can have: it has no UTF-8."""
_URL = re.compile(r"https?://[^/\s?#@]+(?:/[^\s?#]*)?")


def http_url(value: object) -> str:
    """An address such as ``https://s3.example.com:9000``, without user and password."""
    if isinstance(value, str) and _URL.fullmatch(value):
        return value.rstrip("/")
    raise ValueError("takes an address such as 'https://storage.example.com:9000'")


def file_path(value: object) -> str:
    """The path of a file, from the current directory now."""
    return absolute_path(text(value))


class HeaderNames(NamedTuple):
    """The headers that values can be put with."""

    known: Mapping[str, str]
    """Their names, in lower case, and what the client calls them."""
    metadata: str
    """What the names of the caller's own begin with."""

    def read(self, value: object) -> dict[str, str]:
        """The option ``headers``: a mapping, or one as JSON. Raises ``ValueError``."""
        if isinstance(value, str):
            import json

            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError('takes JSON, such as {"Cache-Control": "max-age=3600"}') from None
        if not isinstance(value, Mapping):
            raise ValueError("takes a mapping of header names to values")
        for name, words in value.items():
            if not isinstance(name, str) or not isinstance(words, str):
                raise ValueError("takes texts as names and values")
            if name.lower() not in self.known and not name.lower().startswith(self.metadata):
                known = ", ".join(self.known)
                raise ValueError(f"takes {known} and {self.metadata}..., not {name!r}")
            if not (words.isascii() and words.isprintable()):
                raise ValueError(f"takes printable ASCII, unlike that of {name!r}")
        return dict(value)

    def split(self, headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Headers as the client calls them, and the caller's own without what these begin with.

        >>> names = HeaderNames({"cache-control": "CacheControl"}, "x-amz-meta-")
        >>> names.split({"Cache-Control": "no-cache", "x-amz-meta-owner": "ann"})
        ({'CacheControl': 'no-cache'}, {'owner': 'ann'})
        """
        known: dict[str, str] = {}
        own: dict[str, str] = {}
        for name, words in headers.items():
            lower = name.lower()
            if lower.startswith(self.metadata):
                own[lower.removeprefix(self.metadata)] = words
            else:
                known[self.known[lower]] = words
        return known, own

    def option(self) -> Option:
        """The option ``headers``."""
        return Option(
            self.read,
            "headers of what is put, as JSON: `Cache-Control`, `Content-Disposition`,"
            f" `{self.metadata}...`, ...",
            show=_json,
        )


def _json(headers: Mapping[str, str]) -> str:
    import json

    return json.dumps(dict(headers), separators=(",", ":"))


SHARED: Mapping[str, Option] = {
    "anonymous": Option(boolean, "sign nothing: for what everybody may read (default false)"),
    "base_url": Option(
        http_url, "where others read the same values, such as a CDN: goes before plain URLs' keys"
    ),
    "connect_timeout": Option(seconds, "seconds until a connection must stand (default 3)"),
    "create_if_missing": Option(boolean, "create the bucket with the first use (default false)"),
    "deadline": Option(
        seconds, "seconds until an answer must begin, retries included (default 30)"
    ),
    "keys": ANY_KEYS,
    "pool_size": Option(integer(1, 10_000), "connections kept open (default 32)"),
    "public_endpoint": Option(http_url, "the address of the service in URLs for others"),
    "retries": Option(integer(0, 100), "how often a request may be sent again (default 4)"),
    "url_expires": Option(
        seconds, "seconds for which a signed URL works if nobody says (default 3600)"
    ),
}
"""What every store of objects takes."""


def check_arguments(
    bucket: object,
    prefix: object,
    given: Mapping[str, Any],
    *,
    bucket_name: Callable[[object], str],
    options: Mapping[str, Option],
) -> None:
    """Raise `ConfigError` for what no URL could say either."""
    if not isinstance(prefix, str) or SURROGATE.search(prefix):
        raise ConfigError("the prefix is a text that goes before every key")
    try:
        bucket_name(bucket)
    except ValueError as error:
        raise ConfigError(f"the bucket {error}") from None
    for name, value in given.items():
        if value is not None:
            try:
                options[name].read(value)
            except ValueError as error:
                raise ConfigError(f"option {name!r} {error}") from None


def shown(
    given: Mapping[str, Any], options: Mapping[str, Option], defaults: Mapping[str, Any]
) -> dict[str, str]:
    """The options as a URL has them, but for secrets, defaults and keys, which views change."""
    return {
        name: options[name].show(value)
        for name, value in sorted(given.items())
        if name != "keys" and not options[name].secret and value != defaults[name]
    }
