"""What stands behind `SessionStore`: the settings, and the store for each way to ask it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

from django.conf import settings
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.core.signals import setting_changed
from django.utils.crypto import get_random_string

from kvcore import (
    AsyncSessions,
    InlineStore,
    KeyValueStore,
    SessionPolicy,
    Sessions,
    async_store,
)
from kvcore.sessions import SessionEvent, handle_of, policy_from
from kvcore_django.stores import current_store

STORE = "KVCORE_SESSION_STORE"
POLICY = "KVCORE_SESSION_POLICY"

_KEY_CHARS = 32
# Django takes keys of 8 characters and more, and makes those of 32.
is_key: Callable[[str], re.Match[str] | None] = re.compile(f"[{VALID_KEY_CHARS}]{{8,64}}").fullmatch


class Encoding(Protocol):
    """What the engine asks of a session: ours, or one of a project that extends it."""

    def encode(self, session_dict: dict[str, Any], /) -> str:
        """The text that is stored."""
        ...

    def decoded(self, data: bytes, /) -> dict[str, Any]:
        """What was stored; ``ValueError`` for whatever is not readable."""
        ...

    @classmethod
    def on_event(cls, event: SessionEvent, /) -> None:
        """Called for whatever happens to sessions."""
        ...


class _Keys:
    """Django's keys: not signed, as its cookies are not; so they have to be looked up."""

    def new(self) -> str:
        return get_random_string(_KEY_CHARS, VALID_KEY_CHARS)

    def cookie_for(self, key: str) -> str:
        return key

    def read(self, cookie: str) -> str | None:
        return cookie if is_key(cookie) else None

    def is_current(self, cookie: str) -> bool:
        return True


class _Signed:
    """Django's serializer and signature, for kvcore."""

    def __init__(self, kind: type[Encoding]) -> None:
        self._blank = kind()

    def dumps(self, content: dict[str, Any]) -> bytes:
        return self._blank.encode(content).encode()

    def loads(self, data: bytes) -> dict[str, Any]:
        return self._blank.decoded(data)


class Engine:
    """The sessions of the project, for each way to ask a store for them."""

    def __init__(self, kind: type[Encoding]) -> None:
        self._store: KeyValueStore = current_store(store_name())
        self._made_of: dict[str, Any] = {
            "policy": policy(),
            "serializer": _Signed(kind),
            "on_event": kind.on_event,
        }
        self.inline: AsyncSessions = AsyncSessions(
            InlineStore(self._store), _Keys(), **self._made_of
        )

    @cached_property
    def awaited(self) -> AsyncSessions:
        """In an event loop; at once, where the store answers faster than a thread begins."""
        if self._store.capabilities.fast:
            return self.inline
        return AsyncSessions(async_store(self._store), _Keys(), **self._made_of)

    @cached_property
    def sessions(self) -> Sessions:
        """For what Django does not ask for: lists, revocation."""
        return Sessions(self._store, _Keys(), **self._made_of)


_engines: dict[type[Encoding], Engine] = {}
_SETTINGS = frozenset(
    {
        "KVCORE_STORES",
        STORE,
        POLICY,
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "SESSION_COOKIE_AGE",
        "SESSION_SERIALIZER",
    }
)


def _forget(*, setting: str, **_: object) -> None:
    """Tests change settings: read the new ones when next asked."""
    if setting in _SETTINGS:
        _engines.clear()


setting_changed.connect(_forget)


def engine_of(kind: type[Encoding]) -> Engine:
    """The engine of a class of sessions, made at its first use."""
    engine = _engines.get(kind)
    if engine is None:  # two threads may make one each: both have the same store
        engine = _engines[kind] = Engine(kind)
    return engine


def store_key(sessions: AsyncSessions, key: str) -> str:
    """Where a session lies."""
    return sessions.policy.prefix + handle_of(key)


def store_name() -> str | KeyValueStore:
    """What ``KVCORE_SESSION_STORE`` says: a name, or a store.

    Not "default" unless it says so: what is uploaded, and served, lies there.
    """
    name: str | KeyValueStore = getattr(settings, STORE, "sessions")
    return name


def policy() -> SessionPolicy:
    """What ``KVCORE_SESSION_POLICY`` asks for. Raises `ConfigError`."""
    return policy_from(
        getattr(settings, POLICY, {}),
        POLICY,
        {"idle_secs": "SESSION_COOKIE_AGE", "refresh_secs": "SESSION_SAVE_EVERY_REQUEST"},
        idle_secs=max(settings.SESSION_COOKIE_AGE, 1),
        user_keys=("_auth_user_id",),
        watch=(),  # who logs in by Django has a new key already
    )
