"""Ids: random by default, from the content or the time if asked; and templates that hold them.

========================  ======  ===========  ==================================================
made by                   length  random bits  what it tells
========================  ======  ===========  ==================================================
`random_id`               26      130          nothing
`uuid4`                   36      122          nothing
`uuid7`                   36      62 and more  when it was made, to the millisecond
`content_id`              64      none         who knows the content knows the id, unless ``secret``
========================  ======  ===========  ==================================================

All are lower-case ASCII, so they stay different on file systems that ignore case.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import TYPE_CHECKING, cast

from kvcore.contract.streams import Source, as_bytes, as_source, read_blocks
from kvcore.errors import ConfigError, InvalidKey
from kvcore.forking import tell_after_fork
from kvcore.keys import KeySpace
from kvcore.signing import Hash, HashFunc, Secret, check_hashfunc, check_secret, derive_key

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

# Crockford's base 32 (crockford.com/base32.html): no i, l, o, u. 256 / 32 is whole, so every
# character is equally likely.
_CROCKFORD_OF_BYTE = b"0123456789abcdefghjkmnpqrstvwxyz" * 8


def random_id() -> str:
    """26 characters that cannot be guessed: 130 random bits in Crockford's base 32.

    >>> len(random_id())
    26
    """
    return os.urandom(26).translate(_CROCKFORD_OF_BYTE).decode()


def uuid4() -> str:
    """A random UUID (RFC 9562 §5.4): 122 random bits.

    >>> uuid4()  # doctest: +SKIP
    '0e37df36-f698-41e4-8f6f-ae1ae9f2a1d7'
    """
    return _uuid_text(4, int.from_bytes(os.urandom(16), "big"))


def uuid7() -> str:
    """A UUID that sorts by time (RFC 9562 §5.7), strictly increasing within the process.

    **It tells when it was made**, to the millisecond, and keys that grow with time gather on one
    server of some object stores. Use it where the order is worth that, such as in databases.

    From one to the next is a random step (one of 2**62), also when a millisecond has many or the
    clock is set back; then the time in it runs ahead of the clock.
    """
    return _uuid_text(7, _times.next())


class _GrowingNumbers:
    """122-bit numbers: a time in milliseconds (48 bits), then 74 bits, random but growing.

    Within a millisecond each adds a random step to the one before (RFC 9562 §6.2, method 2). A
    step that overflows carries into the time, which the RFC allows.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._after_fork()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._last = 0
        self._lock = Lock()

    def next(self) -> int:
        now = self._clock_ns() // 1_000_000 << 74
        noise = int.from_bytes(os.urandom(10), "big")
        with self._lock:
            if now > self._last:
                self._last = now | noise >> 7  # 73 bits: half of the room is left for steps
            else:
                self._last += (noise >> 18) + 1
            return self._last


_times = _GrowingNumbers()


def _uuid_text(version: int, number: int) -> str:
    """122 bits (the lowest ones) around the version and the variant, as text."""
    high, middle, low = number >> 74 & (1 << 48) - 1, number >> 62 & 0xFFF, number & (1 << 62) - 1
    digits = f"{high << 80 | version << 76 | middle << 64 | 0b10 << 62 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def content_hash(*, hashfunc: HashFunc | None = None, secret: Secret | None = None) -> Hash:
    """A running hash for an id of content that comes piece by piece: SHA-256 by default.

    Without ``secret`` anybody who has a file can work out its id, and so find out whether it is
    stored. With one, nobody else can; the ids then are an HMAC under a key derived from it.

    >>> running = content_hash()
    >>> running.update(b"hello ")
    >>> running.update(b"world")
    >>> running.hexdigest() == content_id(b"hello world")
    True
    """
    if hashfunc is None:
        import hashlib

        hashfunc = hashlib.sha256
    check_hashfunc(hashfunc)
    if secret is None:
        return hashfunc()
    import hmac

    # Derived: who may store content must not get HMACs under a secret that signs other things.
    key = derive_key(check_secret(secret), b"kvcore content id 1", hashfunc)
    return cast("Hash", hmac.new(key, digestmod=hashfunc))


def content_id(
    content: Buffer | Source, *, hashfunc: HashFunc | None = None, secret: Secret | None = None
) -> str:
    """The hash of bytes, of the rest of a binary file or of an iterable of bytes, in hexadecimal.

    For ``secret`` see `content_hash`. A file is read in blocks and left open.

    >>> content_id(b"hello")
    '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
    """
    running = content_hash(hashfunc=hashfunc, secret=secret)
    if _is_stream(content):
        for block in read_blocks(as_source(cast("Source", content))):
            running.update(block)
    else:
        running.update(as_bytes(cast("Buffer", content)))
    return running.hexdigest()


def _is_stream(content: object) -> bool:
    if hasattr(content, "read"):
        return True
    if isinstance(content, str) or not hasattr(content, "__iter__"):
        return False
    try:
        memoryview(content)  # type: ignore[arg-type]  # which is the question
    except TypeError:
        return True
    return False


class Template:
    """A key with places to fill: ``Template("avatars/{id}").fill(id=...)``.

    ``{}`` means ``{id}``, which must be there; ``{{`` and ``}}`` stand for braces. ``fields`` are
    the names that it may use. Raises `ConfigError` for anything else.

    >>> Template("avatars/{id}").fill(id="7")
    'avatars/7'
    >>> Template("avatars/{name}")
    Traceback (most recent call last):
        ...
    kvcore.errors.ConfigError: the template 'avatars/{name}' has an unknown place 'name'; ...
    """

    def __init__(self, text: str, fields: Iterable[str] = ("id",)) -> None:
        import string

        if not isinstance(text, str):
            raise TypeError(f"a template is a str, not {type(text).__name__}")
        self.text = text
        self.fields: frozenset[str] = frozenset(fields)
        try:
            parsed = list(string.Formatter().parse(text))
        except ValueError as error:
            raise self._refuse(f"is not well-formed: {error}") from None
        parts: list[str] = []
        for literal, name, form, conversion in parsed:
            parts.append(literal.replace("{", "{{").replace("}", "}}"))
            if name is None:
                continue
            name = name or "id"
            if form or conversion:
                raise self._refuse("has a format; a place is a name alone, such as '{id}'")
            if name not in self.fields:
                known = ", ".join(f"{{{field}}}" for field in sorted(self.fields))
                raise self._refuse(f"has an unknown place {name!r}; there are {known}")
            parts.append(f"{{{name}}}")
        if "{id}" not in parts:
            raise self._refuse("has no '{id}': all values would get the same key")
        self._format = "".join(parts)

    def _refuse(self, why: str) -> ConfigError:
        return ConfigError(f"the template {self.text!r} {why}")

    def fill(self, **values: str) -> str:
        """The key with these values in their places."""
        return self._format.format_map(values)

    def check(self, space: KeySpace, **samples: str) -> None:
        """Raise `InvalidKey` if the keys made of such values are not in ``space``."""
        key = self.fill(**samples)
        try:
            space.check(key)
        except InvalidKey as error:
            raise InvalidKey(
                f"the template {self.text!r} makes no legal keys here: {error.message}", key=key
            ) from None

    def __repr__(self) -> str:
        return f"Template({self.text!r})"
