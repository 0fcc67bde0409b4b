"""``SESSION_ENGINE = "kvcore_django.sessions"``: Django's sessions in any store."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from logging import getLogger
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core import signing
from django.http import HttpRequest

from kvcore import AsyncSessions, ConfigError, KeyExists, Sessions, run_inline
from kvcore.sessions import LiteralSession, Saved, SessionEvent, SessionRejected, handle_of, log
from kvcore_django.session_engine import Engine, engine_of, is_key, store_key


class SessionStore(SessionBase):
    """A session, as Django's documentation has it; in the store ``KVCORE_SESSION_STORE``
    (by default ``"sessions"``).

    Besides: ``notes``, texts to show in a list of sessions; ``handle``, what such a list calls it.
    An engine of your own may extend this class as it may Django's.

    >>> from kvcore import DictStore
    >>> from django.test import override_settings
    >>> stores = {"sessions": DictStore()}
    >>> with override_settings(KVCORE_STORES=stores, KVCORE_SESSION_STORE="sessions"):
    ...     session = SessionStore()
    ...     session["cart"] = ["tea"]
    ...     session.save()
    ...     SessionStore(session.session_key)["cart"]
    ['tea']
    """

    accessed: bool
    modified: bool
    _session_cache: dict[str, Any]

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._kept: LiteralSession | None = None
        """What lies in the store, once that is known."""
        self._cleared = False
        self._new_notes: dict[str, str] = {}
        if session_key and self.session_key is None:
            self.on_event(SessionRejected())

    @classmethod
    def on_event(cls, event: SessionEvent) -> None:
        """Called for whatever happens to sessions; logs it to ``kvcore.sessions``."""
        log(event)

    @property
    def handle(self) -> str | None:
        """What lists call this session; ``None`` until it is saved. Not its key: opens nothing."""
        return None if self.session_key is None else handle_of(self.session_key)

    @property
    def notes(self) -> MutableMapping[str, str]:
        """Text to show in a list of sessions, such as ``{"browser": "Firefox on Linux"}``.

        Saved with the session, but not part of it. Where stores are awaited, touch the session
        first: ``await session.aload()``, or any other.
        """
        return _Notes(self)

    # What it is stored as

    def _validate_session_key(self, key: str | None) -> bool:
        """Whether the store is asked for it at all."""
        return isinstance(key, str) and is_key(key) is not None

    def encode(self, session_dict: dict[str, Any]) -> str:
        """The text that is stored: signed, by Django's rules; equal dicts make equal texts."""
        # As Django does, but for the time, which nobody asks for.
        return signing.Signer(salt=self.key_salt).sign_object(
            session_dict, serializer=self.serializer, compress=True
        )

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """What was stored; an empty dict for whatever is not readable."""
        try:
            return self.decoded(session_data)
        except ValueError:
            return {}

    def decoded(self, data: bytes | str) -> dict[str, Any]:
        """What was stored; ``ValueError`` for whatever is not readable."""
        text = data if isinstance(data, str) else data.decode()
        try:
            content = signing.Signer(salt=self.key_salt).unsign_object(
                text, serializer=self.serializer
            )
        except signing.BadSignature as error:
            getLogger("django.security.SuspiciousSession").warning("Session data corrupted")
            raise ValueError("its signature is wrong") from error
        except Exception as error:
            # Whatever the project's serializer raises.
            raise ValueError("its serializer cannot read it") from error
        if not isinstance(content, dict):
            raise ValueError("it is no dict")
        return content

    # What Django asks of an engine

    def exists(self, session_key: str | None) -> bool:
        """Whether there is such a session."""
        return run_inline(self._exists(self._engine.inline, session_key))

    async def aexists(self, session_key: str | None) -> bool:
        """As ``exists``."""
        return await self._exists(self._engine.awaited, session_key)

    def create(self) -> None:
        """Save the session under a new key."""
        run_inline(self._create(self._engine.inline))

    async def acreate(self) -> None:
        """As ``create``."""
        await self._create(self._engine.awaited)

    def save(self, must_create: bool = False) -> None:
        """Save the session.

        Raises ``UpdateError`` if it was ended meanwhile; with ``must_create``, ``CreateError`` if
        there is one under this key.
        """
        run_inline(self._save(self._engine.inline, must_create))

    async def asave(self, must_create: bool = False) -> None:
        """As ``save``."""
        await self._save(self._engine.awaited, must_create)

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, or this one."""
        run_inline(self._delete(self._engine.inline, session_key))

    async def adelete(self, session_key: str | None = None) -> None:
        """As ``delete``."""
        await self._delete(self._engine.awaited, session_key)

    def load(self) -> dict[str, Any]:
        """Read the session; empty, and without its key, if there is none or it is over."""
        return run_inline(self._load(self._engine.inline))

    async def aload(self) -> dict[str, Any]:
        """As ``load``."""
        return await self._load(self._engine.awaited)

    def cycle_key(self) -> None:
        """Go on under another key.

        Raises ``SessionInterrupted`` if somebody was logged in, and the session was ended
        meanwhile.
        """
        run_inline(self._cycle(self._engine.inline))

    async def acycle_key(self) -> None:
        """As ``cycle_key``."""
        await self._cycle(self._engine.awaited)

    def clear(self) -> None:
        """Forget everything, also what other requests are writing at this moment."""
        super().clear()
        self._cleared = True

    @classmethod
    def clear_expired(cls) -> None:
        """Remove what has expired, unless the store does so itself."""
        run_inline(cls._clear_expired(engine_of(cls).inline))

    @classmethod
    async def aclear_expired(cls) -> None:
        """As ``clear_expired``."""
        await cls._clear_expired(engine_of(cls).awaited)

    # The same, written once for those who block and those who await

    @property
    def _engine(self) -> Engine:
        return engine_of(type(self))

    async def _exists(self, sessions: AsyncSessions, key: str | None) -> bool:
        if not self._validate_session_key(key):
            return False
        return await sessions.store.contains(store_key(sessions, key or ""))

    async def _load(self, sessions: AsyncSessions) -> dict[str, Any]:
        kept = sessions.open(self.session_key, LiteralSession)
        await sessions.load(kept)
        self._kept = None
        if not kept.available:
            return {}  # with its key: the visitor may come back when the store does
        if kept.new:
            self._session_key = None
            return {}
        self._kept = kept
        return kept.content

    async def _content(self, sessions: AsyncSessions) -> dict[str, Any]:
        self.accessed = True
        if not hasattr(self, "_session_cache"):
            self._session_cache = {} if self.session_key is None else await self._load(sessions)
        return self._session_cache

    async def _create(self, sessions: AsyncSessions) -> None:
        await self._begin(sessions, None)
        self.modified = True

    async def _begin(self, sessions: AsyncSessions, key: str | None) -> None:
        if not hasattr(self, "_session_cache"):
            self._session_cache = {}
        notes = self._new_notes if self._kept is None else self._kept.notes
        kept = sessions.open(None, LiteralSession)
        kept.begin(self._session_cache, key)
        kept.notes.update(notes)
        self._adopt(kept, await self._save_kept(sessions, kept))

    async def _save(self, sessions: AsyncSessions, must_create: bool) -> None:
        if self.session_key is None:
            await self._create(sessions)
        elif must_create:
            key = self.session_key
            can = sessions.store.capabilities
            if not can.if_absent and await self._exists(sessions, key):
                raise CreateError
            try:
                await self._begin(sessions, key)
            except KeyExists as error:
                raise CreateError from error
        else:
            await self._content(sessions)
            if self.session_key is None:
                await self._create(sessions)
            else:
                await self._update(sessions)

    async def _update(self, sessions: AsyncSessions) -> None:
        kept = self._kept
        if kept is None:  # nobody has read it yet: it was cleared unseen
            kept = sessions.open(self.session_key, LiteralSession)
            await sessions.load(kept)
            if kept.available and kept.new:
                raise UpdateError
            kept.notes.update(self._new_notes)
        if not (kept.available or self.modified):
            return  # each request is to be saved, and this one has nothing to lose
        saved = await self._save_changes(sessions, kept)
        if saved.id is None:
            self._kept = None
            raise UpdateError
        self._adopt(kept, saved)

    async def _cycle(self, sessions: AsyncSessions) -> None:
        content = await self._content(sessions)
        key, kept = self.session_key, self._kept
        if kept is None:
            await self._create(sessions)
            if key is not None:
                await self._delete(sessions, key)
            return
        somebody = sessions.policy.user_of(kept.content) or sessions.policy.user_of(content)
        kept.regenerate()
        saved = await self._save_changes(sessions, kept)
        if saved.id is not None:
            self._adopt(kept, saved)
            self.modified = True
            return
        self._kept = None
        if somebody is None:  # an anonymous one, such as that of a log-in that was sent twice
            await self._create(sessions)
            return
        self._session_key = None
        self._session_cache = {}
        raise SessionInterrupted(
            "The request's session was deleted before the request completed. The user may have"
            " logged out in a concurrent request, for example."
        )

    async def _delete(self, sessions: AsyncSessions, key: str | None) -> None:
        key = self.session_key if key is None else key
        if not self._validate_session_key(key):
            return
        kept = self._kept
        if kept is not None and key == self.session_key:
            self._kept = None
            kept.destroy()
            await sessions.save(kept)
        elif key is not None and not await sessions.revoke(handle_of(key)):
            await sessions.store.delete(store_key(sessions, key))  # what is over, or unreadable

    async def _save_changes(self, sessions: AsyncSessions, kept: LiteralSession) -> Saved:
        if self._cleared:
            kept.clear()
        kept.become(self._session_cache)
        return await self._save_kept(sessions, kept)

    async def _save_kept(self, sessions: AsyncSessions, kept: LiteralSession) -> Saved:
        return await sessions.save(kept, idle_secs=self.get_expiry_age())

    def _adopt(self, kept: LiteralSession, saved: Saved) -> None:
        self._kept = kept
        self._session_key = saved.id
        self._session_cache = kept.content  # with what was merged into it
        self._cleared = False
        self._new_notes = {}

    @classmethod
    async def _clear_expired(cls, sessions: AsyncSessions) -> None:
        can = sessions.store.capabilities
        if can.ttl:
            return
        if not can.list:
            raise NotImplementedError("this store cannot list what there is to clear")
        await sessions.prune()


class _Notes(MutableMapping[str, str]):
    """The notes of a session, which is modified when they are."""

    def __init__(self, session: SessionStore) -> None:
        session.keys()  # reads it
        self._session = session

    @property
    def _notes(self) -> dict[str, str]:
        kept = self._session._kept
        return self._session._new_notes if kept is None else kept.notes

    def __getitem__(self, name: str) -> str:
        return self._notes[name]

    def __setitem__(self, name: str, note: str) -> None:
        self._notes[name] = note
        self._session.modified = True

    def __delitem__(self, name: str) -> None:
        del self._notes[name]
        self._session.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._notes)

    def __len__(self) -> int:
        return len(self._notes)


def current_session(request: HttpRequest) -> SessionStore:
    """``request.session``, with the type that it has here: for type checkers and editors.

    Raises `ConfigError` where ``SESSION_ENGINE`` is another.
    """
    session = getattr(request, "session", None)
    if not isinstance(session, SessionStore):
        raise ConfigError(
            f"request.session is no session in a store, but {type(session).__name__}: set"
            " SESSION_ENGINE = 'kvcore_django.sessions', and have SessionMiddleware in MIDDLEWARE"
        )
    return session


def current_sessions() -> Sessions:
    """The sessions of the project: to list those of a user, to revoke them, to prune.

    A user is the text of a primary key. Raises `ConfigError` where they are not in a store.
    """
    return engine_of(_configured()).sessions


def current_async_sessions() -> AsyncSessions:
    """As `current_sessions`, awaited."""
    return engine_of(_configured()).awaited


def _configured() -> type[SessionStore]:
    name = settings.SESSION_ENGINE
    kind = getattr(import_module(name), "SessionStore", None)
    if not (isinstance(kind, type) and issubclass(kind, SessionStore)):
        raise ConfigError(
            f"the sessions of this project are not in a store, but in {name}:"
            " set SESSION_ENGINE = 'kvcore_django.sessions'"
        )
    return kind
