"""What becomes of a session when its request is over: nothing, one write, another id, the end.

`Saving.begin` decides it without the store. What takes more is an object to ``run``: written once,
against awaited stores; synchronous callers run it inline. Nearly always it is a single put, which
they make themselves, as that takes much less time.
"""

from __future__ import annotations

from typing import Any

from kvcore.aio import AsyncKeyValueStore
from kvcore.contract import Capabilities
from kvcore.sessions.events import SessionCreated
from kvcore.sessions.keeping import TOUCHED, UNTOUCHED, Keeper, Saved
from kvcore.sessions.session import Session, Stored, watched_in
from kvcore.sessions.shelf import Found
from kvcore.sessions.updating import Update


class Saving:
    """Saves sessions."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def begin(
        self, session: Session, idle_secs: float | None, can: Capabilities
    ) -> Saved | Update | Creation:
        """What is saved of a session for which the store need not be asked, or how to save it.

        Raises `SessionTooLarge`, `SessionNotSerializable`.
        """
        content, stored = session._content, session._stored
        if content is None or not session._touched or session._failure is not None:
            return TOUCHED if session._touched else UNTOUCHED
        if stored is None:
            if content or session.literal:
                return Creation(self._keeper, session, content, idle_secs)
            return TOUCHED
        if session._wishes.destroyed:
            return Creation(self._keeper, session, content, idle_secs, stored.found)
        if session._changeable or self._keeper.put_off_until(stored.found, idle_secs) is not None:
            return Update(self._keeper, session, stored, content, idle_secs, can)
        return Saved(touched=True, id=stored.id)


class Creation:
    """A session that is not in the store yet; perhaps after one that is destroyed."""

    def __init__(
        self,
        keeper: Keeper,
        session: Session,
        content: dict[str, Any],
        idle_secs: float | None,
        destroyed: Found | None = None,
    ) -> None:
        self._keeper = keeper
        self._session = session
        self._content = content
        self._idle_secs = idle_secs
        self._destroyed = destroyed
        self._wishes = session._wishes
        self._notes = session._notes.copy()

    async def run(self, store: AsyncKeyValueStore) -> Saved:
        """End the old one, begin the new one."""
        keeper, session, content = self._keeper, self._session, self._content
        if self._destroyed is not None:
            await keeper.end(store, session, self._destroyed)
            if not content:
                session._fulfil(self._wishes)
                return Saved(touched=True, ended=True)
        session._check_not_sealed()
        data = keeper.serializer.dumps(content)
        watched = watched_in(content, keeper.policy)
        record = keeper.record(content, data, self._notes, self._idle_secs)
        session_id, found = await keeper.store_new(store, record, self._wishes.id)
        stored = Stored(session_id, found, watched)
        session._settle(stored, content, self._notes, self._wishes)
        keeper.tell(SessionCreated(found.handle))
        return Saved(touched=True, id=session_id, issued=True)
