"""Store URLs: split, and shown without secrets.

::

    scheme[+decorator…]://address[?option=value&…][#wrap:decorator+…]

The grammar is RFC 3986's, read strictly: nothing is stripped, repaired or ignored, for a URL that
is not quite right may name another place for data. (`kvcore.recipe.address` says why this is not
``urllib.parse``.)
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kvcore.config.secrets import is_reference
from kvcore.errors import ConfigError
from kvcore.recipe import StoreRecipe, percent_decoded
from kvcore.registry import BACKENDS

_NAME = "[A-Za-z][A-Za-z0-9_.-]*"
_SCHEME = re.compile(rf"{_NAME}(?:\+{_NAME})*")
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PATH_ENDS = re.compile("[:=?#]")  # what is no URL may be a path, or a login and more
_VALUES = re.compile("=[^&#]*")
_SHOWN_CHARS = 200
_COMPOUND = {scheme for scheme in BACKENDS if "+" in scheme}


class Parts(NamedTuple):
    """A URL, split; nothing is looked up yet."""

    scheme: str
    decorators: tuple[str, ...]
    """Names, innermost first."""
    address: str
    """Still percent-encoded, as forms of addresses differ in what ``@``, ``:`` and ``/`` mean."""
    options: tuple[tuple[str, str], ...]
    """Names and values, decoded, in the order of the URL; not empty."""


def scheme_of(url: str) -> str:
    """The scheme alone, without decorators. Raises `ConfigError` where there is none."""
    scheme, separator, _ = url.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        raise ConfigError(
            "a store URL begins with a scheme, such as fs:///srv/media, fs://media or memory://"
        )
    names = scheme.lower().split("+")
    return "+".join(names[: _words_of_scheme(names)])


def _words_of_scheme(names: list[str]) -> int:
    """How many of ``a+b+c`` name the backend; the others are decorators."""
    return 2 if "+".join(names[:2]).removeprefix("h") in _COMPOUND else 1


def split(url: str) -> Parts:
    """Split a URL. Raises `ConfigError`, which does not repeat it.

    >>> split("fs+readonly://Media?keys=path").decorators
    ('readonly',)
    """
    scheme = scheme_of(url)
    if _UNFIT.search(url):
        raise ConfigError("a URL has no control characters, line ends or surrogates")
    if url != url.strip():
        raise ConfigError("a URL neither begins nor ends with a space")
    head, _, rest = url.partition("://")
    rest, hash_, fragment = rest.partition("#")
    address, mark, query = rest.partition("?")
    # minimalkv's order: in the scheme the first is outermost, in the fragment the last.
    names = head.lower().split("+")
    decorators = tuple(reversed(names[_words_of_scheme(names) :]))
    if hash_:
        if decorators:
            raise ConfigError("decorators stand in the scheme or after '#wrap:', not in both")
        decorators = _wrapped(fragment)
    return Parts(scheme, decorators, address, _options(query) if mark else ())


def _wrapped(fragment: str) -> tuple[str, ...]:
    names = percent_decoded(fragment).removeprefix("wrap:")
    if not fragment.startswith("wrap:") or not _SCHEME.fullmatch(names):
        raise ConfigError(
            "after '#' stands 'wrap:' and names of decorators, such as '#wrap:readonly+urlencode'"
            " (in an address or a value '#' is written '%23')"
        )
    return tuple(names.lower().split("+"))


def _options(query: str) -> tuple[tuple[str, str], ...]:
    found = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if not name or not value:
            raise ConfigError(
                "an option is empty: after '?' stands name=value&name=value"
                " (in a value '&' is written '%26')"
            )
        found.append((percent_decoded(name), percent_decoded(value)))
    return tuple(found)


def redacted(url: str, recipe: StoreRecipe | None) -> str:
    """``url`` for messages and for ``repr``: without user info, without values that may be secret.

    It need not be a valid URL. What is not known to be harmless is hidden: with a ``recipe`` the
    values of its options are shown unless they are secret; without one no value is.

    >>> redacted("redis://:pw@host?x=1", None)
    'redis://***@host?x=***'
    """
    head, separator, rest = url.partition("://")
    if not separator or not _SCHEME.fullmatch(head):
        _, at, rest = url.rpartition("@")
        harmless = _PATH_ENDS.split(rest, 1)
        return _printable(f"{'***@' if at else ''}{harmless[0]}{'...' if harmless[1:] else ''}")
    rest = redacted_address(rest, recipe)
    rest, hash_, fragment = rest.partition("#")
    address, mark, query = rest.partition("?")
    if recipe is None:
        query = _VALUES.sub("=***", query)
        address = _VALUES.sub("=***", address)
    elif mark:
        query = "&".join(_shown_pair(pair, recipe) for pair in query.split("&", 50))
    if hash_ and not fragment.startswith("wrap:"):
        fragment = "..."
    return _printable(f"{head}{separator}{address}{mark}{query}{hash_}{fragment}")


def redacted_address(address: str, recipe: StoreRecipe | None) -> str:
    """``address`` without user info."""
    # The last "@" of all: a password that is not percent-encoded may hold "/", "?" and "#".
    reach = address
    if recipe is not None and recipe.path_address:
        reach = address.partition("/")[0]
    at = reach.rfind("@")
    return f"***{address[at:]}" if at >= 0 else address


def _printable(text: str) -> str:
    shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)


def _shown_pair(pair: str, recipe: StoreRecipe) -> str:
    name, equals, value = pair.partition("=")
    option = recipe.options.get(name)
    if option is None:  # misspelt, or the rest of a secret with a plain "&"
        return "..."
    if option.secret and not is_reference(value):
        return f"{name}{equals}***"
    return pair
