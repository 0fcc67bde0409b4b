"""`Update`: what becomes of a session that was in the store when its request began."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, TypeAlias

from kvcore.aio import AsyncKeyValueStore
from kvcore.contract import Capabilities
from kvcore.errors import PreconditionFailed, StoreError
from kvcore.sessions.events import (
    SessionConflict,
    SessionEnded,
    SessionLost,
    SessionRotated,
    SessionStoreFailed,
    SessionUnreadable,
)
from kvcore.sessions.keeping import TOUCHED, Keeper, Saved
from kvcore.sessions.merging import changes, merge
from kvcore.sessions.records import Record
from kvcore.sessions.session import Session, Stored
from kvcore.sessions.shelf import Changed, Found, Write
from kvcore.sessions.users import listed_until

_Way: TypeAlias = Callable[
    [AsyncKeyValueStore, PreconditionFailed | None], Coroutine[Any, Any, Saved]
]


class Update:
    """One request's changes of a session that is in the store."""

    write: Write | None = None
    """A put that does it all, unless another request was faster; then ``written`` is the end."""

    def __init__(
        self,
        keeper: Keeper,
        session: Session,
        stored: Stored,
        content: dict[str, Any],
        idle_secs: float | None,
        can: Capabilities,
    ) -> None:
        self._keeper = keeper
        self._shelf = keeper.shelf
        self._session = session
        self._stored = stored
        self._mine = content
        self._idle_secs = idle_secs
        self._data = keeper.serializer.dumps(content)
        self._hands_changed = False
        self._way = self._decided(can)

    def _decided(self, can: Capabilities) -> _Way:
        session, old = self._session, self._stored.found
        asked = session.literal or session._regenerate
        if self._data == old.record.content and not asked and session._notes == old.record.notes:
            return self._put_off
        if not self._kept(self._mine):
            return self._end if session._cleared else self._swap
        self._hands_changed = self._changes_hands()
        if self._hands_changed or session._regenerate:
            return self._rotate
        self._record = record = self._next(self._mine, old.record)
        if record.user == old.record.user and (record.user is None or record.listed):
            self.write = self._shelf.next_write(old, record, can)
        return self._swap

    def _changes_hands(self) -> bool:
        """Whether another is logged in, or again: somebody may know the id from before."""
        policy, before = self._shelf.policy, self._stored.watched
        if before is None:
            before = policy.watched(self._base)
        return before != policy.watched(self._mine)

    @cached_property
    def _base(self) -> dict[str, Any]:
        """What was read, before I changed it."""
        data = self._stored.found.record.content
        return self._mine if self._data == data else self._keeper.serializer.loads(data)

    def written(self) -> Saved:
        """What is saved once ``write`` was put."""
        stored, record = self._stored, self._record
        old = stored.found
        found = Found(old.handle, record, record.expires, None, old.expires_in_store)
        # What is watched is as it was, or it were under another id by now.
        self._session._settle(Stored(stored.id, found, stored.watched), self._mine)
        return Saved(touched=True, id=stored.id, renewed=True)

    def run(
        self, store: AsyncKeyValueStore, met: PreconditionFailed | None = None
    ) -> Coroutine[Any, Any, Saved]:
        """Do all that it takes; ``met`` is what ``write`` met, if that was tried."""
        return self._way(store, met)

    def _next(self, content: dict[str, Any], of: Record) -> Record:
        """The next version; the notes of others stay, unless I changed them."""
        mine, base = self._session._notes, self._stored.found.record.notes
        notes = of.notes if mine == base else mine
        data = self._data if content is self._mine else self._keeper.serializer.dumps(content)
        return self._keeper.record(content, data, notes, self._idle_secs, of)

    def _kept(self, content: dict[str, Any]) -> bool:
        """Whether there is to be a session with this content."""
        return bool(content) or self._session.literal

    def _merged(self, current: Found) -> dict[str, Any]:
        if self._session._cleared:
            return self._mine
        try:
            theirs = self._keeper.serializer.loads(current.record.content)
        except ValueError:
            self._keeper.tell(SessionUnreadable(current.handle, "its content"))
            raise Changed(None) from None
        return merge(self._base, self._mine, theirs, self._keeper.serializer)

    async def _lost(self, store: AsyncKeyValueStore) -> Saved:
        """Another request ended the session; so it stays ended."""
        old = self._stored.found
        if self._keeper.policy.user_of(self._mine) != old.record.user:
            # It was a log-out, or the log-in of somebody else: it holds wherever the session went.
            await self._keeper.end_followers(store, old)
        self._keeper.tell(SessionLost(old.handle))
        self._session._begin()
        return Saved(touched=True)

    # Only read

    async def _put_off(self, store: AsyncKeyValueStore, met: PreconditionFailed | None) -> Saved:
        stored, keeper = self._stored, self._keeper
        found = stored.found
        expires = keeper.put_off_until(found, self._idle_secs)
        if expires is None:
            return Saved(touched=True, id=stored.id)
        try:
            if not await self._shelf.put_off(store, found, expires):
                return TOUCHED  # its cookie may have been replaced, and must not come back
            if found.record.user is not None and expires > found.record.listed:
                until = listed_until(self._shelf.clock(), expires)
                await keeper.users.keep(store, found.record.user, found.handle, until)
        except StoreError as error:
            if keeper.policy.on_store_error == "raise":
                raise
            keeper.tell(SessionStoreFailed(found.handle, type(error).__name__))
            return Saved(touched=True, id=stored.id)
        self._session._stored = stored._replace(found=found._replace(expires=expires))
        return Saved(touched=True, id=stored.id, renewed=True)

    # Emptied

    async def _end(self, store: AsyncKeyValueStore, met: PreconditionFailed | None) -> Saved:
        await self._keeper.end(store, self._session, self._stored.found)
        return Saved(touched=True, ended=True)

    # Changed

    async def _swap(self, store: AsyncKeyValueStore, met: PreconditionFailed | None) -> Saved:
        """Put my changes into the session, whatever others put there meanwhile."""
        if self.write is not None and met is None:
            try:
                await self.write.put_to(store)
            except PreconditionFailed as error:
                met = error
            else:
                return self.written()
        found, content = self._stored.found, self._mine
        tries = self._shelf.policy.merge_tries
        try:
            if met is not None:
                found, content = self._onto(await self._shelf.current(store, found.handle, met))
                tries -= 1
            for _ in range(tries):
                try:
                    return await self._try_swap(store, found, content)
                except Changed as changed:
                    found, content = self._onto(changed.current)
            self._keeper.tell(SessionConflict(found.handle))
            record = await self._next_listed(store, found, content)
            await self._shelf.overwrite(store, found.handle, record)
        except Changed:
            return await self._lost(store)
        return await self._adopt_delisted(store, found, record, content)

    def _onto(self, current: Found | None) -> tuple[Found, dict[str, Any]]:
        """What is there now, with my changes; `Changed` if there is nothing."""
        if current is None:
            raise Changed(None)
        return current, self._merged(current)

    async def _try_swap(
        self, store: AsyncKeyValueStore, found: Found, content: dict[str, Any]
    ) -> Saved:
        if not self._kept(content):
            await self._shelf.remove(store, found)
            await self._keeper.delist(store, found)
            self._session._stored = None
            self._keeper.tell(SessionEnded(found.handle))
            return Saved(touched=True, ended=True)
        record = await self._next_listed(store, found, content)
        await self._shelf.replace(store, found, record)
        return await self._adopt_delisted(store, found, record, content)

    async def _next_listed(
        self, store: AsyncKeyValueStore, found: Found, content: dict[str, Any]
    ) -> Record:
        record = self._next(content, found.record)
        return await self._keeper.listed(store, found.handle, record)

    async def _adopt_delisted(
        self, store: AsyncKeyValueStore, found: Found, record: Record, content: dict[str, Any]
    ) -> Saved:
        if found.record.user != record.user:
            await self._keeper.delist(store, found)
        return self._adopt(found, record, content)

    def _adopt(self, found: Found, record: Record, content: dict[str, Any]) -> Saved:
        stored = self._stored
        session_id = stored.id if found.handle == stored.found.handle else None  # None: it moved
        found = Found(found.handle, record, record.expires, None, found.expires_in_store)
        self._keeper.adopt(self._session, session_id, found, content)
        return Saved(touched=True, id=session_id, renewed=True)

    # Under another id

    async def _rotate(self, store: AsyncKeyValueStore, met: PreconditionFailed | None) -> Saved:
        """Save under a new id, then let the old one die; if it is dead, so is the new one."""
        self._session._check_not_sealed()
        keeper, old = self._keeper, self._stored.found
        record = self._next(self._mine, old.record)._replace(moved_from=old.handle)
        session_id, new = await keeper.store_new(store, record)
        try:
            record, content = await self._replace_old(store, new)
        except Changed:
            await self._shelf.remove_any(store, new.handle)
            await keeper.delist(store, new)
            return await self._lost(store)
        await keeper.delist(store, old)
        new = new._replace(record=record, expires=record.expires)
        keeper.adopt(self._session, session_id, new, content)
        keeper.tell(SessionRotated(new.handle, old.handle))
        return Saved(touched=True, id=session_id, issued=True)

    async def _replace_old(
        self, store: AsyncKeyValueStore, new: Found
    ) -> tuple[Record, dict[str, Any]]:
        """What the new session holds in the end; `Changed` if it must not be."""
        shelf, record, content = self._shelf, new.record, self._mine
        old = self._stored.found
        for _ in range(shelf.policy.merge_tries):
            try:
                await self._let_die(store, old, new.handle)
            except Changed as changed:
                current = changed.current
            else:
                return record, content
            if current is not None:
                old, content = self._onto(current)
            elif record.user is None or record.user == old.record.user:
                raise Changed(None)
            else:  # who logs in needs no older session, and gets nothing that was in it
                content, _ = changes(self._base, self._mine, self._keeper.serializer)
                await self._keeper.end_followers(store, self._stored.found)
            merged = self._next(content, old.record)
            is_listed = merged.user == record.user and merged.expires <= record.listed
            listed = record.listed if is_listed else 0.0
            merged = merged._replace(moved_from=record.moved_from, listed=listed)
            record = await self._keeper.listed(store, new.handle, merged)
            await shelf.overwrite(store, new.handle, record)
            if current is None:
                return record, content
        self._keeper.tell(SessionConflict(old.handle))
        await shelf.remove_any(store, old.handle)
        return record, content

    async def _let_die(self, store: AsyncKeyValueStore, old: Found, new_handle: str) -> None:
        grace_secs = 0.0 if self._hands_changed else self._session._grace_secs
        if grace_secs <= 0:
            await self._shelf.remove(store, old)
            return
        now = self._shelf.clock()
        pointer = Record(now, now, now + grace_secs, moved_to=new_handle)
        await self._shelf.replace(store, old, pointer)
