"""`Keeper`: the operations that saving a session is made of. `Saved`: what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from kvcore.aio import AsyncKeyValueStore
from kvcore.errors import StoreError
from kvcore.sessions.events import SessionEnded, SessionEvent
from kvcore.sessions.ids import handle_of
from kvcore.sessions.policy import SessionPolicy
from kvcore.sessions.records import Record
from kvcore.sessions.serializing import Serializer, TaggedJSON
from kvcore.sessions.session import Session
from kvcore.sessions.shelf import Found, Shelf, Write
from kvcore.sessions.users import UserSessions, listed_until


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


class Keeper:
    """Makes records, stores them, and ends sessions, with the lists of users kept right."""

    def __init__(
        self, shelf: Shelf, users: UserSessions, serializer: Serializer, new_id: Callable[[], str]
    ) -> None:
        self.shelf = shelf
        self.users = users
        self.serializer = serializer
        self._new_id = new_id
        self._is_exact = type(serializer) is TaggedJSON

    @property
    def policy(self) -> SessionPolicy:
        """The rules."""
        return self.shelf.policy

    def tell(self, event: SessionEvent) -> None:
        """Something happened."""
        self.shelf.tell(event)

    def put_off_until(self, found: Found, idle_secs: float | None) -> float | None:
        """When a session ends that is used now, if that has to be told to the store."""
        policy = self.shelf.policy
        expires = policy.expires(found.record.created, self.shelf.clock(), idle_secs)
        return None if abs(expires - found.expires) <= policy.slack_secs(idle_secs) else expires

    def record(
        self,
        content: dict[str, Any],
        data: bytes,
        notes: dict[str, str],
        idle_secs: float | None,
        of: Record | None = None,
    ) -> Record:
        """A first version, or the next one ``of`` another; ``data`` is the content serialised."""
        policy, now = self.shelf.policy, self.shelf.clock()
        user = policy.user_of(content)
        created, listed = now, 0.0
        moved_from: tuple[str, ...] = ()
        if of is not None and (user is None or user == of.user):
            created = of.created  # else who has just logged in begins a new term
        expires = policy.expires(created, now, idle_secs)
        if of is not None and user is not None and user == of.user:
            moved_from = of.moved_from
            listed = of.listed if expires <= of.listed else 0.0
        notes = {str(name): str(note) for name, note in notes.items()}
        return Record(created, now, expires, data, user, notes, None, listed, moved_from)

    def take_content(
        self, write: Write, found: Found, record: Record, content: dict[str, Any]
    ) -> None:
        """It lies there now: who reads it next need not take it apart. The content is kept."""
        # Another serializer may read something else than was written, as JSON does of surrogates.
        if self._is_exact and b"\\ud" not in write.data:
            self.shelf.take_content(found.handle, write.data, record, content)

    async def listed(self, store: AsyncKeyValueStore, handle: str, record: Record) -> Record:
        """The version, listed before it is stored, or who revokes misses it."""
        if record.user is None or record.listed:
            return record
        until = listed_until(record.seen, record.expires)
        await self.users.keep(store, record.user, handle, until)
        return record._replace(listed=until)

    async def store_new(
        self, store: AsyncKeyValueStore, record: Record, session_id: str | None = None
    ) -> tuple[str, Found]:
        """Store a session, then list it; nobody has its cookie before both is done.

        Listed first, it could be taken for one that is over, and be dropped from the list again.
        """
        session_id = self._new_id() if session_id is None else session_id
        handle = handle_of(session_id)
        if record.user is not None:
            record = record._replace(listed=listed_until(record.seen, record.expires))
        await self.shelf.create(store, handle, record)
        if record.user is not None:
            try:
                await self.users.keep(store, record.user, handle, record.listed)
            except StoreError:
                with suppress(StoreError):  # nobody has its id, so it is no more than litter
                    await self.shelf.remove_any(store, handle)
                raise
        return session_id, Found(handle, record, record.expires)

    async def end(self, store: AsyncKeyValueStore, session: Session, found: Found) -> None:
        """End a session that its own request ends."""
        session._stored = None
        followers = await self.users.end(store, found)
        for handle in dict.fromkeys([found.handle, *followers]):
            self.tell(SessionEnded(handle))

    async def end_followers(self, store: AsyncKeyValueStore, found: Found) -> None:
        """End what took the place of a session that is gone."""
        for handle in await self.users.end_followers(store, found):
            self.tell(SessionEnded(handle))

    async def delist(self, store: AsyncKeyValueStore, found: Found) -> None:
        """A session under this handle is no more, or no more this user's."""
        if found.record.user is not None:
            await self.users.drop(store, found.record.user, {found.handle})
