"""Sessions in the store, one at a time: found, put, replaced and removed under conditions.

A store that has no conditions is asked again before each write instead, which leaves a moment in
which another request may write: see `Sessions.merges` and `Sessions.stays_ended`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from collections.abc import Set as AbstractSet
from contextlib import aclosing, suppress
from typing import Any, NamedTuple

from kvcore.aio import AsyncKeyValueStore
from kvcore.contract import Capabilities, Stat
from kvcore.errors import KeyNotFound, PreconditionFailed, SessionTooLarge, VerificationError
from kvcore.sessions.events import SessionEvent, SessionExpired, SessionUnreadable
from kvcore.sessions.ids import is_handle
from kvcore.sessions.policy import SessionPolicy
from kvcore.sessions.recent import Recent
from kvcore.sessions.records import MOVES, Record
from kvcore.sessions.serializing import is_plain

_SMALL_BYTES = 4096


class Note(NamedTuple):
    """What the store told of a session's life. Times are seconds since 1970."""

    seen: float
    """The version that it was told of: when that was written."""
    ends: float
    due: float
    """Until when that need not be asked again."""


class Known(NamedTuple):
    """What some stored bytes are."""

    data: bytes
    record: Record
    content: dict[str, Any]  # never changed in place


class Found(NamedTuple):
    """A session as it lay in the store."""

    handle: str
    record: Record
    expires: float
    """Seconds since 1970: as the store tells it, else as the record does."""
    etag: str | None = None
    """``None`` where the store has none, or for what has just been written."""
    expires_in_store: bool = False
    """Whether the store tells when it expires; then it is put off by a ``touch``."""
    data: bytes | None = None
    """The stored bytes, where their etag can be told from them."""
    content: dict[str, Any] | None = None
    """What it holds, if that is known; never changed in place."""


class Write(NamedTuple):
    """A version of a session on its way into the store."""

    key: str
    data: bytes
    ttl_secs: float | None
    if_match: str | None

    async def put_to(self, store: AsyncKeyValueStore) -> None:
        """Put it. Raises `PreconditionFailed`."""
        await store.put(self.key, self.data, self.ttl_secs, if_match=self.if_match)


class Changed(Exception):  # no error: it says what to do next
    """Another request was faster. ``current`` is what lies there now."""

    def __init__(self, current: Found | None) -> None:
        super().__init__()
        self.current = current


class Shelf:
    """Where the sessions of an application lie, by their handles."""

    def __init__(
        self,
        policy: SessionPolicy,
        clock: Callable[[], float],
        tell: Callable[[SessionEvent], object],
        etag_of: Callable[[bytes], str | None],
    ) -> None:
        self.policy = policy
        self.clock = clock
        self.tell = tell
        self._etag_of = etag_of
        self._tells_etags = etag_of(b"") is not None
        self._notes: Recent[Note] = Recent()
        self._known: Recent[Known] = Recent()

    def key(self, handle: str) -> str:
        """The key in the store."""
        return self.policy.prefix + handle

    def note(self, handle: str) -> Note | None:
        """What was told of a session of late, if it is not to be put off yet.

        Who has it asks for the bytes alone: to tell the rest of a value's life, too, costs some
        stores a third more.
        """
        note = self._notes.find(handle)
        return note if note is not None and self.clock() < note.due else None

    def take_note(self, found: Found) -> None:
        """Remember when a session ends, as the store tells it, or was told."""
        if self._tells_etags and found.expires_in_store:
            idle_secs, slack_secs = self.policy.idle_secs, self.policy.slack_secs(None)
            is_last = found.expires >= self.policy.latest(found.record.created)
            used = self.clock() if is_last else found.expires - idle_secs
            note = Note(found.record.seen, found.expires, used + slack_secs)
            self._notes.put(found.handle, note)

    def take_content(
        self, handle: str, data: bytes, record: Record, content: dict[str, Any]
    ) -> None:
        """Remember what these bytes hold, in case they are still there next time.

        Nobody may change that content from now on. Not of large sessions, nor of nested ones.
        """
        if len(data) <= _SMALL_BYTES and is_plain(content):
            self._known.put(handle, Known(data, record, content))

    def forget(self, handle: str) -> None:
        """It is over, so nothing of it stays here."""
        self._notes.drop(handle)
        self._known.drop(handle)

    async def find(self, store: AsyncKeyValueStore, handle: str) -> Found | None:
        """The session; ``None`` if it is over, not there, or not readable."""
        try:
            return await self.fetch(store, handle)
        except KeyNotFound:
            self.forget(handle)
            return None
        except VerificationError:
            self.tell(SessionUnreadable(handle, "its signature in the store"))
            return None

    async def fetch(self, store: AsyncKeyValueStore, handle: str) -> Found | None:
        """As ``find``, but `KeyNotFound` if there is nothing. One that moved is followed."""
        for _ in range(MOVES):
            found = self.read(handle, *await store.fetch(self.key(handle)))
            if found is None or found.record.moved_to is None:
                return found
            handle = found.record.moved_to
        return None

    async def find_all(self, store: AsyncKeyValueStore, handles: AbstractSet[str]) -> list[Found]:
        """Those of the sessions that are there, and not over; one that moved is not followed."""
        there = None
        if not store.capabilities.ttl:  # else only a fetch tells when a value ends
            with suppress(VerificationError):  # of one, which one by one does no harm
                there = await store.get_many(map(self.key, handles))
        if there is None:
            found = [await self.find(store, handle) for handle in handles]
            return [one for one in found if one is not None and one.handle in handles]
        data = {handle: there.get(self.key(handle)) for handle in handles}
        read = [self.read(handle, got, None) for handle, got in data.items() if got is not None]
        return [one for one in read if one is not None]

    async def iter_all(self, store: AsyncKeyValueStore) -> AsyncGenerator[Found, None]:
        """The sessions that are there, and not over, of anybody. Reads each of them."""
        async with aclosing(store.iter_keys(self.policy.prefix)) as keys:
            async for key in keys:
                handle = key[len(self.policy.prefix) :]
                found = await self.find(store, handle) if is_handle(handle) else None
                if found is not None and found.handle == handle:
                    yield found

    def read(
        self, handle: str, data: bytes, stat: Stat | None, note: Note | None = None
    ) -> Found | None:
        """What was fetched, or got with a note, unless it is over or no session."""
        known, content = self._known.find(handle), None
        if known is not None and known.data == data:
            _, record, content = known
        else:
            try:
                record = Record.decode(data)
            except ValueError as error:
                self.tell(SessionUnreadable(handle, str(error)))
                return None
        found = self._unless_over(handle, record, data, stat, note, content)
        if found is None:
            self.forget(handle)
            self.tell(SessionExpired(handle))
        return found

    def _unless_over(
        self,
        handle: str,
        record: Record,
        data: bytes,
        stat: Stat | None,
        note: Note | None = None,
        content: dict[str, Any] | None = None,
    ) -> Found | None:
        now, expires = self.clock(), record.expires
        # One that was over when it was written may be there for a moment, where values expire.
        if expires <= record.seen or self.policy.latest(record.created) <= now:
            return None
        etag, in_store, kept = None, False, data if self._tells_etags else None
        if note is not None:
            if note.seen == record.seen:
                expires = note.ends
            else:
                self._notes.drop(handle)  # it was written since
            # The store has it, so it lives, whatever our clock says.
            if record.moved_to is not None and record.expires <= now:
                return None
            in_store = True
            return Found(handle, record, expires, None, in_store, kept, content)
        if stat is not None:
            etag = stat.etag
            if stat.expires is not None:
                in_store = True
                told = now + (stat.remaining_secs() or 0.0)
                # A request that was under way may have put off the value of one that moved.
                expires = told if record.moved_to is None else min(told, expires)
        if expires <= now:
            return None
        found = Found(handle, record, expires, etag, in_store, kept, content)
        self.take_note(found)
        return found

    async def over(self, store: AsyncKeyValueStore, handles: AbstractSet[str]) -> set[str]:
        """Those of the sessions that are not there any more, or over."""
        try:
            there = await store.get_many(map(self.key, handles))
        except VerificationError:  # of one of them
            return {handle for handle in handles if not await store.contains(self.key(handle))}
        return {handle for handle in handles if self._is_past(there.get(self.key(handle)), store)}

    def _is_past(self, data: bytes | None, store: AsyncKeyValueStore) -> bool:
        if data is None:
            return True
        try:
            expires = Record.decode(data).expires
        except ValueError:
            return False  # nobody can tell
        # Where values expire by themselves one that is there lives: it was put off by a touch.
        return not store.capabilities.ttl and expires <= self.clock()

    async def remove_if_over(self, store: AsyncKeyValueStore, handle: str) -> bool:
        """Whether it was over; what is no session raises ``ValueError`` and stays."""
        data, stat = await store.fetch(self.key(handle))
        if self._unless_over(handle, Record.decode(data), data, stat) is not None:
            return False
        etag = stat.etag if store.capabilities.delete_if_match else None
        await store.delete(self.key(handle), if_match=etag)
        return True

    async def create(self, store: AsyncKeyValueStore, handle: str, record: Record) -> None:
        """Put a new session; `KeyExists` if there is one, where the store can tell."""
        can = store.capabilities
        data, ttl_secs = self._encoded(record, can)
        await store.put(self.key(handle), data, ttl_secs, if_absent=can.if_absent)

    async def replace(self, store: AsyncKeyValueStore, found: Found, record: Record) -> None:
        """Put the next version in the place of the one that was found; raises `Changed`."""
        can = store.capabilities
        data, ttl_secs = self._encoded(record, can)
        key = self.key(found.handle)
        etag = await self._etag(store, found, can=can.if_match)
        try:
            if etag is not None:
                await store.put(key, data, ttl_secs, if_match=etag)
            else:
                await store.put(key, data, ttl_secs, if_present=can.if_present)
        except PreconditionFailed as error:
            raise Changed(await self.current(store, found.handle, error)) from None

    def next_write(self, found: Found, record: Record, can: Capabilities) -> Write | None:
        """As ``replace``, as a put to be made; ``None`` where the store has to be asked before."""
        etag = self._known_etag(found) if can.if_match else None
        if etag is None:
            return None
        data, ttl_secs = self._encoded(record, can)
        return Write(self.key(found.handle), data, ttl_secs, etag)

    def _known_etag(self, found: Found) -> str | None:
        return self._etag_of(found.data) if found.etag is None and found.data else found.etag

    async def overwrite(self, store: AsyncKeyValueStore, handle: str, record: Record) -> None:
        """Put a version in the place of whatever is there; raises `Changed` if nothing is."""
        can = store.capabilities
        data, ttl_secs = self._encoded(record, can)
        key = self.key(handle)
        try:
            if not can.if_present and not await store.contains(key):
                raise Changed(None)
            await store.put(key, data, ttl_secs, if_present=can.if_present)
        except PreconditionFailed:
            raise Changed(None) from None

    async def remove(self, store: AsyncKeyValueStore, found: Found) -> None:
        """Remove the version that was found; raises `Changed`."""
        self.forget(found.handle)
        key = self.key(found.handle)
        etag = await self._etag(store, found, can=store.capabilities.delete_if_match)
        try:
            await store.delete(key, if_match=etag)
        except PreconditionFailed as error:
            raise Changed(await self.current(store, found.handle, error)) from None

    async def end(self, store: AsyncKeyValueStore, found: Found) -> bool:
        """Remove a session, also one that was written to, or moved with a grace, meanwhile.

        Whether it was still there.
        """
        for _ in range(self.policy.merge_tries):
            try:
                await self.remove(store, found)
            except Changed as changed:
                if changed.current is None:
                    return False
                found = changed.current
            else:
                return True
        await self.remove_any(store, found.handle)
        return True

    async def remove_any(self, store: AsyncKeyValueStore, handle: str) -> None:
        """Remove whatever version is there."""
        self.forget(handle)
        await store.delete(self.key(handle))

    async def put_off(self, store: AsyncKeyValueStore, found: Found, expires: float) -> bool:
        """Let a session live until ``expires``; whether it is still there, under this handle.

        One that is gone or was written stays as it is.
        """
        if found.expires_in_store and store.capabilities.touch:
            try:
                await store.touch(self.key(found.handle), max(expires - self.clock(), 0.001))
            except KeyNotFound:
                self.forget(found.handle)
                return False  # it was ended meanwhile, and stays so
            self.take_note(found._replace(expires=expires))
            return True
        record = found.record._replace(expires=expires, seen=self.clock())
        try:
            await self.replace(store, found, record)
        except Changed as changed:  # whoever changed it has put it off as well
            return changed.current is not None and changed.current.handle == found.handle
        return True

    def _encoded(self, record: Record, can: Capabilities) -> tuple[bytes, float | None]:
        data = record.encode()
        if len(data) > self.policy.max_bytes:
            raise SessionTooLarge(
                f"this session has {len(data)} bytes, and may have {self.policy.max_bytes};"
                " put large values into a store and their keys into the session",
                max_bytes=self.policy.max_bytes,
            )
        return data, max(record.expires - self.clock(), 0.001) if can.ttl else None

    async def _etag(self, store: AsyncKeyValueStore, found: Found, *, can: bool) -> str | None:
        """That of the version found, if the store can compare them; raises `Changed`."""
        if can and (known := self._known_etag(found)) is not None:
            return known
        current = await self.find(store, found.handle)
        if current is None or current.record != found.record:
            raise Changed(current)
        return self._known_etag(current) if can else None

    async def current(
        self, store: AsyncKeyValueStore, handle: str, error: PreconditionFailed
    ) -> Found | None:
        """What is there instead: told by a write's error, where that was free."""
        if error.current is None:
            return await self.find(store, handle)
        found = self.read(handle, *error.current)
        if found is not None and found.record.moved_to is not None:
            return await self.find(store, found.record.moved_to)
        return found
