"""What becomes of a session when its request is over: nothing, one write, another id, the end.

Written once, against awaited stores; synchronous callers run it inline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from kvcore.aio import AsyncKeyValueStore
from kvcore.errors import StoreError
from kvcore.sessions.events import (
    SessionConflict,
    SessionCreated,
    SessionEnded,
    SessionEvent,
    SessionLost,
    SessionRotated,
    SessionStoreFailed,
    SessionUnreadable,
)
from kvcore.sessions.ids import handle_of
from kvcore.sessions.merging import changes, merge
from kvcore.sessions.records import Record
from kvcore.sessions.serializing import Serializer
from kvcore.sessions.session import Session, Stored
from kvcore.sessions.shelf import Changed, Found, Shelf
from kvcore.sessions.users import UserSessions


class Saved(NamedTuple):
    """What saving found out: all that the response needs to know."""

    touched: bool
    """The response depends on the cookie: it says ``Vary: Cookie``."""
    id: str | None = None
    """That of the session which lives on, if it does and the visitor is to have this one."""
    issued: bool = False
    """The cookie has to be set: the id is new, or was signed with an older secret."""
    renewed: bool = False
    """The session was put off: a cookie that expires may be set anew."""
    ended: bool = False
    """The session is over: the cookie has to be deleted."""


UNTOUCHED = Saved(touched=False)
TOUCHED = Saved(touched=True)


class Saving:
    """Saves sessions."""

    def __init__(
        self, shelf: Shelf, users: UserSessions, serializer: Serializer, new_id: Callable[[], str]
    ) -> None:
        self._shelf = shelf
        self._users = users
        self._serializer = serializer
        self._new_id = new_id

    def nothing_to_do(self, session: Session, idle_secs: float | None) -> Saved | None:
        """What is saved of a session for which the store need not be asked; ``None`` if it must."""
        if session._content is None or not session._touched or session._failure is not None:
            return TOUCHED if session._touched else UNTOUCHED
        stored = session._stored
        if stored is None:
            return None if session._content or session.literal else TOUCHED
        if session._changeable or self.put_off_until(stored.found, idle_secs) is not None:
            return None
        return Saved(touched=True, id=stored.id)

    def put_off_until(self, found: Found, idle_secs: float | None) -> float | None:
        """When a session ends that is used now, if that has to be told to the store."""
        policy = self._shelf.policy
        expires = policy.expires(found.record.created, self._shelf.clock(), idle_secs)
        return None if abs(expires - found.expires) <= policy.slack_secs(idle_secs) else expires

    async def save(
        self, store: AsyncKeyValueStore, session: Session, idle_secs: float | None
    ) -> Saved:
        """Do what the session needs. Raises `SessionError`, `StoreError`."""
        saved = self.nothing_to_do(session, idle_secs)
        if saved is not None:
            return saved
        content, stored = session._content, session._stored
        assert content is not None
        if stored is not None and session._destroyed:
            await self._end(store, session, stored.found)
            stored = None
            if not content:
                return Saved(touched=True, ended=True)
        if stored is None:
            return await self._create(store, session, content, idle_secs)
        return await _Update(self, store, session, stored, content, idle_secs).run()

    def _tell(self, event: SessionEvent) -> None:
        self._shelf.tell(event)

    def _record(
        self,
        content: dict[str, Any],
        notes: Mapping[str, str],
        idle_secs: float | None,
        of: Record | None = None,
        data: bytes | None = None,
    ) -> Record:
        """A first version, or the next one ``of`` another; ``data`` is the content serialised."""
        policy, now = self._shelf.policy, self._shelf.clock()
        user = policy.user_of(content)
        # Who has just logged in begins a new term.
        goes_on = of is not None and (user is None or user == of.user)
        created = of.created if of is not None and goes_on else now
        return Record(
            created=created,
            seen=now,
            expires=policy.expires(created, now, idle_secs),
            content=self._serializer.dumps(content) if data is None else data,
            user=user,
            notes={str(name): str(note) for name, note in notes.items()},
        )

    async def _listed(
        self, store: AsyncKeyValueStore, handle: str, record: Record, of: Record
    ) -> Record:
        """The next version ``of`` a stored one; listed before, or who revokes misses it."""
        if record.user is None:
            return record
        if of.user == record.user and record.expires <= of.listed:
            return record._replace(listed=of.listed)
        await self._users.keep(store, record.user, handle, _listed_until(record))
        return record._replace(listed=_listed_until(record))

    async def _store_new(
        self, store: AsyncKeyValueStore, record: Record, session_id: str | None = None
    ) -> Stored:
        """Store a session, then list it; nobody has its cookie before both is done.

        Listed first, it could be taken for one that is over, and be dropped from the list again.
        """
        session_id = self._new_id() if session_id is None else session_id
        handle = handle_of(session_id)
        if record.user is not None:
            record = record._replace(listed=_listed_until(record))
        await self._shelf.create(store, handle, record)
        if record.user is not None:
            await self._users.keep(store, record.user, handle, record.listed)
        return Stored(session_id, Found(handle, record, record.expires))

    async def _create(
        self,
        store: AsyncKeyValueStore,
        session: Session,
        content: dict[str, Any],
        idle_secs: float | None,
    ) -> Saved:
        session._check_not_sealed()
        record = self._record(content, session._notes, idle_secs)
        stored = await self._store_new(store, record, session._wanted_id)
        session._adopt(stored, content)
        self._tell(SessionCreated(stored.found.handle))
        return Saved(touched=True, id=stored.id, issued=True)

    async def _end(self, store: AsyncKeyValueStore, session: Session, found: Found) -> None:
        await self._shelf.end(store, found)
        session._stored = None
        session._destroyed = False
        await self._delist(store, found)
        self._tell(SessionEnded(found.handle))

    async def _delist(self, store: AsyncKeyValueStore, found: Found) -> None:
        if found.record.user is not None:
            await self._users.drop(store, found.record.user, {found.handle})


def _listed_until(record: Record) -> float:
    """Until when to list a version: some time ahead, so that not each next one needs it."""
    return record.expires + max(record.expires - record.seen, 0.0) / 4


class _Update:
    """One request's changes of a session that is in the store."""

    def __init__(
        self,
        saving: Saving,
        store: AsyncKeyValueStore,
        session: Session,
        stored: Stored,
        content: dict[str, Any],
        idle_secs: float | None,
    ) -> None:
        self._saving = saving
        self._shelf = saving._shelf
        self._serializer = saving._serializer
        self._store = store
        self._session = session
        self._stored = stored
        self._mine = content
        self._idle_secs = idle_secs

    async def run(self) -> Saved:
        session, record = self._session, self._stored.found.record
        policy = self._shelf.policy
        self._data = self._serializer.dumps(self._mine)
        if self._data == record.content:
            asked = session.literal or session._regenerate
            if not asked and session._notes == record.notes:
                return await self._put_off()
        if not self._kept(self._mine) and session._cleared:
            await self._saving._end(self._store, session, self._stored.found)
            return Saved(touched=True, ended=True)
        changed_hands = bool(policy.watch) and (
            policy.watched(self._base) != policy.watched(self._mine)
        )
        if self._kept(self._mine) and (session._regenerate or changed_hands):
            return await self._rotate(0.0 if changed_hands else session._grace_secs)
        return await self._swap()

    @cached_property
    def _base(self) -> dict[str, Any]:
        """What was read, before I changed it."""
        data = self._stored.found.record.content
        return self._mine if self._data == data else self._serializer.loads(data)

    def _record(self, content: dict[str, Any], of: Record) -> Record:
        """The next version; the notes of others stay, unless I changed them."""
        mine, base = self._session._notes, self._stored.found.record.notes
        notes = of.notes if mine == base else mine
        data = self._data if content is self._mine else None
        return self._saving._record(content, notes, self._idle_secs, of, data)

    def _kept(self, content: dict[str, Any]) -> bool:
        """Whether there is to be a session with this content."""
        return bool(content) or self._session.literal

    def _merged(self, current: Found) -> dict[str, Any]:
        if self._session._cleared:
            return self._mine
        try:
            theirs = self._serializer.loads(current.record.content)
        except ValueError:
            self._saving._tell(SessionUnreadable(current.handle, "its content"))
            raise Changed(None) from None
        return merge(self._base, self._mine, theirs, self._serializer)

    def _lost(self) -> Saved:
        """Another request ended the session; so it stays ended."""
        self._saving._tell(SessionLost(self._stored.found.handle))
        self._session._stored = None
        self._session._content = {}
        return Saved(touched=True)

    # Only read

    async def _put_off(self) -> Saved:
        stored, shelf = self._stored, self._shelf
        found = stored.found
        expires = self._saving.put_off_until(found, self._idle_secs)
        if expires is None:
            return Saved(touched=True, id=stored.id)
        try:
            if not await shelf.put_off(self._store, found, expires):
                return TOUCHED  # its cookie may have been replaced, and must not come back
            if found.record.user is not None:
                await self._saving._users.keep(
                    self._store, found.record.user, found.handle, expires
                )
        except StoreError as error:
            if shelf.policy.on_store_error == "raise":
                raise
            self._saving._tell(SessionStoreFailed(found.handle, type(error).__name__))
            return Saved(touched=True, id=stored.id)
        self._session._stored = Stored(stored.id, found._replace(expires=expires))
        return Saved(touched=True, id=stored.id, renewed=True)

    # Changed

    async def _swap(self) -> Saved:
        """Put my changes into the session, whatever others put there meanwhile."""
        found, content = self._stored.found, self._mine
        try:
            for _ in range(self._shelf.policy.merge_tries):
                try:
                    return await self._try_swap(found, content)
                except Changed as changed:
                    if changed.current is None:
                        return self._lost()
                    found = changed.current
                    content = self._merged(found)
            self._saving._tell(SessionConflict(found.handle))
            record = await self._next(found, content)
            await self._shelf.overwrite(self._store, found.handle, record)
        except Changed:
            return self._lost()
        return await self._adopt(found, record, content)

    async def _try_swap(self, found: Found, content: dict[str, Any]) -> Saved:
        if not self._kept(content):
            await self._shelf.remove(self._store, found)
            await self._saving._delist(self._store, found)
            self._session._stored = None
            self._saving._tell(SessionEnded(found.handle))
            return Saved(touched=True, ended=True)
        record = await self._next(found, content)
        await self._shelf.replace(self._store, found, record)
        return await self._adopt(found, record, content)

    async def _next(self, found: Found, content: dict[str, Any]) -> Record:
        record = self._record(content, found.record)
        return await self._saving._listed(self._store, found.handle, record, found.record)

    async def _adopt(self, found: Found, record: Record, content: dict[str, Any]) -> Saved:
        if found.record.user != record.user:
            await self._saving._delist(self._store, found)
        followed = found.handle != self._stored.found.handle
        found = found._replace(record=record, expires=record.expires, etag=None)
        stored = Stored(None if followed else self._stored.id, found)
        self._session._adopt(stored, content)
        return Saved(touched=True, id=stored.id, renewed=True)

    # Under another id

    async def _rotate(self, grace_secs: float) -> Saved:
        """Save under a new id, then let the old one die; if it is dead, so is the new one."""
        self._session._check_not_sealed()
        old = self._stored.found
        record = self._record(self._mine, old.record)
        new = await self._saving._store_new(self._store, record)
        try:
            record, content = await self._replace_old(new.found.handle, record, grace_secs)
        except Changed:
            await self._shelf.remove_any(self._store, new.found.handle)
            await self._saving._delist(self._store, new.found)
            return self._lost()
        await self._saving._delist(self._store, old)
        stored = Stored(new.id, new.found._replace(record=record, expires=record.expires))
        self._session._adopt(stored, content)
        self._saving._tell(SessionRotated(new.found.handle, old.handle))
        return Saved(touched=True, id=new.id, issued=True)

    async def _replace_old(
        self, new_handle: str, record: Record, grace_secs: float
    ) -> tuple[Record, dict[str, Any]]:
        """What the new session holds in the end; `Changed` if it must not be."""
        shelf, store, content = self._shelf, self._store, self._mine
        old = self._stored.found
        for _ in range(shelf.policy.merge_tries):
            try:
                await self._let_die(old, new_handle, grace_secs)
            except Changed as changed:
                current = changed.current
            else:
                return record, content
            if current is not None:
                old, content = current, self._merged(current)
            elif record.user is None or record.user == old.record.user:
                raise Changed(None)
            else:  # who logs in needs no older session, and gets nothing that was in it
                content, _ = changes(self._base, self._mine, self._serializer)
            merged = self._record(content, old.record)
            record = await self._saving._listed(store, new_handle, merged, record)
            await shelf.overwrite(store, new_handle, record)
            if current is None:
                return record, content
        self._saving._tell(SessionConflict(old.handle))
        await shelf.remove_any(store, old.handle)
        return record, content

    async def _let_die(self, old: Found, new_handle: str, grace_secs: float) -> None:
        if grace_secs <= 0:
            await self._shelf.remove(self._store, old)
            return
        now = self._shelf.clock()
        pointer = Record(now, now, now + grace_secs, moved_to=new_handle)
        await self._shelf.replace(self._store, old, pointer)
