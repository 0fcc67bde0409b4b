"""`Sessions` and `AsyncSessions`: the sessions of an application in a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from functools import cached_property
from typing import Generic, Protocol, TypeVar, overload

from kvcore.aio import AsyncKeyValueStore, InlineStore, run_inline
from kvcore.contract import KeyValueStore
from kvcore.errors import (
    KeyNotFound,
    KvcoreError,
    PreconditionFailed,
    ReadOnly,
    SessionNotLoaded,
    VerificationError,
)
from kvcore.sessions.events import SessionEvent, SessionRevoked, log
from kvcore.sessions.ids import SignedIds, is_handle
from kvcore.sessions.keeping import Keeper, Saved
from kvcore.sessions.loading import Loading
from kvcore.sessions.policy import SessionPolicy
from kvcore.sessions.reports import PruneReport
from kvcore.sessions.saving import Saving
from kvcore.sessions.serializing import Serializer, TaggedJSON
from kvcore.sessions.session import Session
from kvcore.sessions.shelf import Shelf, Write
from kvcore.sessions.updating import Update
from kvcore.sessions.users import SessionInfo, UserSessions, info
from kvcore.signing import Secret

_Store = TypeVar("_Store", KeyValueStore, AsyncKeyValueStore)
_Session = TypeVar("_Session", bound=Session)


class Ids(Protocol):
    """Makes and reads ids: see `SignedIds`."""

    def new(self) -> str:
        """An id that nobody can guess."""
        ...

    def cookie_for(self, session_id: str, /) -> str:
        """The value of its cookie."""
        ...

    def read(self, cookie: str, /) -> str | None:
        """The id in a cookie of ours, or ``None``; without asking the store."""
        ...

    def is_current(self, cookie: str, /) -> bool:
        """Whether a cookie of ours is the one that would be made today."""
        ...


class Handled(Protocol):
    """A `Session`, or what a framework has in its place."""

    @property
    def handle(self) -> str | None:
        """What lists call it; ``None`` until it is saved."""
        ...


class _Sessions(Generic[_Store]):
    def __init__(
        self,
        store: _Store,
        ids: Ids | Secret | Sequence[Secret],
        *,
        policy: SessionPolicy | None = None,
        serializer: Serializer | None = None,
        clock: Callable[[], float] = time.time,
        on_event: Callable[[SessionEvent], object] = log,
    ) -> None:
        self.store: _Store = store
        self.policy: SessionPolicy = SessionPolicy() if policy is None else policy
        is_secret = isinstance(ids, str | bytes | bytearray | Sequence)
        self.ids: Ids = SignedIds(ids) if is_secret else ids  # type: ignore[arg-type, assignment]
        self._serializer: Serializer = TaggedJSON() if serializer is None else serializer
        blocking = store if isinstance(store, KeyValueStore) else store.blocking
        self._shelf = Shelf(self.policy, clock, on_event, blocking._etag_of)
        store.keyspace.check(self._shelf.key("0" * 64))
        if not store.capabilities.write:
            raise ReadOnly("sessions need a store that writes", store=store)
        self._keeper = Keeper(
            self._shelf, UserSessions(self._shelf), self._serializer, self.ids.new
        )
        self._loading = Loading(self._shelf, self._serializer, self.ids.read)
        self._saving = Saving(self._keeper)

    @property
    def merges(self) -> bool:
        """Whether what two requests change at the same time is kept of both, in any case.

        A store without ``capabilities.if_match`` is asked again before each write; then one of
        two writes within the same moment can be lost.
        """
        return self.store.capabilities.if_match

    @property
    def stays_ended(self) -> bool:
        """Whether no request that is under way can bring back a session that was ended.

        Without ``capabilities.if_present`` and ``if_match`` it can within a moment, as above.
        """
        can = self.store.capabilities
        return can.if_match or can.if_present

    def _signed(self, session: Session, saved: Saved) -> Saved:
        """A cookie of an older key is given up in passing."""
        cookie = session._cookie
        if saved.id is None or saved.issued or cookie is None or self.ids.is_current(cookie):
            return saved
        return saved._replace(issued=True)

    def cookie_for(self, session_id: str) -> str:
        """The value of the cookie for an id that `Saved` tells."""
        return self.ids.cookie_for(session_id)

    async def _sessions_for(
        self, store: AsyncKeyValueStore, user: str, current: Handled | None
    ) -> list[SessionInfo]:
        handle = None if current is None else current.handle
        return await self._keeper.users.infos(store, user, handle)

    async def _revoke(self, store: AsyncKeyValueStore, handle: str, user: str | None) -> bool:
        if is_handle(handle) is None:
            return False
        found = await self._shelf.find(store, handle)
        if found is None:
            users = self._keeper.users
            ended = [] if user is None else await users.end_followers_of(store, user, handle)
        elif user is not None and found.record.user != user:
            return False
        else:
            ended = await self._keeper.users.end(store, found)
        for one in ended:
            self._shelf.tell(SessionRevoked(one))
        return bool(ended)

    async def _revoke_user(self, store: AsyncKeyValueStore, user: str, keep: Handled | None) -> int:
        return await self._keeper.users.revoke(store, user, None if keep is None else keep.handle)

    async def _list(self, store: AsyncKeyValueStore, limit: int) -> list[SessionInfo]:
        found: list[SessionInfo] = []
        async with aclosing(self._shelf.iter_all(store)) as sessions:
            async for one in sessions:
                if len(found) >= limit:
                    break
                found.append(info(one))
        return found

    async def _prune(self, store: AsyncKeyValueStore) -> PruneReport:
        removed = kept = unreadable = 0
        incomplete: set[str] = set()
        async with aclosing(store.iter_keys(self.policy.prefix)) as keys:
            async for key in keys:
                handle = key[len(self.policy.prefix) :]
                if self._keeper.users.is_list(key):
                    if not await self._keeper.users.clean(store, key):
                        incomplete.add(key)
                elif is_handle(handle):
                    try:
                        if await self._shelf.remove_if_over(store, handle):
                            removed += 1
                        else:
                            kept += 1
                    except (KeyNotFound, PreconditionFailed):
                        kept += 1  # it was used, or ended, at this very moment
                    except (ValueError, VerificationError):
                        unreadable += 1
        if incomplete:
            await self._keeper.users.complete(store, incomplete)
        return PruneReport(removed, kept, unreadable)


class Sessions(_Sessions[KeyValueStore]):
    """The sessions of an application, for synchronous code.

    ``ids`` is the secret that signs the cookies, a list of secrets (oldest to newest: the newest
    signs, all are good), or an object that makes and reads ids in its own way (`Ids`).
    ``on_event`` gets every `SessionEvent`; by default they go to the log ``kvcore.sessions``.
    ``clock`` gives seconds since 1970.

    Raises `InvalidKey` for a prefix that the store does not take, `ReadOnly` for a store that does
    not write.

    >>> from kvcore import DictStore
    >>> sessions = Sessions(DictStore(), "a secret")
    >>> session = sessions.open(None)
    >>> session["cart"] = ["tea"]
    >>> saved = sessions.save(session)
    >>> cookie = sessions.cookie_for(saved.id)
    >>> sessions.open(cookie)["cart"]
    ['tea']
    >>> sessions.open("a forged cookie").get("cart") is None
    True
    """

    @cached_property
    def _inline(self) -> InlineStore:
        return InlineStore(self.store)

    @overload
    def open(self, cookie: str | None) -> Session: ...
    @overload
    def open(self, cookie: str | None, kind: type[_Session]) -> _Session: ...
    def open(self, cookie: str | None, kind: type[Session] = Session) -> Session:
        """The session of whoever sent this cookie, read from the store when it is touched."""
        return kind(cookie, self.load)

    def load(self, session: Session) -> None:
        """Read a session now. Raises `StoreError` if the policy says so."""
        asked = self._loading.begin(session)
        while asked is not None:
            try:
                if asked.note is None:
                    data, stat = self.store.fetch(asked.key)
                else:
                    data, stat = self.store.get(asked.key), None
            except KvcoreError as error:
                self._loading.failed(session, asked, error)
                return
            asked = self._loading.answered(session, asked, data, stat)

    def save(self, session: Session, *, idle_secs: float | None = None) -> Saved:
        """Save what has changed; ``idle_secs`` instead of the policy's, for this session.

        All who save a session should give it the same ``idle_secs``: a request that only read it
        puts it off for as long as it knows.

        Raises `SessionTooLarge`, `SessionNotSerializable`, `StoreError`.
        """
        step = self._saving.begin(session, idle_secs, self.store.capabilities)
        if isinstance(step, Saved):
            saved = step
        elif isinstance(step, Update) and step.write is not None:
            saved = self._update(step, step.write)
        else:
            saved = run_inline(step.run(self._inline))
        return self._signed(session, saved)

    def _update(self, update: Update, write: Write) -> Saved:
        try:
            self.store.put(write.key, write.data, write.ttl_secs, if_match=write.if_match)
        except PreconditionFailed as error:
            return run_inline(update.run(self._inline, error))
        return update.written()

    def sessions_for(self, user: str | int, *, current: Handled | None = None) -> list[SessionInfo]:
        """The sessions of a user that are not over, the one last used first."""
        return run_inline(self._sessions_for(self._inline, str(user), current))

    def revoke(self, handle: str, *, user: str | int | None = None) -> bool:
        """End a session by its handle; with ``user`` only if it is theirs. Whether it was.

        With ``user`` it is found, too, where it has got another id since it was listed.
        """
        whose = None if user is None else str(user)
        return run_inline(self._revoke(self._inline, handle, whose))

    def revoke_user(self, user: str | int, *, keep: Handled | None = None) -> int:
        """End all sessions of a user, but the one to keep; returns how many were listed."""
        return run_inline(self._revoke_user(self._inline, str(user), keep))

    def list_sessions(self, limit: int = 1000) -> list[SessionInfo]:
        """Sessions that are not over, of anybody, in no particular order. Reads each of them."""
        return run_inline(self._list(self._inline, limit))

    def prune(self) -> PruneReport:
        """Remove what has expired: for stores whose values do not expire by themselves."""
        return run_inline(self._prune(self._inline))


class AsyncSessions(_Sessions[AsyncKeyValueStore]):
    """`Sessions` for asyncio: the same sessions, in a store whose verbs are awaited.

    A session has to be loaded, by ``await sessions.load(session)``, before it is touched; only
    where there is no cookie of ours, there is nothing to load.
    """

    @overload
    def open(self, cookie: str | None) -> Session: ...
    @overload
    def open(self, cookie: str | None, kind: type[_Session]) -> _Session: ...
    def open(self, cookie: str | None, kind: type[Session] = Session) -> Session:
        """The session of whoever sent this cookie, not loaded yet."""
        return kind(cookie, self._begin_or_refuse)

    def begin(self, session: Session) -> bool:
        """Without a cookie of ours a session begins, and need not be loaded; whether that is so."""
        return self._loading.begin(session) is None

    def _begin_or_refuse(self, session: Session) -> None:
        if not self.begin(session):
            raise SessionNotLoaded(
                "this session is not loaded yet: await its load before the first touch"
            )

    async def load(self, session: Session) -> None:
        """Read a session, unless that was done. Raises `StoreError` if the policy says so."""
        if not session.loaded:
            asked = self._loading.begin(session)
            while asked is not None:
                try:
                    if asked.note is None:
                        data, stat = await self.store.fetch(asked.key)
                    else:
                        data, stat = await self.store.get(asked.key), None
                except KvcoreError as error:
                    if not session.loaded:
                        self._loading.failed(session, asked, error)
                    return
                if session.loaded:  # by another task of the request, which may have changed it
                    return
                asked = self._loading.answered(session, asked, data, stat)

    async def save(self, session: Session, *, idle_secs: float | None = None) -> Saved:
        """As `Sessions.save`."""
        step = self._saving.begin(session, idle_secs, self.store.capabilities)
        saved = step if isinstance(step, Saved) else await step.run(self.store)
        return self._signed(session, saved)

    async def sessions_for(
        self, user: str | int, *, current: Handled | None = None
    ) -> list[SessionInfo]:
        """As `Sessions.sessions_for`."""
        return await self._sessions_for(self.store, str(user), current)

    async def revoke(self, handle: str, *, user: str | int | None = None) -> bool:
        """As `Sessions.revoke`."""
        return await self._revoke(self.store, handle, None if user is None else str(user))

    async def revoke_user(self, user: str | int, *, keep: Handled | None = None) -> int:
        """As `Sessions.revoke_user`."""
        return await self._revoke_user(self.store, str(user), keep)

    async def list_sessions(self, limit: int = 1000) -> list[SessionInfo]:
        """As `Sessions.list_sessions`."""
        return await self._list(self.store, limit)

    async def prune(self) -> PruneReport:
        """As `Sessions.prune`."""
        return await self._prune(self.store)
