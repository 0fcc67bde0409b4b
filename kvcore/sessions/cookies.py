"""The cookie of a session, and what its response tells caches: pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from kvcore.errors import ConfigError

SameSite = Literal["Lax", "Strict", "None", "lax", "strict", "none"]
"""In any case, as frameworks have it; kept as `CookiePolicy` writes it, with a capital."""

# RFC 6265, section 4.1.1: a name is a token of RFC 9110; values of attributes have no ";".
_is_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_attribute = re.compile(r"[\x20-\x3a\x3c-\x7e]*").fullmatch
# RFC 9110, sections 5.6.1 and 5.6.4: elements between commas, and quoted strings in them.
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_is_quoted_well = re.compile(f'(?:[^"]|{_QUOTED})*+').fullmatch
_elements = re.compile(f'(?:[^,"]|{_QUOTED})++').findall
_LAST_SECS = 253_402_300_799  # the end of the year 9999: dates have four digits
_GONE = "Thu, 01 Jan 1970 00:00:00 GMT"


@dataclass(frozen=True, slots=True)
class CookiePolicy:
    """The attributes of the cookie. Raises `ConfigError` for what browsers would refuse.

    >>> CookiePolicy("__Host-session").header("abc")
    '__Host-session=abc; Path=/; Secure; HttpOnly; SameSite=Lax'
    >>> CookiePolicy("__Host-session", path="/app")
    Traceback (most recent call last):
        ...
    kvcore.errors.ConfigError: a cookie '__Host-...' is secure, has the path / and no domain
    """

    name: str = "session"
    domain: str | None = None
    path: str = "/"
    secure: bool = True
    httponly: bool = True
    samesite: SameSite | None = "Lax"
    partitioned: bool = False
    _attributes: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if _is_name(self.name) is None:
            raise ConfigError(f"this is no name of a cookie: {self.name!r}")
        for what in (self.domain, self.path):
            if what is not None and _is_attribute(what) is None:
                raise ConfigError(f"the domain and the path of a cookie have no {what!r}")
        if self.samesite not in ("Lax", "Strict", "None", None):
            object.__setattr__(self, "samesite", _samesite(self.samesite))
        prefix = self.name.lower()  # browsers compare it so, RFC 6265bis, section 4.1.3
        if prefix.startswith("__host-") and not (
            self.secure and self.path == "/" and not self.domain
        ):
            raise ConfigError("a cookie '__Host-...' is secure, has the path / and no domain")
        if prefix.startswith("__secure-") and not self.secure:
            raise ConfigError("a cookie '__Secure-...' is secure")
        if self.partitioned and not self.secure:
            raise ConfigError("a partitioned cookie is secure")
        if self.samesite == "None" and not self.secure:
            raise ConfigError("a cookie with samesite='None' is secure")
        attributes = [
            f"; Domain={self.domain}" if self.domain else "",
            f"; Path={self.path}",
            "; Secure" if self.secure else "",
            "; HttpOnly" if self.httponly else "",
            f"; SameSite={self.samesite}" if self.samesite else "",
            "; Partitioned" if self.partitioned else "",
        ]
        object.__setattr__(self, "_attributes", "".join(attributes))

    def header(
        self, value: str, max_age_secs: float | None = None, *, now: float | None = None
    ) -> str:
        """What follows ``Set-Cookie:``; without ``max_age_secs`` it ends with the browser.

        With ``now`` (seconds since 1970) also as a date, for clients that know no Max-Age.
        """
        if max_age_secs is None:
            return f"{self.name}={value}{self._attributes}"
        expires = ""
        if now is not None:
            when = datetime.fromtimestamp(min(now + max_age_secs, _LAST_SECS), UTC)
            expires = f"; Expires={when:%a, %d %b %Y %H:%M:%S GMT}"
        return f"{self.name}={value}{expires}; Max-Age={int(max_age_secs)}{self._attributes}"

    def deletion(self) -> str:
        """What follows ``Set-Cookie:`` to delete it; with all attributes, or it would stay."""
        return f"{self.name}=; Expires={_GONE}; Max-Age=0{self._attributes}"


def _samesite(told: str) -> str:
    found = str(told).capitalize()
    if found not in ("Lax", "Strict", "None"):
        raise ConfigError(f"samesite is 'Lax', 'Strict', 'None' or None, not {told!r}")
    return found


def sent_cookie(header: str | None, name: str) -> str | None:
    """The first value of this name in a header ``Cookie``; ours need no unquoting.

    >>> sent_cookie("theme=dark; session=abc", "session")
    'abc'
    >>> sent_cookie(None, "session") is None
    True
    """
    if header is None:
        return None
    for pair in header.split(";"):
        found, _, value = pair.partition("=")
        # Of blanks only these (RFC 6265, section 5.4): with another one before it a name has no
        # prefix for browsers, so a page of another host may set "\xa0__Host-session".
        if found.strip(" \t") == name:
            return value.strip(" \t")
    return None


def varying(vary: str | None) -> str:
    """The header ``Vary`` of a response that depends on the session.

    >>> varying(None), varying("Accept-Encoding"), varying("accept, cookie"), varying("*")
    ('Cookie', 'Accept-Encoding, Cookie', 'accept, cookie', '*')
    """
    if not vary:
        return "Cookie"
    names = [name.strip() for name in vary.split(",") if name.strip()]
    if "*" in names or "cookie" in map(str.lower, names):
        return ", ".join(names)
    return ", ".join([*names, "Cookie"])


def is_for_shared_caches(header: str) -> bool:
    """Whether this header of a response goes before its ``Cache-Control`` in shared caches.

    RFC 9213, section 2.2, and the Edge Architecture Specification's ``Surrogate-Control``.

    >>> is_for_shared_caches("CDN-Cache-Control"), is_for_shared_caches("Cache-Control")
    (True, False)
    """
    name = header.lower()
    return name.endswith("cdn-cache-control") or name == "surrogate-control"


def private(cache_control: str | None) -> str:
    """The header ``Cache-Control`` of a response that sets a cookie: for this visitor alone.

    A shared cache would hand the cookie to others (RFC 9111, section 7.3).

    >>> private(None), private("public, max-age=60, s-maxage=600"), private("no-store")
    ('private', 'max-age=60, private', 'no-store')
    """
    if not cache_control:
        return "private"
    if '"' not in cache_control:
        parts = cache_control.split(",")
    elif _is_quoted_well(cache_control):
        parts = _elements(cache_control)  # what is quoted may have commas
    else:  # a quote that nothing closes would swallow what is added here
        parts = cache_control.replace('"', "").split(",")
    kept, is_told = [], False
    for part in map(str.strip, parts):
        name, has_value, _ = part.partition("=")
        name = name.rstrip().lower()
        if name in ("", "public", "s-maxage") or (has_value and name == "private"):
            continue
        is_told = is_told or (not has_value and name in ("private", "no-store"))
        kept.append(part)
    return ", ".join(kept if is_told else [*kept, "private"])
