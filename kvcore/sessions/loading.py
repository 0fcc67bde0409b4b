"""How a session is read: what to ask the store for, and what to make of its answer.

Pure steps, so that whoever blocks and whoever awaits need three lines each and nothing between
the session and the store::

    asked = loading.begin(session)
    while asked is not None:
        ... asked = loading.answered(session, asked, *store.fetch(asked.key))
        ... or, where it has a note, loading.answered(session, asked, store.get(asked.key), None)
        ... or, where that raised, loading.failed(session, asked, error) is the end
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from kvcore.contract import Stat
from kvcore.errors import KeyNotFound, KvcoreError, StoreError, VerificationError
from kvcore.sessions.events import (
    SessionRejected,
    SessionStoreFailed,
    SessionUnknown,
    SessionUnreadable,
)
from kvcore.sessions.ids import handle_of
from kvcore.sessions.recent import SESSIONS
from kvcore.sessions.records import MOVES
from kvcore.sessions.serializing import Serializer
from kvcore.sessions.session import Session, Stored, watched_in
from kvcore.sessions.shelf import Note, Shelf


class Asked(NamedTuple):
    """What the store is asked for."""

    key: str
    id: str
    handle: str
    moves: int = 0
    """By way of how many other sessions the id led here."""
    note: Note | None = None
    """With one, a ``get`` tells enough; else it is to be a ``fetch``."""


class Loading:
    """Reads sessions."""

    def __init__(
        self, shelf: Shelf, serializer: Serializer, read_cookie: Callable[[str], str | None]
    ) -> None:
        self._shelf = shelf
        self._serializer = serializer
        self._read_cookie = read_cookie
        self._asked_for = lru_cache(maxsize=SESSIONS)(self._asking)

    def begin(self, session: Session) -> Asked | None:
        """The first question; ``None``, and a session that begins, without a cookie of ours."""
        cookie = session._cookie
        session_id = None if cookie is None else self._read_cookie(cookie)
        if session_id is None:
            if cookie is not None:
                self._shelf.tell(SessionRejected())
            session._begin()
            return None
        asked = self._asked_for(session_id)
        note = self._shelf.note(asked.handle)
        return asked if note is None else asked._replace(note=note)

    def _asking(self, session_id: str) -> Asked:
        handle = handle_of(session_id)
        return Asked(self._shelf.key(handle), session_id, handle)

    def answered(
        self, session: Session, asked: Asked, data: bytes, stat: Stat | None
    ) -> Asked | None:
        """Fill the session; or the next question, where it moved."""
        found = self._shelf.read(asked.handle, data, stat, asked.note)
        if found is None:
            session._begin()
            return None
        if (moved_to := found.record.moved_to) is not None:
            if asked.moves < MOVES:
                return Asked(self._shelf.key(moved_to), asked.id, moved_to, asked.moves + 1)
            session._begin()
            return None
        if found.content is not None:
            content = found.content.copy()
        else:
            try:
                content = self._serializer.loads(found.record.content)
            except ValueError:
                self._shelf.tell(SessionUnreadable(asked.handle, "its content"))
                session._begin()
                return None
            self._shelf.take_content(asked.handle, data, found.record, content.copy())
        watched = watched_in(content, self._shelf.policy)
        stored = Stored(None if asked.moves else asked.id, found, watched)
        session._adopt(stored, content)
        return None

    def failed(self, session: Session, asked: Asked, error: KvcoreError) -> None:
        """Begin a new session, or an empty one that takes nothing; or raise the error."""
        if isinstance(error, KeyNotFound):
            self._shelf.forget(asked.handle)
            self._shelf.tell(SessionUnknown(asked.handle))
            session._begin()
        elif isinstance(error, VerificationError):
            self._shelf.tell(SessionUnreadable(asked.handle, "its signature in the store"))
            session._begin()
        elif isinstance(error, StoreError) and self._shelf.policy.on_store_error == "empty":
            self._shelf.tell(SessionStoreFailed(asked.handle, type(error).__name__))
            session._begin(error)
        else:
            raise error
