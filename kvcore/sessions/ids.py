"""Ids of sessions: random, signed in the cookie, hashed in the store."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets as random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kvcore.registry import load_library
from kvcore.signing import Secret, check_secrets

if TYPE_CHECKING:
    from itsdangerous import Signer

EXTRA = "sessions"

_ID_BYTES = 32
# What is signed and the signature: 256 bits each, in URL-safe base64.
_is_cookie = re.compile(r"[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}").fullmatch
_SALT = b"kvcore.sessions"


class _Sha256:
    """itsdangerous' `HMACAlgorithm`, by the call that does it in one go."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")

    def verify_signature(self, key: bytes, value: bytes, sig: bytes) -> bool:
        return hmac.compare_digest(sig, hmac.digest(key, value, "sha256"))


class SignedIds:
    """Makes ids of 256 random bits, and the cookies that carry them, signed.

    ``secrets`` is a secret or a list of them, oldest to newest: the newest signs, all verify.
    A signature is itsdangerous' with SHA-256; its keys are derived for this purpose alone.

    >>> ids = SignedIds(["retired", "current"])
    >>> session_id = ids.new()
    >>> cookie = ids.cookie_for(session_id)
    >>> ids.read(cookie) == session_id
    True
    >>> ids.read("chosen-by-an-attacker") is None
    True
    """

    def __init__(self, secrets: Secret | Sequence[Secret]) -> None:
        keys = list(check_secrets(secrets))
        self._rotates = len(keys) > 1
        make = load_library("itsdangerous", f"kvcore[{EXTRA}]").Signer
        deriving: Signer = make(
            keys, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256
        )
        # Derived once: itsdangerous would do it for each cookie, which takes as long as to verify.
        self._signer: Signer = make(
            list(map(deriving.derive_key, keys)),
            key_derivation="none",
            digest_method=hashlib.sha256,
            algorithm=_Sha256(),
        )

    def new(self) -> str:
        """An id that nobody had before."""
        return random.token_urlsafe(_ID_BYTES)

    def cookie_for(self, session_id: str) -> str:
        """The value of the cookie: 87 characters that need no quoting."""
        return self._signer.sign(session_id).decode()

    def read(self, cookie: str) -> str | None:
        """The id in a cookie that we signed; ``None`` for any other text."""
        if _is_cookie(cookie) is None:
            return None
        session_id, _, signature = cookie.partition(".")
        return session_id if self._signer.verify_signature(session_id, signature) else None

    def is_current(self, cookie: str) -> bool:
        """Whether a cookie of ours was signed with the newest secret."""
        return not self._rotates or cookie == self.cookie_for(cookie.partition(".")[0])


def handle_of(session_id: str) -> str:
    """What a session is called wherever its id must not be known: in the store, events, lists.

    The SHA-256 of the id, in hexadecimal. Nobody finds the id from it, and it opens no session.

    >>> len(handle_of("an id"))
    64
    """
    return hashlib.sha256(session_id.encode()).hexdigest()
