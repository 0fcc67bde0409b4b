"""Secrets that anybody knows or guesses: told in the log, not refused. See docs/decisions/0018."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import lru_cache

from kvcore.signing import Secret, check_secrets

_MIN_BYTES = 16
_MIN_DIFFERENT = 5
# What manuals and templates say in place of a secret. Text of random characters has no such word.
_has_placeholder = re.compile(
    "change(me|this)|replace(me|this)|(your|my|super|top|thisisa)secret"
    "|secret(key|ofyour)|nota?secret|devsecret|scretkey|insecure|placeholder|password"
    "|keyboardcat"
).search
# Random ones that were printed, and are copied ever since.
_PRINTED = frozenset(
    {
        # Flask's documentation: the quickstart (of today and before 1.0) and SECRET_KEY
        b'_5#y2L"F4Q8z\n\xec]/',
        b"A0Zr98j/3yX R~XHH!jmN]LWX/,?RT",
        b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        # FastAPI's documentation: OAuth2 with JWT
        b"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    }
)


def weakness_of(secret: bytes) -> str | None:
    """What is wrong with a secret; ``None`` for one that looks random.

    >>> weakness_of(b"dev")
    'has fewer than 16 bytes'
    >>> weakness_of(b"please-change-me-in-production")
    'is a placeholder'
    >>> weakness_of(bytes.fromhex("5b1d9f04c7e83a62b1f0d7a85c2e9364")) is None
    True
    """
    letters = re.sub("[^a-z]", "", secret.decode("latin-1").lower())
    if secret in _PRINTED or _has_placeholder(letters):
        return "is a placeholder"
    if len(secret) < _MIN_BYTES:
        return f"has fewer than {_MIN_BYTES} bytes"
    if len(set(secret)) < _MIN_DIFFERENT:
        return f"has fewer than {_MIN_DIFFERENT} different characters"
    return None


def warn_of_weak_secrets(secrets: Secret | Sequence[Secret], setting: str) -> None:
    """Write to the log ``kvcore.sessions`` what is wrong with secrets; never a secret.

    For integrations, where an application is not being developed; each line is written once in a
    process. ``setting`` is what the secrets are called there.
    """
    for secret in check_secrets(secrets):
        if weakness := weakness_of(secret):
            tell_once(setting, weakness)


@lru_cache(maxsize=64)  # Litestar makes a middleware for each of its handlers
def tell_once(setting: str, weakness: str) -> None:
    """Write that line."""
    logging.getLogger("kvcore.sessions").warning(
        "%s %s: whoever knows it signs cookies of sessions, and what else is signed with it;"
        " set 32 random bytes, such as `python -c 'import secrets; print(secrets.token_hex())'`"
        " prints them",
        setting,
        weakness,
    )
