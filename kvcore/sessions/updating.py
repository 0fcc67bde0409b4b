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
from kvcore.sessions.session import Session, Stored, watched_in
from kvcore.sessions.shelf import Changed, Found, Write
from kvcore.sessions.users import listed_until

_Way: TypeAlias = "Callable[[Update, AsyncKeyValueStore], Coroutine[Any, Any, Saved]]"


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
        # As it is now: while the store is waited for, another task may change it.
        self._wishes = session._wishes
        self._notes = session._notes.copy()
        self._data = keeper.serializer.dumps(content)
        self._watched = watched_in(content, keeper.policy)
        self._hands_changed = False
        # No method of its own: a cycle would keep it all until the garbage collector comes.
        self._way = self._decided(can)

    def _decided(self, can: Capabilities) -> _Way:
        session, wishes, old = self._session, self._wishes, self._stored.found
        asked = session.literal or wishes.regenerate
        if self._data == old.record.content and not asked and self._notes == old.record.notes:
            return Update._put_off
        if not self._kept(self._mine):
            return Update._end if wishes.cleared else Update._swap
        self._hands_changed = self._changes_hands()
        if self._hands_changed or wishes.regenerate:
            return Update._rotate
        self._record = record = self._next(self._mine, old.record)
        if record.user == old.record.user and (record.user is None or record.listed):
            self.write = self._shelf.next_write(old, record, can)
            self._written = self._mine.copy()  # what the bytes hold, whatever is set meanwhile
        return Update._swap

    def _changes_hands(self) -> bool:
        """Whether another is logged in, or again: somebody may know the id from before."""
        before, now, policy = self._stored.watched, self._watched, self._shelf.policy
        if before is None:
            before = policy.watched(self._base)
        return before != (policy.watched(self._mine) if now is None else now)

    @cached_property
    def _base(self) -> dict[str, Any]:
        """What was read, before I changed it."""
        data = self._stored.found.record.content
        return self._mine if self._data == data else self._keeper.serializer.loads(data)

    def written(self) -> Saved:
        """What is saved once ``write`` was put."""
        found, write = self._stored.found, self.write
        assert write is not None
        self._keeper.take_content(write, found, self._record, self._written)
        return self._settled(found, self._record, self._mine)

    def run(
        self, store: AsyncKeyValueStore, met: PreconditionFailed | None = None
    ) -> Coroutine[Any, Any, Saved]:
        """Do all that it takes; ``met`` is what ``write`` met, if that was tried."""
        return self._way(self, store) if met is None else self._swap_after(store, met)

    def _next(self, content: dict[str, Any], of: Record) -> Record:
        """The next version; the notes of others stay, unless I changed them."""
        mine, base = self._notes, self._stored.found.record.notes
        notes = of.notes if mine == base else mine
        data = self._data if content is self._mine else self._keeper.serializer.dumps(content)
        return self._keeper.record(content, data, notes, self._idle_secs, of)

    def _kept(self, content: dict[str, Any]) -> bool:
        """Whether there is to be a session with this content."""
        return bool(content) or self._session.literal

    def _merged(self, current: Found) -> dict[str, Any]:
        if self._wishes.cleared:
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
        self._session._fulfil(self._wishes)
        return Saved(touched=True)

    # Only read

    async def _put_off(self, store: AsyncKeyValueStore) -> Saved:
        stored, keeper = self._stored, self._keeper
        found = stored.found
        self._session._fulfil(self._wishes)  # cleared, perhaps, and filled again with the same
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

    async def _end(self, store: AsyncKeyValueStore) -> Saved:
        await self._keeper.end(store, self._session, self._stored.found)
        self._session._fulfil(self._wishes)
        return Saved(touched=True, ended=True)

    # Changed

    async def _swap(self, store: AsyncKeyValueStore) -> Saved:
        """Put my changes into the session, whatever others put there meanwhile."""
        if self.write is not None:
            try:
                await self.write.put_to(store)
            except PreconditionFailed as error:
                return await self._swap_after(store, error)
            return self.written()
        tries = self._shelf.policy.merge_tries
        return await self._swap_onto(store, self._stored.found, self._mine, tries)

    async def _swap_after(self, store: AsyncKeyValueStore, met: PreconditionFailed) -> Saved:
        """The same, after ``write`` met what another put there."""
        try:
            current = await self._shelf.current(store, self._stored.found.handle, met)
            found, content = self._onto(current)
        except Changed:
            return await self._lost(store)
        return await self._swap_onto(store, found, content, self._shelf.policy.merge_tries - 1)

    async def _swap_onto(
        self, store: AsyncKeyValueStore, found: Found, content: dict[str, Any], tries: int
    ) -> Saved:
        try:
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
        return await self._settled_delisted(store, found, record, content)

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
            self._session._fulfil(self._wishes)
            self._keeper.tell(SessionEnded(found.handle))
            return Saved(touched=True, ended=True)
        record = await self._next_listed(store, found, content)
        await self._shelf.replace(store, found, record)
        return await self._settled_delisted(store, found, record, content)

    async def _next_listed(
        self, store: AsyncKeyValueStore, found: Found, content: dict[str, Any]
    ) -> Record:
        record = self._next(content, found.record)
        return await self._keeper.listed(store, found.handle, record)

    async def _settled_delisted(
        self, store: AsyncKeyValueStore, found: Found, record: Record, content: dict[str, Any]
    ) -> Saved:
        if found.record.user != record.user:
            await self._keeper.delist(store, found)
        return self._settled(found, record, content)

    def _settled(self, found: Found, record: Record, content: dict[str, Any]) -> Saved:
        stored = self._stored
        session_id = stored.id if found.handle == stored.found.handle else None  # None: it moved
        found = Found(found.handle, record, record.expires, None, found.expires_in_store)
        self._shelf.take_note(found)
        self._settle(session_id, found, content)
        return Saved(touched=True, id=session_id, renewed=True)

    def _settle(self, session_id: str | None, found: Found, content: dict[str, Any]) -> None:
        """What was saved is what the session holds, with what was changed there meanwhile."""
        watched = self._watched
        if content is not self._mine:  # merged
            watched = watched_in(content, self._keeper.policy)
            content = self._with_what_came_late(content)
        stored = Stored(session_id, found, watched)
        self._session._settle(stored, content, self._notes, self._wishes)

    def _with_what_came_late(self, merged: dict[str, Any]) -> dict[str, Any]:
        """What was saved, and what another task of this request has changed meanwhile."""
        if self._session._wishes.cleared and not self._wishes.cleared:
            return self._mine
        serializer = self._keeper.serializer
        late, gone = changes(serializer.loads(self._data), self._mine, serializer)
        return {key: value for key, value in merged.items() if key not in gone} | late

    # Under another id

    async def _rotate(self, store: AsyncKeyValueStore) -> Saved:
        """Save under a new id, then let the old one die; if it is dead, so is the new one."""
        self._session._check_not_sealed()
        keeper, old = self._keeper, self._stored.found
        record = self._next(self._mine, old.record).following(old.handle)
        session_id, new = await keeper.store_new(store, record)
        try:
            record, content = await self._replace_old(store, new)
        except Changed:
            await self._shelf.remove_any(store, new.handle)
            await keeper.delist(store, new)
            return await self._lost(store)
        await keeper.delist(store, old)
        new = new._replace(record=record, expires=record.expires)
        self._settle(session_id, new, content)
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
        grace_secs = 0.0 if self._hands_changed else self._wishes.grace_secs
        if grace_secs <= 0:
            await self._shelf.remove(store, old)
            return
        now = self._shelf.clock()
        pointer = Record(now, now, now + grace_secs, moved_to=new_handle)
        await self._shelf.replace(store, old, pointer)
