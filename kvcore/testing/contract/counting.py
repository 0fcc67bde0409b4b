"""``increment``: a counter of 64 bits, as text, that no two callers count alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import StoreError, Unsupported
from kvcore.testing.clock import Clock
from kvcore.testing.contract.fixtures import StoreFixtures, in_threads, raised, unchanged

LEAST, MOST = -(2**63), 2**63 - 1
NO_COUNTERS = [
    *(b"", b" ", b"text", b"1.0", b"1e3", b" 1", b"1 ", b"1\n", b"+1", b"-", b"--1", b"0x1"),
    *(b"1_000", b"01", b"-0", b"\xd9\xa3", b"\xff", b"1\0", b"9" * 19, b"9" * 5000),
]
"""What other programs may take for a number; here it is a value and stays one."""


class CountingTests(StoreFixtures):
    """Counting is atomic, exact and refuses what is no counter."""

    @contextmanager
    def _counting(self, store: KeyValueStore) -> Iterator[None]:
        can = store.capabilities
        if self.increments and can.if_absent and can.if_match:
            yield
        else:
            with unchanged(store), pytest.raises(Unsupported):
                yield

    def test_a_missing_counter_is_zero(self, store: KeyValueStore) -> None:
        """The first call makes it; the new value is returned and stored as a decimal text."""
        with self._counting(store):
            assert store.increment("up") == 1
            assert store.increment("down", -5) == -5
            assert store.increment("still", 0) == 0
            assert store.get_many(["up", "down", "still"]) == {
                "up": b"1",
                "down": b"-5",
                "still": b"0",
            }

    def test_it_adds(self, store: KeyValueStore) -> None:
        """Up and down, through zero, also from a value that was put."""
        store.put("put", b"41")
        with self._counting(store):
            assert store.increment("put") == 42
            assert [store.increment("n", by) for by in [5, -10, 5, 0, 2]] == [5, -5, 0, 0, 2]
            assert store.get("n") == b"2"
            assert type(store.increment("n", by=1)) is int

    def test_what_is_no_counter(self, store: KeyValueStore) -> None:
        """StoreError, and the value is as it was: whoever put it meant something else."""
        for value in filter(lambda value: self.fits(len(value)), NO_COUNTERS):
            store.put("key", value)
            with self._counting(store):
                error = raised(store.increment, "key")
                if isinstance(error, Unsupported):
                    raise error
                assert isinstance(error, StoreError), (value, error)
                assert error.key == "key"
            assert store.get("key") == value

    def test_the_limits(self, store: KeyValueStore) -> None:
        """64 bits, signed, are exact; a step beyond is StoreError and changes nothing."""
        for limit, step in [(MOST, 1), (LEAST, -1)]:
            store.put("key", b"%d" % (limit - step))
            with self._counting(store):
                assert store.increment("key", step) == limit
                for too_far in [step, limit]:
                    with pytest.raises(StoreError):
                        store.increment("key", too_far)
                assert store.get("key") == b"%d" % limit
                assert store.increment("key", -step) == limit - step
                assert store.increment("fresh", limit) == limit
                store.delete("fresh")

    def test_a_step_is_an_int(self, store: KeyValueStore) -> None:
        """Of 64 bits; anything else is a TypeError or ValueError before anything is counted."""
        store.put("key", b"1")
        for by in [1.0, 1.5, "1", None, True, b"2", 2**63, -(2**63) - 1]:
            error = raised(store.increment, "key", by)
            assert isinstance(error, ValueError if type(by) is int else TypeError), (by, error)
        assert store.get("key") == b"1"

    def test_a_counter_keeps_its_time(self, store: KeyValueStore, clock: Clock) -> None:
        """``ttl_secs`` holds for a counter that is made; counting on neither ends nor renews it."""
        if not store.capabilities.ttl:
            with unchanged(store), pytest.raises(Unsupported):
                store.increment("short", ttl_secs=clock.tick_secs)
            return
        with self._counting(store):
            store.increment("short", ttl_secs=clock.tick_secs)
            store.increment("short")
            store.increment("short", ttl_secs=clock.tick_secs * 1000)
            store.increment("long")
            assert store.increment("long", ttl_secs=clock.tick_secs) == 2
            clock.advance(2 * clock.tick_secs)
            assert "short" not in store
            assert store.get("long") == b"2"
            assert store.increment("short") == 1

    def test_nobody_counts_alike(self, store: KeyValueStore) -> None:
        """4 threads on two handles count to the end, and every number comes once."""
        handles = [store, self.reopen(store)]

        def count(number: int) -> list[int]:
            return [handles[number % 2].increment("key") for _ in range(20)]

        with self._counting(store):
            numbers = [number for numbers in in_threads(4, count) for number in numbers]
            assert sorted(numbers) == list(range(1, 81))
            assert store.get("key") == b"80"
