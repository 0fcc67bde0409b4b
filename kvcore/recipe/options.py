"""`Option`, and the kinds of values that options take.

A kind is a function that takes what was configured (text from a URL, any JSON or Python value from
a dict) and returns the value that the constructor gets. It raises ``ValueError`` with a phrase that
goes on after the option's name, "takes true or false", and does not repeat the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from kvcore.ttl import FOREVER, NOT_SET, TtlSecs

if TYPE_CHECKING:
    from hashlib import _Hash

_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
_HASHES = (
    "blake2b",
    "blake2s",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha3_256",
    "sha3_512",
    "sha512",
)


def _shown(value: object) -> str:
    """A value as it is written in a URL."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Option(NamedTuple):
    """One option of a recipe: a keyword argument of the store's or decorator's constructor."""

    read: Callable[[Any], Any]
    """The kind: what was configured → what the constructor gets."""
    about: str
    """One line for the documentation: what it takes and what that does."""
    secret: bool = False
    """Takes ``env:NAME`` and ``file:PATH``, too, and is never shown."""
    many: bool = False
    """Takes a list of secrets, too (for key rotation), and the constructor gets a list."""
    required: bool = False
    show: Callable[[Any], str] = _shown
    """The constructor's value as text for a URL."""


def nearest(word: str, names: Iterable[str]) -> str:
    """The end of an error message: the name that may have been meant, or all there are.

    >>> nearest("durabilty", ["durability", "keys"])
    "; did you mean 'durability'?"
    >>> nearest("colour", ["durability", "keys"])
    "; there are 'durability', 'keys'"
    """
    from difflib import get_close_matches

    known = sorted(names)
    # Bounded, as its time grows with the square of the length.
    close = get_close_matches(word[:60].lower(), known, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(map(repr, known))}" if known else "; there are none"


def text(value: object) -> str:
    """Any text but an empty one."""
    if isinstance(value, str) and value:
        return value
    raise ValueError("takes text")


def boolean(value: object) -> bool:
    """``true``, ``1``, ``yes``, ``false``, ``0`` or ``no``, in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUTHS:
        return _TRUTHS[value.lower()]
    raise ValueError("takes true or false")


def integer(least: int, most: int) -> Callable[[object], int]:
    """A whole number in decimal digits, from ``least`` to ``most``."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise ValueError(f"takes a whole number from {least} to {most}")

    return read


def seconds(value: object) -> float:
    """A finite number of seconds > 0, in decimal digits."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            if value > 0 and math.isfinite(value):
                return value
        except OverflowError:  # an int beyond every float
            pass
    raise ValueError("takes a number of seconds > 0")


def time_to_live(value: object) -> TtlSecs:
    """Seconds, ``forever`` or ``not_set``: see `kvcore.ttl`."""
    if isinstance(value, str) and value in {FOREVER, NOT_SET}:
        return cast("TtlSecs", value)
    try:
        return seconds(value)
    except ValueError:
        raise ValueError("takes a number of seconds > 0, 'forever' or 'not_set'") from None


def choice(*names: str) -> Callable[[object], str]:
    """One of some words."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        known = f"{', '.join(map(repr, names[:-1]))} or {names[-1]!r}"
        raise ValueError(f"takes {known}")

    return read


def file_mode(value: object) -> int:
    """A file mode: octal digits as text (``640``, ``0640``, ``0o640``), or an int as Python has it.

    JSON knows no octal numbers: write ``"640"`` there, with quotes.
    """
    if isinstance(value, str) and re.fullmatch("(?:0o)?[0-7]{3,4}", value):
        value = int(value, 8)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0o777:
        return value
    raise ValueError("takes a file mode in octal digits, such as '640'")


def hash_function(value: object) -> Callable[..., _Hash]:
    """The name of a hash function of ``hashlib``, or the function itself."""
    if callable(value):
        return value
    name = choice(*_HASHES)(value)
    import hashlib

    return cast("Callable[..., _Hash]", getattr(hashlib, name))


def secret_text(value: object) -> str:
    """A secret for a client that takes text."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise ValueError("takes text in UTF-8") from None
    return text(value)


def secret_bytes(value: object) -> bytes:
    """A secret for signing or encrypting; text counts as its UTF-8."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes) and value:
        return value
    raise ValueError("takes a secret, not an empty one")


def _hash_name(function: object) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return name.removeprefix("openssl_") if isinstance(name, str) else "..."


HASHFUNC = Option(
    hash_function, "`sha256` (default) or another of `hashlib`, by name", show=_hash_name
)
"""The option ``hashfunc=`` of every decorator that takes one."""
KEYS = Option(
    choice("strict", "path"),
    "`strict` (default): minimalkv's keys, without `/`; `path`: names such as `a/b`",
)
"""The option ``keys=`` of every store of ours."""
ANY_KEYS = Option(
    choice("strict", "path", "any"),
    f"{KEYS.about}; `any`: also reads, lists and deletes what others named `a//b`, `a/`, `../b`",
)
"""As `KEYS`, for stores in which others put what they like."""
