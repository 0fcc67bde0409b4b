r"""Key spaces: which strings a store takes as keys.

``strict`` is minimalkv's: printable ASCII without space, ``/``, ``*``, ``:``, ``;`` and ``|``,
at most 250 characters, neither ``.`` nor ``..``. ``path`` is for hierarchical names, as Django and
existing buckets have them: segments joined by ``/``. Both reserve names that begin with
``.kvcore-`` for the stores' own files. ``any`` is for buckets that others fill: every text may be
read and deleted, and put is what ``path`` allows.

>>> STRICT.check("avatar-17.png")
>>> "media/a b.png" in PATH, "media//a" in PATH, "media/../a" in PATH
(True, False, False)
>>> STRICT.check("a/b")
Traceback (most recent call last):
    ...
kvcore.errors.InvalidKey: '/' is not allowed in a key; keys="path" allows names such as 'a/b' ...
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kvcore.errors import InvalidKey

RESERVED_PREFIX = ".kvcore-"
"""Names (whole keys, or segments of a path) that begin so belong to the stores themselves."""

_STRICT_CHARS = r"`!\"#$%&'()+,\-.<=>?@\[\]^_{}~0-9a-zA-Z" + "\\\\"
_STRICT_REGEXP = rf"(?!\.\.?\Z|\.kvcore-)[{_STRICT_CHARS}]{{1,250}}"
# Cc of Unicode, the backslash and lone surrogates are excluded; a segment is never empty,
# "." or "..", and never reserved.
_SEGMENT = "(?!\\.\\.?(?:/|\\Z)|\\.kvcore-)[^/\\\\\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]+"
_PATH_REGEXP = f"{_SEGMENT}(?:/{_SEGMENT})*"

VALID_KEY_REGEXP = rf"^{_STRICT_REGEXP}\Z"
"""The seed's regular expression, made whole: with ``match`` a trailing newline fails, too."""
VALID_KEY_RE = re.compile(VALID_KEY_REGEXP)


class KeySpace:
    """A frozen set of keys, and the sentence that tells why a string is not in it.

    ``check(key)`` returns silently or raises `InvalidKey` (an ``InvalidKey`` is a ``ValueError``);
    ``key in space`` asks without raising. Equal spaces compare equal.
    """

    __slots__ = (
        "_fits",
        "_is_plain",
        "_plain_length",
        "check_new_outside",
        "max_bytes",
        "max_segment_bytes",
        "name",
    )

    name: str
    max_segment_bytes: int | None
    max_bytes: int
    """Of a whole key in UTF-8: 1024, less what a store puts before it."""
    check_new_outside: Callable[[str], None]
    """`check_outside` for a key that is to be put: ``any`` allows less of those."""
    _fits: Callable[[str], object]
    _is_plain: Callable[[str], bool]
    _plain_length: int

    def __init__(
        self, name: str, max_segment_bytes: int | None = None, max_bytes: int | None = None
    ) -> None:
        if name not in _RULES:
            raise ValueError(
                f"there is no key space {name!r}; there are {', '.join(map(repr, _RULES))}"
            )
        if name == "any" and max_segment_bytes is not None:
            raise ValueError("keys='any' is for stores whose names are not those of files")
        set_ = object.__setattr__
        set_(self, "name", name)
        set_(self, "max_segment_bytes", max_segment_bytes)
        set_(self, "max_bytes", _MAX_BYTES if max_bytes is None else max_bytes)
        set_(self, "_fits", re.compile(_RULES[name]).fullmatch)
        set_(self, "_is_plain", _PLAIN[name])
        segment = max_segment_bytes or _STRICT_LENGTH
        set_(self, "_plain_length", min(_STRICT_LENGTH, segment, self.max_bytes))
        set_(self, "check_new_outside", self._check_new_of_any if name == "any" else self.check)

    def check(self, key: str) -> None:
        """Raise `InvalidKey`, naming the rule, unless ``key`` is in this space."""
        # Most keys are plain: short, ASCII, no name in them that begins with ".". That is told for
        # a third of what the regular expression costs between system calls, and of ids, which are
        # letters, digits and hyphens, for a tenth.
        if (
            type(key) is str
            and 0 < len(key) <= self._plain_length
            and key.isascii()
            and (
                key.isalnum()
                or key.replace("-", "").isalnum()
                or (
                    self._is_plain(key)
                    and key[0] not in "./"
                    and "\\" not in key
                    and ("/" not in key or not (key[-1] == "/" or "//" in key or "/." in key))
                )
            )
        ):
            return
        try:
            if self._fits(key):
                self._check_bytes(key)
                return
        except TypeError:
            pass
        raise InvalidKey(self._why(key), key=key if isinstance(key, str) else None)

    check_outside = check
    """`check`, less what the inner store of a decorator checks anyway."""

    @property
    def outside(self) -> KeySpace | None:
        """The rule for keys before any mapping; ``None``: any text."""
        return self

    def _check_bytes(self, key: str) -> None:
        if len(key.encode()) > self.max_bytes:
            raise InvalidKey(f"a key has at most {self.max_bytes} bytes in UTF-8 here", key=key)
        if (limit := self.max_segment_bytes) is not None:
            for segment in key.split("/"):
                if len(segment.encode()) > limit:
                    raise InvalidKey(f"a segment of a key has at most {limit} bytes here", key=key)

    def _check_new_of_any(self, key: str) -> None:
        try:
            PATH.check(key)
        except InvalidKey as error:
            error.message += '; keys="any" lets such keys be read and deleted, not put'
            raise
        self._check_bytes(key)

    def behind(self, prefix: str) -> KeySpace:
        """The same keys where a store puts ``prefix`` before them, and both share 1024 bytes."""
        left = _MAX_BYTES - len(prefix.encode())
        return type(self)(self.name, self.max_segment_bytes, left)

    def _why(self, key: object) -> str:
        if not isinstance(key, str):
            return f"a key is a str, not {type(key).__name__}"
        if not key:
            return "a key has at least one character"
        if self.name == "any":
            return "lone surrogates are not allowed in a key"
        for segment in key.split("/") if self.name == "path" else [key]:
            if segment in {".", ".."}:
                return f"{segment!r} is not allowed as a name"
            if segment.startswith(RESERVED_PREFIX):
                return f"names that begin with {RESERVED_PREFIX!r} are reserved"
        if self.name == "strict":
            for char in key:
                if not VALID_KEY_RE.match(f"a{char}"):
                    hint = "; keys=\"path\" allows names such as 'a/b'" if char == "/" else ""
                    return f"{char!r} is not allowed in a key{hint}"
            return "a key has at most 250 characters"
        if "" in key.split("/"):
            return "a key neither begins nor ends with '/' and has no '//'"
        return "control characters, backslashes and lone surrogates are not allowed in a key"

    def __contains__(self, key: object) -> bool:
        try:
            self.check(key)  # type: ignore[arg-type]  # a non-str is what this answers, too
        except InvalidKey:
            return False
        return True

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a KeySpace is frozen")

    def _identity(self) -> tuple[Any, ...]:
        bound = () if self.max_bytes == _MAX_BYTES else (self.max_bytes,)
        return self.name, self.max_segment_bytes, *bound

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._identity()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._identity()))})"


class MappedKeySpace(KeySpace):
    """The keys that a decorator takes: legal on the outside, and once mapped legal on the inside.

    ``mapping`` must be a picklable function from an outer key to an inner one; ``outside`` is the
    space of the outer keys themselves (``None``: any text).
    """

    __slots__ = ("_outside", "check_outside", "inside", "mapping")

    inside: KeySpace
    mapping: Callable[[str], str]
    check_outside: Callable[[str], None]  # type: ignore[assignment]  # bound: a call less
    """The outer half of `check`, for a caller whose inner store checks the mapped key."""
    _outside: KeySpace | None

    def __init__(
        self, inside: KeySpace, mapping: Callable[[str], str], outside: KeySpace | None
    ) -> None:
        set_ = object.__setattr__
        set_(self, "name", inside.name)
        set_(self, "max_segment_bytes", inside.max_segment_bytes)
        set_(self, "max_bytes", inside.max_bytes)
        set_(self, "inside", inside)
        set_(self, "mapping", mapping)
        set_(self, "_outside", outside)
        check = self._check_text if outside is None else outside.check
        set_(self, "check_outside", check)
        set_(self, "check_new_outside", check)  # the inner store checks the mapped key, as new

    @property
    def outside(self) -> KeySpace | None:
        """The rule for keys before any mapping; ``None``: any text."""
        return self._outside

    def check(self, key: str) -> None:
        """Raise `InvalidKey` unless ``key`` is legal outside and, once mapped, inside."""
        self.check_outside(key)
        try:
            self.inside.check(self.mapping(key))
        except InvalidKey as error:
            error.key = key
            raise

    def _check_text(self, key: str) -> None:
        if not isinstance(key, str) or not key:
            raise InvalidKey(self._why(key), key=key if isinstance(key, str) else None)
        if not key.isascii() and _SURROGATE.search(key):
            raise InvalidKey("lone surrogates are not allowed in a key", key=key)

    def _identity(self) -> tuple[Any, ...]:
        return self.inside, self.mapping, self._outside


_MAX_BYTES = 1024
_RULES = {
    "strict": _STRICT_REGEXP,
    "path": _PATH_REGEXP,
    "any": "[^\ud800-\udfff]+",
}
_STRICT_LENGTH = 250
_PLAIN: dict[str, Callable[[str], bool]] = {  # of ASCII texts without a backslash
    "strict": frozenset(
        char for char in map(chr, range(0x20, 0x7F)) if re.fullmatch(_STRICT_REGEXP, f"a{char}")
    ).issuperset,
    "path": str.isprintable,
    "any": str.isprintable,
}
_SURROGATE = re.compile("[\ud800-\udfff]")


STRICT = KeySpace("strict")
PATH = KeySpace("path")
