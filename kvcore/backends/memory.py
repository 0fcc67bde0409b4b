"""`DictStore`: values in a dict of this process. The smallest store that can do everything."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import RLock
from typing import IO, Any, NamedTuple, NoReturn, SupportsIndex

from kvcore.contract import (
    PLAIN,
    Capabilities,
    CopyMixin,
    Fetched,
    Reader,
    Stat,
    TimeToLiveMixin,
    WriteOptions,
)
from kvcore.contract.streams import as_bytes
from kvcore.contract.values import expiring_in
from kvcore.errors import ConfigError, KeyExists, KeyNotFound, PreconditionFailed
from kvcore.forking import tell_after_fork
from kvcore.recipe import KEYS, Address, StoreRecipe, url_text
from kvcore.ttl import FOREVER, NOT_SET, TtlSecs


class _Note(NamedTuple):
    """What the shelf keeps beside a value."""

    data: bytes  # the very object in the dict: another one was put there by the caller
    version: int
    modified: float  # wall clock
    expires: float | None  # on the shelf's clock
    content_type: str | None


class _Shelf:
    """The dict and what belongs to it; shared by the views of one store."""

    def __init__(self, data: dict[str, bytes], clock: Callable[[], float], name: str = "") -> None:
        self.name = name
        self.data = data
        self.clock = clock
        self.notes: dict[str, _Note] = {}
        self.expiring: list[tuple[float, str]] = []
        self.version = 0
        self.lock = RLock()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self.lock = RLock()

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        if self.name:
            return _named_shelf, (self.name,)
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, object]:
        with self.lock:
            return {**self.__dict__, "data": dict(self.data), "notes": dict(self.notes), "lock": 0}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.lock = RLock()
        tell_after_fork(self)

    def find(self, key: str) -> _Note | None:
        """The live value under ``key``; an expired one is removed. Call it with the lock held."""
        data = self.data.get(key)
        if data is None:
            return None
        note = self.notes.get(key)
        if note is None or note.data is not data:  # put by the caller, past the store
            return self.place(key, as_bytes(data, key), None, None)
        if note.expires is not None and note.expires <= self.clock():
            self.remove(key)
            return None
        return note

    def place(
        self, key: str, data: bytes, ttl_secs: float | None, content_type: str | None
    ) -> _Note:
        self.version += 1
        expires = None if ttl_secs is None else self.clock() + ttl_secs
        note = _Note(data, self.version, time.time(), expires, content_type)
        self.data[key] = data
        self.notes[key] = note
        self.watch(key, expires)
        return note

    def replace(self, key: str, note: _Note, data: bytes) -> None:
        """Other bytes, all else as it was."""
        self.version += 1
        self.data[key] = data
        self.notes[key] = note._replace(data=data, version=self.version, modified=time.time())

    def watch(self, key: str, expires: float | None) -> None:
        """Remember an expiry, and remove what expired before: nobody may ever ask for it."""
        if expires is not None:
            heapq.heappush(self.expiring, (expires, key))
            if len(self.expiring) > 2 * len(self.notes) + 100:  # values were put again and again
                live = self.notes.items()
                self.expiring = [(n.expires, k) for k, n in live if n.expires is not None]
                heapq.heapify(self.expiring)
        while self.expiring and self.expiring[0][0] <= self.clock():
            due, old_key = heapq.heappop(self.expiring)
            note = self.notes.get(old_key)
            if note is not None and note.expires == due:
                self.remove(old_key)

    def remove(self, key: str) -> None:
        self.data.pop(key, None)
        self.notes.pop(key, None)

    def stat(self, note: _Note) -> Stat:
        expires = None if note.expires is None else expiring_in(note.expires - self.clock())
        modified = datetime.fromtimestamp(note.modified, UTC)
        return Stat(len(note.data), modified, str(note.version), note.content_type, expires)


_named_shelves: dict[str, _Shelf] = {}


def _named_shelf(name: str) -> _Shelf:
    """The one of this name in this process; it stays, as nobody knows who may ask again."""
    shelf = _named_shelves.get(name)
    if shelf is None:
        shelf = _named_shelves.setdefault(name, _Shelf({}, time.monotonic, name))
    return shelf


def _read_address(address: Address) -> dict[str, object]:
    name = address.text()
    if not re.fullmatch("[A-Za-z0-9_.-]{0,100}", name):
        raise ConfigError("the name in memory://name has letters, digits, '_', '.' and '-' only")
    return {"name": name}


def _build(cls: type[DictStore], *, name: str, **options: Any) -> DictStore:
    store = cls(**options)
    if name:
        store._shelf = _named_shelf(name)
    return store


class DictStore(TimeToLiveMixin, CopyMixin):
    """Keeps values in ``d``, the caller's own dict (a new one by default), of str to bytes.

    For tests, caches and small things of one process. Values that the caller puts into the dict
    directly are seen; ``clock`` (seconds, monotonic) times the expiry and may be a test's own.

    >>> d = {}
    >>> store = DictStore(d)
    >>> store.put("greeting", b"hello")
    'greeting'
    >>> d
    {'greeting': b'hello'}
    """

    _recipe = StoreRecipe(options={"keys": KEYS}, address=_read_address, build=_build)
    _declared = Capabilities(
        if_absent=True,
        if_present=True,
        if_match=True,
        delete_if_match=True,
        touch=True,
        content_type=True,
        pinned_reads=True,
        fast=True,
        local=True,
    )

    def __init__(
        self,
        d: dict[str, bytes] | None = None,
        *,
        keys: str = "strict",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf = _Shelf({} if d is None else d, clock)
        self._use_keyspace(self._space(keys))

    @property
    def d(self) -> dict[str, bytes]:
        """The dict that holds the values."""
        return self._shelf.data

    def _note(self, key: str) -> _Note:
        note = self._shelf.find(key)
        if note is None:
            raise KeyNotFound(key=key, store=self)
        return note

    def _open(self, key: str) -> Reader:
        data, found = self._fetch(key)
        return Reader.of_bytes(data, found)

    def _get(self, key: str) -> bytes:
        with self._shelf.lock:
            return self._note(key).data

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        return self._get(key)[start : None if length is None else start + length]

    def _fetch(self, key: str) -> Fetched:
        with self._shelf.lock:
            note = self._note(key)
            return Fetched(note.data, self._shelf.stat(note))

    def _has_key(self, key: str) -> bool:
        with self._shelf.lock:
            return self._shelf.find(key) is not None

    def _stat(self, key: str) -> Stat:
        with self._shelf.lock:
            return self._shelf.stat(self._note(key))

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        with self._shelf.lock:
            if options is not PLAIN and options.conditional:
                self._check_condition(key, options)
            self._shelf.place(key, data, options.expires_in_secs, options.content_type)

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        self._put(key, file.read(), options)

    def _check_condition(self, key: str, options: WriteOptions) -> None:
        note = self._shelf.find(key)
        if options.if_absent:
            if note is not None:
                self._refuse(key, note, KeyExists)
        elif note is None or options.if_match not in (None, str(note.version)):
            self._refuse(key, note)

    def _refuse(
        self, key: str, note: _Note | None, error: type[PreconditionFailed] = PreconditionFailed
    ) -> NoReturn:
        current = None if note is None else Fetched(note.data, self._shelf.stat(note))
        raise error(key=key, store=self, current=current)

    def _delete(self, key: str) -> None:
        with self._shelf.lock:
            self._shelf.remove(key)

    def _delete_if_match(self, key: str, etag: str) -> None:
        with self._shelf.lock:
            self._check_condition(key, WriteOptions(if_match=etag))
            self._shelf.remove(key)

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        with self._shelf.lock:
            note = self._note(source)
            if if_absent:
                self._check_condition(dest, WriteOptions(if_absent=True))
            left = None if note.expires is None else note.expires - self._shelf.clock()
            self._shelf.place(dest, note.data, left, note.content_type)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        with self._shelf.lock:
            self._copy(source, dest, if_absent=if_absent)
            self._shelf.remove(source)

    def _touch(self, key: str, ttl_secs: TtlSecs) -> None:
        with self._shelf.lock:
            note = self._note(key)
            secs = None if ttl_secs in (None, FOREVER, NOT_SET) else float(ttl_secs)
            expires = None if secs is None else self._shelf.clock() + secs
            self._shelf.notes[key] = note._replace(expires=expires)
            self._shelf.watch(key, expires)

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        with self._shelf.lock:
            note = self._shelf.find(key)
            if note is None:
                self._shelf.place(key, b"%d" % by, WriteOptions(ttl_secs).expires_in_secs, None)
                return by
            value = self._added(key, note.data, by)
            self._shelf.replace(key, note, b"%d" % value)
            return value

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over a snapshot of the keys that begin with ``prefix``."""
        with self._shelf.lock:
            found = [key for key in list(self._shelf.data) if self._listed(key, prefix)]
        return iter(found)

    def _listed(self, key: object, prefix: str) -> bool:
        return (
            isinstance(key, str)
            and key.startswith(prefix)
            and key in self._keyspace
            and self._shelf.find(key) is not None
        )

    def _place(self) -> tuple[object, str]:
        return self._shelf, ""

    def _url(self) -> str:
        ttl_secs = self._default_ttl_secs
        options = {
            **({"keys": self._keyspace.name} if self._keyspace.name != "strict" else {}),
            **({} if ttl_secs == NOT_SET else {"default_ttl_secs": str(ttl_secs)}),
        }
        return url_text("memory", self._shelf.name, options)
