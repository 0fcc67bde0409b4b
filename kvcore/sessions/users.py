"""Which sessions a user has: one value per user, a list of handles.

It may name sessions that are over (they are dropped in passing), but never misses one: a session
is listed before anybody has its cookie, and after it is stored, or it could be taken for one that
is over. What is true of a session is in its record. A list that could not be read is begun anew,
and says that it is incomplete; who needs it then looks through all sessions, once.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from typing import NamedTuple

from kvcore.aio import AsyncKeyValueStore
from kvcore.contract import Stat
from kvcore.errors import KeyNotFound, PreconditionFailed, StoreError, VerificationError
from kvcore.sessions.events import SessionConflict, SessionRevoked, SessionUnreadable
from kvcore.sessions.ids import is_handle
from kvcore.sessions.shelf import Found, Shelf

_COMPLETE = b"kvcore-session-user 1"
_INCOMPLETE = b"kvcore-session-user 1 incomplete"
_USER = "user-"
# A list that grows beyond is freed of what is over: so many are looked at with each change, which
# keeps it nearly clean, and a log-in costs the same however many sessions its user has.
_LOOKED_AFTER = 16


class SessionInfo(NamedTuple):
    """A session, as its user or an operator sees it. Times are seconds since 1970, UTC."""

    handle: str
    """What ``revoke`` takes. Not the id: it opens no session."""
    created: float
    seen: float
    """When it was last used, give or take ``refresh_secs``."""
    expires: float
    user: str | None
    notes: dict[str, str]
    current: bool = False
    """Whether it is the one that asks."""


class UserSessions:
    """The lists of sessions of users, beside the sessions."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def key(self, user: str) -> str:
        """The key in the store. A user's name is not in it."""
        return self._shelf.key(
            _USER + hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()
        )

    def is_list(self, key: str) -> bool:
        """Whether a key of our prefix is that of a list."""
        return key.startswith(self._shelf.key(_USER))

    async def handles(self, store: AsyncKeyValueStore, user: str) -> set[str]:
        """All that a user has, by a list that is complete, or is made so."""
        key = self.key(user)
        listed = await self._read(store, key)
        if not listed.is_complete:
            await self.complete(store, {key})
            listed = await self._read(store, key)  # also what began, or took another id, meanwhile
        return listed.handles

    async def complete(self, store: AsyncKeyValueStore, keys: AbstractSet[str]) -> None:
        """Make lists complete, by their keys. Reads all sessions."""
        handles: dict[str, set[str]] = {key: set() for key in keys}
        expires = dict.fromkeys(keys, 0.0)
        async with aclosing(self._shelf.iter_all(store)) as sessions:
            async for found in sessions:
                user = found.record.user
                if user is not None and (key := self.key(user)) in handles:
                    handles[key].add(found.handle)
                    expires[key] = max(expires[key], found.expires)
        for key, added in handles.items():
            await self._change(store, key, _Change(added, expires=expires[key], are_all=True))

    async def infos(
        self, store: AsyncKeyValueStore, user: str, current: str | None
    ) -> list[SessionInfo]:
        """The sessions of a user that are not over, the one last used first."""
        found = await self._shelf.find_all(store, await self.handles(store, user))
        mine = [info(one, current) for one in found if one.record.user == user]
        return sorted(mine, key=lambda info: info.seen, reverse=True)

    async def end(self, store: AsyncKeyValueStore, found: Found) -> list[str]:
        """End a session, under whatever id it goes on; returns the handles of what was ended."""
        if await self._shelf.end(store, found):
            if found.record.user is not None:
                await self.drop(store, found.record.user, {found.handle})
            return [found.handle]
        return await self.end_followers(store, found)

    async def end_followers(self, store: AsyncKeyValueStore, found: Found) -> list[str]:
        """End what took the place of a user's session that is gone, at this moment perhaps.

        It is listed by then: see `revoke`.
        """
        user = found.record.user
        return [] if user is None else await self.end_followers_of(store, user, found.handle)

    async def end_followers_of(
        self, store: AsyncKeyValueStore, user: str, handle: str
    ) -> list[str]:
        """The same, for a session of which only the handle is known."""
        ended: list[str] = []
        # What has just taken its place is named by any list: all sessions are not looked through
        # while a visitor waits.
        listed = await self._read(store, self.key(user))
        for found in await self._shelf.find_all(store, listed.handles):
            if found.record.user == user and found.record.follows(handle):
                ended += await self.end(store, found)
        return ended

    async def keep(self, store: AsyncKeyValueStore, user: str, handle: str, expires: float) -> None:
        """Have a session listed at least until it expires."""
        await self._change(store, self.key(user), _Change(added={handle}, expires=expires))

    async def drop(self, store: AsyncKeyValueStore, user: str, handles: Collection[str]) -> None:
        """Have sessions listed no more."""
        await self._change(store, self.key(user), _Change(dropped=handles))

    async def clean(self, store: AsyncKeyValueStore, key: str) -> bool:
        """Free a list, by its key, of sessions that are over; whether it is complete."""
        await self._change(store, key, _Change(is_cleaning=True))
        return (await self._read(store, key)).is_complete

    async def revoke(self, store: AsyncKeyValueStore, user: str, keep: str | None) -> int:
        """End all sessions of a user but one; returns how many were listed."""
        ended: set[str] = set()
        for _ in range(self._shelf.policy.merge_tries):
            # Until no other is listed: one that takes another id at this moment is listed under it
            # by now, and dies under it, or with its old id, without which it may not go on.
            listed = await self.handles(store, user) - ended - {keep}
            if not listed:
                break
            await store.delete_many([self._shelf.key(handle) for handle in listed])
            ended |= listed
        await self.drop(store, user, ended)
        for handle in ended:
            self._shelf.forget(handle)
            self._shelf.tell(SessionRevoked(handle))
        return len(ended)

    async def _change(self, store: AsyncKeyValueStore, key: str, change: _Change) -> None:
        for _ in range(self._shelf.policy.merge_tries):
            try:
                await self._try_change(store, key, change)
            except PreconditionFailed:
                continue
            return
        self._shelf.tell(SessionConflict(None, "the list of a user's sessions"))
        if change.added:  # or who revokes all of them would miss this one
            raise StoreError(
                "too many sessions of this user begin at the same time; try again", key=key
            )

    async def _try_change(self, store: AsyncKeyValueStore, key: str, change: _Change) -> None:
        can = store.capabilities
        listed, stat, is_complete = await self._read(store, key)
        is_complete_now = is_complete or change.are_all
        wanted = (listed | change.added) - set(change.dropped)
        old = wanted - change.added
        if change.is_cleaning:
            wanted -= await self._shelf.over(store, old)
        elif len(wanted) > _LOOKED_AFTER:
            some = random.sample(tuple(old), min(_LOOKED_AFTER, len(old)))
            wanted -= await self._shelf.over(store, set(some))
        ttl_secs, lasts = None, True
        if can.ttl:
            has_secs = (stat and stat.remaining_secs()) or 0.0
            ttl_secs = max(has_secs, change.expires - self._shelf.clock(), 1.0)
            lasts = has_secs >= ttl_secs
        if wanted == listed and (lasts or not wanted) and is_complete == is_complete_now:
            return
        etag = None if stat is None else stat.etag
        if not wanted and is_complete_now:
            await store.delete(key, if_match=etag if can.delete_if_match else None)
            return
        first_line = _COMPLETE if is_complete_now else _INCOMPLETE
        await store.put(
            key,
            b"%b\n%b" % (first_line, json.dumps(sorted(wanted)).encode()),
            ttl_secs,
            if_absent=stat is None and can.if_absent,
            if_match=etag if can.if_match else None,
        )

    async def _read(self, store: AsyncKeyValueStore, key: str) -> _List:
        try:
            data, stat = await store.fetch(key)
        except KeyNotFound:
            return _List(set(), None)
        except VerificationError as error:
            self._shelf.tell(SessionUnreadable(None, f"the list of a user's sessions: {error}"))
            return _List(set(), await store.stat(key), is_complete=False)
        first_line, _, handles = data.partition(b"\n")
        try:
            if first_line not in (_COMPLETE, _INCOMPLETE):
                raise ValueError("this is no list of a version that is known here")
            return _List(_handles_in(handles), stat, first_line == _COMPLETE)
        except (ValueError, TypeError, RecursionError) as error:
            self._shelf.tell(SessionUnreadable(None, f"the list of a user's sessions: {error}"))
            return _List(set(), stat, is_complete=False)


def _handles_in(text: bytes) -> set[str]:
    handles = json.loads(text)
    if not isinstance(handles, list) or not all(map(is_handle, handles)):
        raise ValueError("this is no list of handles")
    return set(handles)


class _List(NamedTuple):
    """A list as it was found."""

    handles: set[str]
    stat: Stat | None
    """``None`` if it is not there."""
    is_complete: bool = True


class _Change(NamedTuple):
    """What a list of sessions is to become."""

    added: AbstractSet[str] = frozenset()
    dropped: Collection[str] = ()
    expires: float = 0.0
    """Until when the list is needed, at least."""
    is_cleaning: bool = False
    """Whether all of the list is freed of what is over."""
    are_all: bool = False
    """Whether ``added`` are all sessions that began before."""


def listed_until(seen: float, expires: float) -> float:
    """Until when to list a version: some time ahead, so that not each next one needs it."""
    return expires + max(expires - seen, 0.0) / 4


def info(found: Found, current: str | None = None) -> SessionInfo:
    """What is told of a session."""
    handle, record, expires, *_ = found
    # Put off without being written, it has more time left than when it was written.
    seen = max(record.seen, record.seen + expires - record.expires)
    return SessionInfo(
        handle, record.created, seen, expires, record.user, dict(record.notes), handle == current
    )
