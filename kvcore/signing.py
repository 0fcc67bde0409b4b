"""Secrets: checked, rotated, and never used directly, but by keys derived for one purpose each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

Secret: TypeAlias = bytes | str
"""Random bytes, 32 are plenty; a text counts as its UTF-8."""


class Hash(Protocol):
    """A running hash as ``hashlib`` makes them."""

    @property
    def name(self) -> str:
        """Its name, such as ``"sha256"``."""
        ...

    @property
    def digest_size(self) -> int:
        """Bytes of a digest."""
        ...

    @property
    def block_size(self) -> int:
        """Bytes of its internal block."""
        ...

    def update(self, data: Buffer, /) -> None:
        """Take further bytes."""
        ...

    def digest(self) -> bytes:
        """The digest of all bytes so far."""
        ...

    def hexdigest(self) -> str:
        """The same in lower-case hexadecimal digits."""
        ...

    def copy(self) -> Hash:
        """A hash of its own, at the same point."""
        ...


HashFunc: TypeAlias = Callable[[], Hash]
"""A constructor such as ``hashlib.sha256``."""

_MIN_DIGEST_BYTES = 16


def check_hashfunc(hashfunc: HashFunc) -> int:
    """The digest size of a hash; ``ValueError`` for one without a fixed size of 16 bytes or more.

    (``hashlib.shake_128`` and its like have no size of their own, check sums are too short.)
    """
    size = hashfunc().digest_size
    if size < _MIN_DIGEST_BYTES:
        raise ValueError(f"a hash has a fixed digest of at least {_MIN_DIGEST_BYTES} bytes")
    return size


def check_secret(secret: Secret) -> bytes:
    """The bytes of a secret. ``TypeError`` or ``ValueError``, which never show it."""
    if isinstance(secret, str):
        try:
            secret = secret.encode()
        except UnicodeEncodeError:
            raise ValueError("a secret is text without lone surrogates, or bytes") from None
    elif not isinstance(secret, bytes | bytearray | memoryview):
        raise TypeError(f"a secret is bytes or str, not {type(secret).__name__}")
    if not secret:
        raise ValueError("a secret is not empty; os.urandom(32) makes a good one")
    return bytes(secret)


def check_secrets(secrets: Secret | Sequence[Secret]) -> tuple[bytes, ...]:
    """One secret or a list of them, oldest to newest, as a tuple in that order.

    >>> check_secrets(["retired", "current"])
    (b'retired', b'current')
    >>> check_secrets([])
    Traceback (most recent call last):
        ...
    ValueError: there is no secret in the list
    """
    if not isinstance(secrets, list | tuple):
        return (check_secret(secrets),)  # type: ignore[arg-type]  # which checks the type
    if not secrets:
        raise ValueError("there is no secret in the list")
    return tuple(map(check_secret, secrets))


def derive_key(
    secret: bytes,
    info: bytes,
    hashfunc: HashFunc,
    *,
    salt: bytes = b"",
    length: int | None = None,
) -> bytes:
    """HKDF, RFC 5869: a key for the purpose that ``info`` names, of ``length`` bytes.

    Keys for different purposes tell nothing of each other or of the secret. ``length`` is by
    default that of the digest.

    >>> import hashlib
    >>> derive_key(b"secret", b"example 1", hashlib.sha256).hex()[:16]
    'f9142568347d98b1'
    """
    import hmac

    size = check_hashfunc(hashfunc)
    length = size if length is None else length
    if not 0 < length <= 255 * size:
        raise ValueError(f"HKDF makes between 1 and {255 * size} bytes with this hash")
    root = hmac.new(salt or bytes(size), secret, hashfunc).digest()
    key = block = b""
    counter = 0
    while len(key) < length:
        counter += 1
        block = hmac.new(root, block + info + bytes([counter]), hashfunc).digest()
        key += block
    return key[:length]
