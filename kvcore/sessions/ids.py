"""Ids of sessions: random, signed in the cookie, hashed in the store."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from kvcore.registry import load_library
from kvcore.sessions.recent import SESSIONS
from kvcore.signing import Secret, check_secrets

if TYPE_CHECKING:
    from itsdangerous import Signer

EXTRA = "sessions"

_ID_BYTES, _ID_CHARS = 32, 43
# What is signed and the signature: 256 bits each, in URL-safe base64.
_is_cookie = re.compile(r"[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}").fullmatch

is_handle: Callable[[str], re.Match[str] | None] = re.compile("[0-9a-f]{64}").fullmatch
"""Whether a text is a handle by its form."""


class _NotOursError(Exception):
    pass


class SignedIds:
    """Makes ids of 256 random bits, and the cookies that carry them, signed.

    ``secrets`` is a secret or a list of them, oldest to newest: the newest signs, all verify.
    A signature is itsdangerous' with SHA-256; its keys are derived for this purpose alone, and for
    ``cookie``, the name of the cookie: what is sent under another name is none of ours.

    >>> ids = SignedIds(["retired", "current"])
    >>> session_id = ids.new()
    >>> cookie = ids.cookie_for(session_id)
    >>> ids.read(cookie) == session_id
    True
    >>> ids.read("chosen-by-an-attacker") is None
    True
    """

    def __init__(self, secrets: Secret | Sequence[Secret], cookie: str = "session") -> None:
        keys = list(check_secrets(secrets))
        make = load_library("itsdangerous", f"kvcore[{EXTRA}]").Signer
        salt = f"kvcore.sessions.{cookie}".encode()
        self._signer: Signer = make(
            keys, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256
        )
        # Derived and begun once: itsdangerous does it for each cookie, which takes much longer than
        # all the rest.
        derived = map(self._signer.derive_key, reversed(keys))
        self._begun = [hmac.new(key, digestmod="sha256") for key in derived]
        # Visitors come back at once, for the next page and what is in it.
        self._verified = lru_cache(maxsize=SESSIONS)(self._verify)

    def new(self) -> str:
        """An id that nobody had before."""
        return token_urlsafe(_ID_BYTES)

    def cookie_for(self, session_id: str) -> str:
        """The value of the cookie: 87 characters that need no quoting."""
        return self._signer.sign(session_id).decode()

    def read(self, cookie: str) -> str | None:
        """The id in a cookie that we signed; ``None`` for any other text."""
        try:
            return self._verified(cookie)
        except _NotOursError:
            return None

    def _verify(self, cookie: str) -> str:
        """As ``read``, but raises: who sends what is not ours is not remembered."""
        if _is_cookie(cookie) is None:
            raise _NotOursError
        sent = cookie.encode()
        signed, signature = sent[:_ID_CHARS], sent[_ID_CHARS + 1 :]
        for begun in self._begun:
            mac = begun.copy()
            mac.update(signed)
            if hmac.compare_digest(urlsafe_b64encode(mac.digest())[:_ID_CHARS], signature):
                return cookie[:_ID_CHARS]
        raise _NotOursError

    def is_current(self, cookie: str) -> bool:
        """Whether a cookie of ours was signed with the newest secret."""
        return len(self._begun) == 1 or cookie == self.cookie_for(cookie[:_ID_CHARS])


def handle_of(session_id: str) -> str:
    """What a session is called wherever its id must not be known: in the store, events, lists.

    The SHA-256 of the id, in hexadecimal. Nobody finds the id from it, and it opens no session.

    >>> len(handle_of("an id"))
    64
    """
    return hashlib.sha256(session_id.encode()).hexdigest()
