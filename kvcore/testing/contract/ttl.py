"""Time to live: numbers, constants, defaults, and what is gone when it is over."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeAlias

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import KeyNotFound, PreconditionFailed, Unsupported
from kvcore.testing.clock import Clock
from kvcore.testing.contract.fixtures import StoreFixtures, declared, for_each, raised, unchanged
from kvcore.testing.contract.reading import READING
from kvcore.ttl import FOREVER, NOT_SET, TtlSecs

Write: TypeAlias = Callable[[KeyValueStore, str, Any], object]
Asking: TypeAlias = Callable[[KeyValueStore, Any], object]

NO_TTL: list[Any] = [
    *(0, -1, -0.5, 0.0, -0.0, float("nan"), float("inf"), float("-inf"), True, False),
    *("1", "", "Forever", b"1", [], (1,), {}, 1j, object(), 10**400, -(10**400), datetime.now(UTC)),
    timedelta(seconds=1),
]
"""What is no time to live."""


def _by_writer(store: KeyValueStore, key: str, ttl_secs: TtlSecs) -> None:
    with store.open_write(key, ttl_secs) as writer:
        writer.write(b"1")


def _by_path(store: KeyValueStore, key: str, ttl_secs: TtlSecs) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "source")
        path.write_bytes(b"1")
        store.put_file(key, path, ttl_secs)


def _under_new(write: Callable[..., object], store: KeyValueStore, ttl_secs: TtlSecs) -> None:
    write(store, "new", ttl_secs)


WRITES: dict[str, Write] = {
    "put": lambda store, key, ttl: store.put(key, b"1", ttl),
    "put_file": lambda store, key, ttl: store.put_file(key, io.BytesIO(b"1"), ttl),
    "put_path": _by_path,
    "open_write": _by_writer,
    "put_many": lambda store, key, ttl: store.put_many({key: b"1"}, ttl),
}
"""Each way of writing ``b"1"`` with a time to live."""

ASKING: dict[str, Asking] = {
    **{name: partial(_under_new, write) for name, write in WRITES.items()},
    "increment": lambda store, ttl_secs: store.increment("key", 1, ttl_secs),
    "touch": lambda store, ttl_secs: store.touch("key", ttl_secs),
    "default": lambda store, ttl_secs: setattr(store, "default_ttl_secs", ttl_secs),
}
"""Each way of asking for a time to live."""


class Expired(NamedTuple):
    """A verb on a value that has expired, and the error that says that it is gone, if one does."""

    capability: str
    verb: Callable[[KeyValueStore, str], object]
    error: type[Exception] | None


OVER_EXPIRED: dict[str, Expired] = {
    "put if_absent": Expired(
        "if_absent", lambda store, _etag: store.put("key", b"new", if_absent=True), None
    ),
    "copy if_absent": Expired(
        "if_absent", lambda store, _etag: store.copy("other", "key", if_absent=True), None
    ),
    "put if_present": Expired(
        "if_present",
        lambda store, _etag: store.put("key", b"new", if_present=True),
        PreconditionFailed,
    ),
    "put if_match": Expired(
        "if_match", lambda store, etag: store.put("key", b"new", if_match=etag), PreconditionFailed
    ),
    "delete if_match": Expired(
        "delete_if_match",
        lambda store, etag: store.delete("key", if_match=etag),
        PreconditionFailed,
    ),
    "copy": Expired("ttl", lambda store, _etag: store.copy("key", "new"), KeyNotFound),
    "move": Expired("ttl", lambda store, _etag: store.move("key", "new"), KeyNotFound),
    "touch": Expired("touch", lambda store, _etag: store.touch("key", 10), KeyNotFound),
}


class TimeToLiveTests(StoreFixtures):
    """With ``capabilities.ttl`` values expire; without it a number is refused."""

    def _is_gone(self, store: KeyValueStore, key: str) -> bool:
        """Whether every verb agrees that the value has expired; ``False`` if it lives."""
        # Listings first: a look at the value may sweep it away.
        if store.capabilities.list:
            listings = [list(store), dict(store.iter_stats()), list(store.iter_prefixes("/"))]
            listed = [key in listing for listing in listings]
            assert listed == [key in store] * 3
        if key in store:
            assert store.get(key) == store.fetch(key).data
            return False
        for verb in READING.values():
            with pytest.raises(KeyNotFound):
                verb(store, key)
        assert store.get_many([key]) == {}
        return True

    def test_what_the_store_says_of_it(self, store: KeyValueStore) -> None:
        """``ttl_support`` is ``capabilities.ttl``, and only with it there is ``touch``."""
        can = store.capabilities
        assert store.ttl_support == can.ttl
        assert can.ttl or not can.touch

    @for_each(ASKING)
    def test_what_is_no_time_to_live(self, store: KeyValueStore, verb: Asking) -> None:
        """0, negative, NaN, infinite, bool, text: a ValueError everywhere, nothing is stored."""
        default = store.default_ttl_secs
        store.put("key", b"1")
        with unchanged(store):
            for ttl_secs in NO_TTL:
                with pytest.raises(ValueError, match="ttl_secs"):
                    verb(store, ttl_secs)
        assert "new" not in store
        assert store.get("key") == b"1"
        assert store.default_ttl_secs == default

    @for_each(WRITES, anew=True)
    def test_constants_ask_for_nothing(
        self, store: KeyValueStore, clock: Clock, write: Write
    ) -> None:
        """None, NOT_SET and FOREVER are taken by every store, and the value stays."""
        for number, ttl_secs in enumerate([None, NOT_SET, FOREVER]):
            write(store, f"key{number}", ttl_secs)
        clock.advance(2 * clock.tick_secs)
        for number in range(3):
            assert store.get(f"key{number}") == b"1"
            assert store.stat(f"key{number}").expires is None

    @for_each(WRITES, anew=True)
    def test_a_value_expires(self, store: KeyValueStore, clock: Clock, write: Write) -> None:
        """It is there until then, and afterwards gone for every verb."""
        with declared(store, "ttl"):
            write(store, "short", clock.tick_secs)
            write(store, "long", clock.tick_secs * 1000)
            assert not self._is_gone(store, "short")
            clock.advance(2 * clock.tick_secs)
            assert self._is_gone(store, "short")
            assert not self._is_gone(store, "long")

    def test_stat_tells_when(self, store: KeyValueStore) -> None:
        """``expires`` is an aware time in UTC, as near as the store's clock is."""
        with declared(store, "ttl"):
            store.put("key", b"value", 3600)
            found = store.stat("key")
            assert found.expires is not None
            assert found.expires.utcoffset() == timedelta(0)
            expected = datetime.now(UTC) + timedelta(hours=1)
            assert abs(found.expires - expected) < timedelta(minutes=5)
            remaining = found.remaining_secs()
            assert remaining is not None
            assert 3300 < remaining < 3900

    @for_each(OVER_EXPIRED, anew=True)
    def test_an_expired_value_is_absent(
        self, store: KeyValueStore, clock: Clock, case: Expired
    ) -> None:
        """Conditions, copies and deletes find nothing in its place, even if they ask first."""
        with declared(store, "ttl"):
            store.put("key", b"old", clock.tick_secs)
            etag = store.stat("key").etag or "none"
            store.put("other", b"other")
            clock.advance(2 * clock.tick_secs)
            with declared(store, case.capability):
                error = raised(case.verb, store, etag)
                if isinstance(error, Unsupported):
                    raise error
                assert (type(error) if error else None) == case.error, error
                assert ("key" in store) == (error is None)

    def test_a_key_is_free_again(self, store: KeyValueStore, clock: Clock) -> None:
        """After the expiry a new value under the key lives for itself."""
        with declared(store, "ttl"):
            store.put("key", b"old", clock.tick_secs)
            clock.advance(2 * clock.tick_secs)
            store.delete("key")
            store.put("key", b"new")
            clock.advance(2 * clock.tick_secs)
            assert store.get("key") == b"new"

    def test_a_new_put_ends_the_old_time(self, store: KeyValueStore, clock: Clock) -> None:
        """The time to live belongs to the value: the next one has its own, or none."""
        with declared(store, "ttl"):
            store.put("plain", b"old", clock.tick_secs)
            store.put("longer", b"old", clock.tick_secs)
            store.put("shorter", b"old")
            store.put("plain", b"new")
            store.put("longer", b"new", clock.tick_secs * 1000)
            store.put("shorter", b"new", clock.tick_secs)
            clock.advance(2 * clock.tick_secs)
            assert store.get("plain") == b"new"
            assert store.stat("plain").expires is None
            assert store.get("longer") == b"new"
            assert self._is_gone(store, "shorter")

    def test_a_very_long_time(self, store: KeyValueStore) -> None:
        """Any finite number is taken; a time beyond all calendars is as good as none."""
        for ttl_secs in [1e9, 1e12, 1e18, 1e300, 10**300]:
            with declared(store, "ttl"):
                self._check_long_time(store, ttl_secs)

    def _check_long_time(self, store: KeyValueStore, ttl_secs: float) -> None:
        store.put("key", b"value", ttl_secs)
        assert store.get("key") == b"value"
        assert store.fetch("key").data == b"value"
        expires = store.stat("key").expires
        assert expires is None or expires > datetime.now(UTC)
        store.copy("key", "copy")
        assert store.get("copy") == b"value"

    def test_a_very_short_time(self, store: KeyValueStore, clock: Clock) -> None:
        """A time below the store's own resolution is no error, and soon over."""
        with declared(store, "ttl"):
            store.put("key", b"value", 0.0001)
            clock.advance(2 * clock.tick_secs)
            assert self._is_gone(store, "key")

    def test_a_default_holds_for_values_without_their_own(
        self, store: KeyValueStore, clock: Clock
    ) -> None:
        """``default_ttl_secs`` is used for None; a number and FOREVER go before it."""
        before = store.default_ttl_secs
        with declared(store, "ttl"):
            store.default_ttl_secs = clock.tick_secs
            assert store.default_ttl_secs == clock.tick_secs
            for verb, write in WRITES.items():
                write(store, f"{verb}-default", None)
                write(store, f"{verb}-forever", FOREVER)
                write(store, f"{verb}-long", clock.tick_secs * 1000)
            store.default_ttl_secs = None
            store.put("afterwards", b"1")
            clock.advance(2 * clock.tick_secs)
            for verb in WRITES:
                assert self._is_gone(store, f"{verb}-default")
                assert store.get(f"{verb}-forever") == b"1"
                assert store.get(f"{verb}-long") == b"1"
            assert store.get("afterwards") == b"1"
        assert store.default_ttl_secs == before

    def test_a_default_of_nothing_is_always_taken(self, store: KeyValueStore) -> None:
        """The constants and None may be set on every store."""
        constants: list[TtlSecs] = [FOREVER, NOT_SET, None]
        for ttl_secs in constants:
            store.default_ttl_secs = ttl_secs
            store.put("key", b"value")
            assert store.stat("key").expires is None

    def test_copies_carry_the_time(self, store: KeyValueStore, clock: Clock) -> None:
        """A copy or a moved value expires when the original would have."""
        with declared(store, "ttl"):
            store.put("one", b"1", clock.tick_secs)
            store.put("two", b"2", clock.tick_secs)
            store.put("forever", b"3")
            store.copy("one", "copy")
            store.move("two", "moved")
            store.put("was-short", b"old", clock.tick_secs)
            store.copy("forever", "was-short")
            assert store.get("copy") == b"1"
            assert store.get("moved") == b"2"
            clock.advance(2 * clock.tick_secs)
            assert self._is_gone(store, "copy")
            assert self._is_gone(store, "moved")
            assert store.get("was-short") == b"3"

    def test_a_default_that_cannot_hold(self, store: KeyValueStore) -> None:
        """A store whose values do not expire refuses a number as default and keeps the old one."""
        before = store.default_ttl_secs
        with declared(store, "ttl"):
            store.default_ttl_secs = 60
            assert store.default_ttl_secs == 60
            store.default_ttl_secs = before
        assert store.default_ttl_secs == before

    def test_values_that_expire_are_counted_out(self, store: KeyValueStore, clock: Clock) -> None:
        """Many values that nobody asks for again are gone from listings together."""
        names = [f"key-{number:05}" for number in range(self.many_keys)]
        with declared(store, "ttl"):
            store.put_many(dict.fromkeys(names, b""), clock.tick_secs)
            store.put("stays", b"")
            clock.advance(2 * clock.tick_secs)
            if store.capabilities.list:
                assert store.keys() == ["stays"]
            assert store.get_many([*names, "stays"]) == {"stays": b""}


class TouchTests(StoreFixtures):
    """``touch`` gives a value a new time to live and changes nothing else."""

    def test_touch_prolongs_and_shortens(self, store: KeyValueStore, clock: Clock) -> None:
        """The new time is counted from now; FOREVER ends it."""
        store.put("shorter", b"1")
        with declared(store, "touch"):
            store.touch("shorter", clock.tick_secs)
            store.put("longer", b"2", clock.tick_secs)
            store.touch("longer", clock.tick_secs * 1000)
            store.put("forever", b"3", clock.tick_secs)
            store.touch("forever", FOREVER)
            assert store.stat("forever").expires is None
            clock.advance(2 * clock.tick_secs)
            assert "shorter" not in store
            assert store.get("longer") == b"2"
            assert store.get("forever") == b"3"

    def test_touch_leaves_the_value(self, store: KeyValueStore, clock: Clock) -> None:
        """Bytes, size and content type stay."""
        store.put("key", b"value", content_type="image/png")
        before = store.stat("key")
        with declared(store, "touch"):
            store.touch("key", clock.tick_secs * 1000)
            after = store.stat("key")
            assert store.get("key") == b"value"
            assert after.size == before.size
            assert after.content_type == before.content_type
            assert after.expires is not None

    def test_touch_of_a_missing_value(self, store: KeyValueStore) -> None:
        """KeyNotFound, and nothing is made."""
        with declared(store, "touch"):
            times: list[TtlSecs] = [10, FOREVER, None]
            for ttl_secs in times:
                with pytest.raises(KeyNotFound) as caught:
                    store.touch("key", ttl_secs)
                assert caught.value.key == "key"
        assert "key" not in store

    def test_touch_with_none_means_the_default(self, store: KeyValueStore, clock: Clock) -> None:
        """As in a put: the store's default, or no expiry without one."""
        store.put("key", b"value")
        with declared(store, "touch"):
            store.touch("key", clock.tick_secs)
            store.touch("key", None)
            assert store.stat("key").expires is None
            store.default_ttl_secs = clock.tick_secs
            store.touch("key", None)
            clock.advance(2 * clock.tick_secs)
            assert "key" not in store
