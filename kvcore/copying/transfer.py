"""`Transfer`: carries some keys over, all at a time or one by one, and tells what became of each.

Small values go many at a time, since a store on a network answers a hundred questions in the time
of one. Where that fails, the same keys go one by one, so that each fails for its own reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from threading import Event, get_ident
from typing import TYPE_CHECKING, NamedTuple

from kvcore.contract import (
    Fetched,
    Fingerprint,
    KeyValueStore,
    Reader,
    Stat,
    WriteOptions,
)
from kvcore.contract.streams import read_blocks
from kvcore.copying.destination import Destination
from kvcore.copying.places import Apart
from kvcore.copying.report import CopyReport, Tally
from kvcore.errors import (
    InvalidKey,
    KeyExists,
    KeyNotFound,
    KvcoreError,
    PartialFailure,
    StoreError,
    StoreTimeout,
    VerificationError,
)
from kvcore.ids import random_id
from kvcore.ttl import FOREVER, TtlSecs

if TYPE_CHECKING:
    from hashlib import _Hash

_CLOCKS_DIFFER_SECS = 2.0
"""By how much two stores may round the same expiry."""
_FAILURES_IN_A_ROW = 10
"""After so many it is asked whether the stores can be reached at all. A time-out asks at once: the
next one may take as long."""


class Stopped(Exception):
    """The copy was stopped in the middle of a value, which is forgotten."""


class Asked(NamedTuple):
    """What the caller of a copy wants."""

    verify: bool
    skip_existing: bool
    dry_run: bool


class _Hashes(NamedTuple):
    """Of a value on its way: to know it again."""

    sha256: _Hash
    fingerprint: Fingerprint | None

    def update(self, block: bytes) -> None:
        self.sha256.update(block)
        if self.fingerprint is not None:
            self.fingerprint.update(block)


class Transfer:
    """Carries values from one store to another; used by several threads at once."""

    def __init__(
        self,
        source: KeyValueStore,
        destination: Destination,
        apart: Apart,
        asked: Asked,
        stop: Event,
    ) -> None:
        self._source = source
        self._destination = destination
        self._dest = destination.store
        self._apart = apart
        self._asked = asked
        self._stop = stop
        here, there = source.capabilities, self._dest.capabilities
        self._carries_expiry = here.ttl and there.ttl
        self._carries_type = here.content_type and there.content_type
        # Of values alone many can be read at a time; a value and its expiry must be of one version.
        self._fetches = here.ttl or self._carries_type
        self._creates = asked.skip_existing and there.if_absent
        self._failures = 0  # in a row
        self._half_way: dict[int, int] = {}  # by thread

    @property
    def half_way_bytes(self) -> int:
        """The bytes that were carried of values that are not there yet."""
        return sum(list(self._half_way.values()))

    def many(self, keys: list[str]) -> CopyReport:
        """Copy small values."""
        tally = Tally()
        left = dict.fromkeys(self._legal(keys, tally))
        for first in islice(left, 1):
            with self._apart.watched(first):
                self._many(left, tally)
        return tally.report()

    def _many(self, left: dict[str, None], tally: Tally) -> None:
        put: set[str] = set()
        try:
            self._all_at_a_time(left, put, tally)
        except KvcoreError as error:
            if isinstance(error, StoreTimeout):
                self._check_reachable()
            for key in left:
                self._one(key, tally, was_put=key in put)
        else:
            self._failures = 0

    def one(self, key: str) -> CopyReport:
        """Copy a value of any size, in bounded memory."""
        tally = Tally()
        for legal in self._legal([key], tally):
            with self._apart.watched(legal):
                self._one(legal, tally)
        return tally.report()

    def _legal(self, keys: list[str], tally: Tally) -> Iterator[str]:
        space = self._dest.keyspace
        for key in keys:
            try:
                space.check(key)
            except InvalidKey as error:
                error.seen_from(self._dest, key)
                tally.failed(key, error)
            else:
                yield key

    # Many

    def _all_at_a_time(self, left: dict[str, None], put: set[str], tally: Tally) -> None:
        """Copy what is ``left``; whatever is settled leaves it."""
        there = self._destination.stats(left)
        if self._asked.skip_existing:
            for key in there:
                del left[key]
                tally.skipped += 1
        values = self._read(list(left))
        for key in [key for key in left if key not in values]:
            del left[key]
            tally.vanished += 1
        for key in self._same(values, there):
            del left[key], values[key]
            tally.same += 1
        if self._asked.dry_run:
            for key in values:
                del left[key]
                self._copied(values[key].stat, tally)
            return
        self._check_stop()
        put.update(left)
        for key, error in self._put(values).items():
            del left[key]
            if self._is_there(error):
                tally.skipped += 1
            else:
                self._note_failure(key, error, tally)
        wrong = self._different(left, values) if self._asked.verify else set()
        for key in list(left):
            del left[key]
            if key in wrong:
                tally.failed(key, self._not_as_put(key))
            else:
                self._copied(values[key].stat, tally)

    def _read(self, keys: list[str]) -> dict[str, Fetched]:
        """The values of those keys that are still there."""
        if self._fetches:
            return self._source._fetch_many(keys)
        found = self._source.get_many(keys)
        return {key: Fetched(data, Stat(len(data))) for key, data in found.items()}

    def _same(self, values: Mapping[str, Fetched], there: Mapping[str, Stat]) -> list[str]:
        """The keys whose very values are there."""
        alike = [
            key
            for key, (_, stat) in values.items()
            if key in there and self._alike(stat, there[key])
        ]
        unsure = self._not_shown(alike, there, values)
        found = self._dest.get_many(unsure) if unsure else {}
        return [key for key in alike if key not in unsure or found.get(key) == values[key].data]

    def _not_shown(
        self, keys: Iterable[str], there: Mapping[str, Stat], values: Mapping[str, Fetched]
    ) -> dict[str, None]:
        """Those of the keys whose values have to be read to know that they are these."""
        shows = self._destination.shows
        return {
            key: None
            for key in keys
            if key not in there or not shows(there[key], [values[key].data])
        }

    def _different(self, keys: Mapping[str, None], values: Mapping[str, Fetched]) -> set[str]:
        """The keys under which something else is there than was put."""
        there = self._destination.stats_to_show(keys)
        unsure = self._not_shown(keys, there, values)
        found = self._dest.get_many(unsure) if unsure else {}
        wrong = {key for key in unsure if found.get(key) != values[key].data}
        return {key for key in wrong if key in found or not _is_over(values[key].stat)}

    def _put(self, values: Mapping[str, Fetched]) -> Mapping[str, KvcoreError]:
        """Put all; returns the errors by key. One that does not concern one key is raised."""
        try:
            self._dest._checked_put_each(
                {key: (data, self._options(stat)) for key, (data, stat) in values.items()}
            )
        except PartialFailure as failure:
            for error in failure.errors.values():
                if isinstance(error, StoreTimeout):  # so the rest was not tried
                    raise error from None
            return failure.errors
        return {}

    # One

    def _one(self, key: str, tally: Tally, *, was_put: bool = False) -> None:
        self._check_stop()
        try:
            reader = self._source.open(key)
        except KeyNotFound:
            tally.vanished += 1
            return
        except (KvcoreError, OSError) as error:
            self._note_failure(key, error, tally)
            return
        try:
            with reader:
                self._one_read(key, reader, tally, was_put=was_put)
        except (KvcoreError, OSError) as error:
            self._note_failure(key, error, tally)
        else:
            self._failures = 0
        finally:
            self._half_way.pop(get_ident(), None)

    def _one_read(self, key: str, reader: Reader, tally: Tally, *, was_put: bool) -> None:
        asked, stat = self._asked, reader.stat
        there = self._destination.stat_now(key) if was_put else self._destination.stat(key)
        if there is not None:
            if asked.skip_existing and not was_put:
                tally.skipped += 1
                return
            if self._alike(stat, there) and self._is_same(key, reader, there):
                if was_put:
                    self._copied(stat, tally)
                else:
                    tally.same += 1
                return
            reader.seek(0)
        if not asked.dry_run:
            hashes = self._hashes(stat.size) if asked.verify else None
            try:
                self._dest._checked_put_file(
                    key,
                    self._counted(reader, hashes),
                    self._options(stat),
                )
            except KeyExists as error:
                if not self._is_there(error):
                    raise
                tally.skipped += 1
                return
            if hashes is not None:
                self._verify(key, stat, hashes)
        self._copied(stat, tally)

    def _is_same(self, key: str, reader: Reader, there: Stat) -> bool:
        if self._destination.shows(there, self._counted(reader)):
            return True
        reader.seek(0)
        return self._destination.holds(key, reader)

    def _hashes(self, size: int) -> _Hashes:
        return _Hashes(hashlib.sha256(), self._dest._fingerprint(size))

    def _counted(self, reader: Reader, hashes: _Hashes | None = None) -> Iterator[bytes]:
        thread, total = get_ident(), 0
        for block in read_blocks(reader):
            self._check_stop()
            if hashes is not None:
                hashes.update(block)
            yield block
            total += len(block)
            self._half_way[thread] = total

    def _verify(self, key: str, stat: Stat, sent: _Hashes) -> None:
        if sent.fingerprint is not None:
            there = self._destination.stat_now(key)
            if there is not None and there.size == stat.size and sent.fingerprint.is_of(there):
                return
        found = hashlib.sha256()
        try:
            with self._dest.open(key) as reader:
                for block in read_blocks(reader):
                    self._check_stop()
                    found.update(block)
        except KeyNotFound:
            if _is_over(stat):
                return
            raise self._not_as_put(key) from None
        if found.digest() != sent.sha256.digest():
            raise self._not_as_put(key)

    # What both have in common

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _check_reachable(self) -> None:
        """Ask both stores for a key that nobody has; raises what they raise."""
        for store in (self._source, self._dest):
            self._check_stop()
            random_id() in store  # noqa: B015

    def _options(self, stat: Stat) -> WriteOptions:
        ttl_secs: TtlSecs = None  # the source knows of no expiry: the destination's default holds
        if self._carries_expiry:
            left = stat.remaining_secs()
            ttl_secs = FOREVER if left is None else left
        return WriteOptions(ttl_secs, if_absent=self._creates, content_type=stat.content_type)

    def _is_there(self, error: KvcoreError) -> bool:
        """Whether nothing was put because the destination has a value."""
        return self._creates and isinstance(error, KeyExists)

    def _copied(self, stat: Stat, tally: Tally) -> None:
        loses_expiry = stat.expires is not None and not self._carries_expiry
        tally.copied_one(stat.size, lasting=loses_expiry)

    def _alike(self, here: Stat, there: Stat) -> bool:
        """Whether all but the bytes is as it should be."""
        if here.size != there.size:
            return False
        if self._carries_type and here.content_type not in (None, there.content_type):
            return False
        if not self._carries_expiry or here.expires is there.expires is None:
            return True
        if here.expires is None or there.expires is None:
            return False
        return abs((here.expires - there.expires).total_seconds()) <= _CLOCKS_DIFFER_SECS

    def _not_as_put(self, key: str) -> VerificationError:
        return VerificationError(
            "the value read back is not the one that was put: somebody else changed it, or the"
            " storage is faulty; copy it again",
            key=key,
            store=self._dest,
        )

    def _note_failure(self, key: str, error: KvcoreError | OSError, tally: Tally) -> None:
        """Note it; raise it if it is not about this key at all: a store cannot be reached."""
        tally.failed(key, error)
        if not isinstance(error, StoreError):
            return
        self._failures += 1
        is_last = self._failures >= _FAILURES_IN_A_ROW
        if isinstance(error, StoreTimeout):
            if is_last:
                raise error
            self._check_reachable()
        elif is_last:
            self._check_reachable()
            self._failures = 0


def _is_over(stat: Stat) -> bool:
    """Whether the value was to be gone by now."""
    return stat.expires is not None and stat.expires <= datetime.now(UTC)
