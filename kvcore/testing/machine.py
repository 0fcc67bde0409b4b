"""`StoreMachine`: Hypothesis tries sequences of verbs against a store and a dict, step by step."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from kvcore.contract import KeyValueStore, Reader, Stat
from kvcore.errors import (
    InvalidKey,
    KeyExists,
    KeyNotFound,
    KvcoreError,
    PreconditionFailed,
    StoreError,
    Unsupported,
)
from kvcore.testing.clock import Clock
from kvcore.testing.contract.listing import cut
from kvcore.testing.contract.put_file import SourceBroke
from kvcore.testing.files import DribblingFile
from kvcore.testing.model import Model, check_stat, error_of
from kvcore.ttl import FOREVER, NOT_SET, TtlSecs

# Few, so that steps meet; where "/" is legal "-" becomes one.
_NAMES = ["a", "A", "ab", "dir-a", "dir-b"]
_KEYS = st.sampled_from(_NAMES)
_ODD_KEYS = st.text("aA/.-_%*é\u0301 😀\n\0", min_size=1, max_size=5)
_PREFIXES = st.sampled_from(["", "a", "di", "dir-", "dir/", "dir/a", "_", "%", "../"]) | _ODD_KEYS
_DATA = st.sampled_from([b"", b"7", b"-7", b"x" * 65536, bytes(70_001)]) | st.binary(max_size=20)
_CONDITIONS = st.sampled_from([None, None, None, "if_absent", "if_present", "if_match", "stale"])
# Numbers of seconds and steps of the clock whose sums never meet: nothing expires "just now".
_TTLS: st.SearchStrategy[TtlSecs] = st.sampled_from([None, None, NOT_SET, FOREVER, 10, 100, 1000])
_STEPS_SECS = st.sampled_from([7.3, 53.7, 501.1])
_WAYS = st.sampled_from(["put", "file", "crumbs", "chunks", "writer", "many"])
_CONTENT_TYPES = st.sampled_from([None, None, "image/png"])


class StoreMachine(RuleBasedStateMachine):
    """Random sequences of verbs; after every step the store holds what the model holds.

    Two lines make a test of it::

        def test_against_a_dict() -> None:
            StoreMachine.check(lambda clock: MyStore(clock=clock))

    ``make_store`` gives an empty store for each sequence; one whose values expire is timed by
    ``clock``. Subclass to say more; ``settings`` are Hypothesis's own.
    """

    increments: bool = True
    """As in `StoreContract`."""

    @classmethod
    def check(
        cls,
        make_store: Callable[[Clock], KeyValueStore],
        *,
        settings: hypothesis.settings | None = None,
    ) -> None:
        """Try sequences on stores from ``make_store``; raises what the first failing one raises."""
        machine = type(cls.__name__, (cls,), {"make_store": staticmethod(make_store)})
        run_state_machine_as_test(machine, settings=settings)

    def make_store(self, clock: Clock) -> KeyValueStore:
        """An empty store, timed by ``clock`` if its values expire."""
        raise NotImplementedError("a subclass of StoreMachine makes its store")

    def reopen(self, store: KeyValueStore) -> KeyValueStore:
        """Another handle on the same data."""
        return store

    def __init__(self) -> None:
        super().__init__()
        self.clock: Clock = Clock()
        self.store: KeyValueStore = self.make_store(self.clock)
        self.model: Model = Model(self.clock)
        self.readers: list[tuple[Reader, Stat, bytes]] = []

    def teardown(self) -> None:
        """Every reader still reads what it opened; then close all."""
        while self.readers:
            self.read_on(0, 100_000)
        self.store.close()

    def _named(self, key: str) -> str:
        return key.replace("-", "/") if "a/b" in self.store.keyspace else key

    def _note(self, key: str, data: bytes, expires: float | None, content_type: str | None) -> None:
        self.model.note(self.store, key, data, expires, content_type)

    # Writing

    @initialize(data=_DATA, ttl_secs=_TTLS)
    def begin(self, data: bytes, ttl_secs: TtlSecs) -> None:
        """Something is there from the start."""
        self.put("a", data, "put", None, None, "image/png")
        self.put("dir-a", data, "file", None, ttl_secs, None)

    @rule(key=_ODD_KEYS, data=_DATA)
    def put_odd_key(self, key: str, data: bytes) -> None:
        """Any text is a key like the others, or refused by all verbs."""
        barred = self.model.is_barred(key)
        error = error_of(lambda: self.store.put(key, data), KvcoreError)
        if key not in self.store.keyspace:
            assert isinstance(error, InvalidKey), error
            assert error_of(lambda: self.store.get(key), InvalidKey)
        elif error is None:
            self._note(key, data, self.model.expiry(self.store, None), None)
            assert self.store.get(key) == data
        else:
            assert barred, error
            assert isinstance(error, KeyExists), error

    @rule(
        key=_KEYS,
        data=_DATA,
        way=_WAYS,
        kind=_CONDITIONS,
        ttl_secs=_TTLS,
        content_type=_CONTENT_TYPES,
    )
    def put(
        self,
        key: str,
        data: bytes,
        way: str,
        kind: str | None,
        ttl_secs: TtlSecs,
        content_type: str | None,
    ) -> None:
        """A put by any verb, with any option."""
        key = self._named(key)
        can = self.store.capabilities
        condition, holds = self.model.condition(key, kind)
        options = {**condition, "content_type": content_type, "ttl_secs": ttl_secs}
        if way == "many":
            condition, holds, content_type = {}, True, None
        barred = self.model.is_barred(key)
        error = error_of(lambda: self._write(key, data, way, options), KvcoreError)
        timed = isinstance(ttl_secs, int)
        if (timed and not can.ttl) or not all(getattr(can, name) for name in condition):
            assert isinstance(error, Unsupported), error
        elif not holds:
            assert isinstance(error, PreconditionFailed), error
            assert isinstance(error, KeyExists) == (kind == "if_absent")
            value = self.model.get(key)
            assert error.current is None or (value and error.current.data == value.data)
        elif error is None:
            self._note(key, data, self.model.expiry(self.store, ttl_secs), content_type)
        else:
            error = next(iter(getattr(error, "errors", {}).values()), error)
            assert barred, error
            assert isinstance(error, KeyExists), error

    def _write(self, key: str, data: bytes, way: str, options: dict[str, Any]) -> None:
        match way:
            case "put":
                self.store.put(key, bytearray(data), **options)
            case "file":
                self.store.put_file(key, io.BytesIO(data), **options)
            case "crumbs":
                self.store.put_file(key, DribblingFile(data, 30_000, seed=len(data)), **options)
            case "chunks":
                self.store.put_file(key, iter([b"", data[:3], b"", data[3:]]), **options)
            case "writer":
                with self.store.open_write(key, **options) as writer:
                    writer.write(data[:5])
                    writer.write(data[5:])
            case "many":
                self.store.put_many({key: data}, options["ttl_secs"])

    @rule(key=_KEYS, data=_DATA, by_writer=st.booleans())
    def put_half(self, key: str, data: bytes, by_writer: bool) -> None:
        """A source that breaks off changes nothing."""
        key = self._named(key)
        try:
            if by_writer:
                with self.store.open_write(key) as writer:
                    writer.write(data)
                    raise SourceBroke
            self.store.put_file(key, DribblingFile(data, 5, error=SourceBroke()))
        except SourceBroke:
            return
        raise AssertionError("the exception of the source was swallowed")

    @rule(key=_KEYS, kind=st.sampled_from([None, "if_match", "stale"]))
    def delete(self, key: str, kind: str | None) -> None:
        """A delete of whatever is there, or of one version."""
        key = self._named(key)
        condition, holds = self.model.condition(key, kind)
        error = error_of(lambda: self.store.delete(key, **condition), KvcoreError)
        if condition and not self.store.capabilities.delete_if_match:
            assert isinstance(error, Unsupported), error
        elif not holds:
            assert isinstance(error, PreconditionFailed), error
        else:
            assert error is None, error
            self.model.remove(key)

    @rule(keys=st.lists(_KEYS, max_size=4))
    def delete_many(self, keys: list[str]) -> None:
        """Many at once."""
        names = [self._named(key) for key in keys]
        self.store.delete_many(names)
        for key in names:
            self.model.remove(key)

    @rule(source=_KEYS, dest=_KEYS, if_absent=st.booleans(), moving=st.booleans())
    def copy_or_move(self, source: str, dest: str, if_absent: bool, moving: bool) -> None:
        """A copy or a move; time to live and content type go along."""
        source, dest = self._named(source), self._named(dest)
        value, barred = self.model.get(source), self.model.is_barred(dest)
        verb = self.store.move if moving else self.store.copy
        error = error_of(lambda: verb(source, dest, if_absent=if_absent), KvcoreError)
        if if_absent and not self.store.capabilities.if_absent:
            assert isinstance(error, Unsupported), error
        elif value is None:
            # With a taken destination either answer is right.
            refused = if_absent and self.model.get(dest) is not None
            assert isinstance(error, (KeyNotFound, KeyExists) if refused else KeyNotFound), error
        elif if_absent and self.model.get(dest) is not None:
            assert isinstance(error, KeyExists), error
        elif error is not None:
            assert barred, error
            assert isinstance(error, KeyExists), error
        elif source != dest:
            self._note(dest, value.data, value.expires, value.content_type)
            if moving:
                self.model.remove(source)

    @rule(key=_KEYS, ttl_secs=_TTLS)
    def touch(self, key: str, ttl_secs: TtlSecs) -> None:
        """A new time to live."""
        key = self._named(key)
        value = self.model.get(key)
        error = error_of(lambda: self.store.touch(key, ttl_secs), KvcoreError)
        if not self.store.capabilities.touch:
            assert isinstance(error, Unsupported), error
        elif value is None:
            assert isinstance(error, KeyNotFound), error
        else:
            assert error is None, error
            self._note(key, value.data, self.model.expiry(self.store, ttl_secs), value.content_type)

    @rule(key=_KEYS, by=st.integers(-10, 10) | st.just(2**62), ttl_secs=_TTLS)
    def increment(self, key: str, by: int, ttl_secs: TtlSecs) -> None:
        """Counting, also what is no counter."""
        key = self._named(key)
        can, value, barred = self.store.capabilities, self.model.get(key), self.model.is_barred(key)
        error = error_of(lambda: self.store.increment(key, by, ttl_secs), KvcoreError)
        timed = isinstance(ttl_secs, int)
        if not (self.increments and can.if_absent and can.if_match) or (timed and not can.ttl):
            assert isinstance(error, Unsupported), error
        elif value is None and error is None:
            self._note(key, b"%d" % by, self.model.expiry(self.store, ttl_secs), None)
        elif value is None:
            assert barred, error
            assert isinstance(error, KeyExists), error
        elif error is None:
            before = int(value.data)
            assert value.data == b"%d" % before
            data = b"%d" % (before + by)
            self._note(key, data, value.expires, self.store.stat(key).content_type)
        else:
            assert isinstance(error, StoreError), error
            assert not self._counts(value.data, by), error

    @staticmethod
    def _counts(data: bytes, by: int) -> bool:
        try:
            value = int(data)
        except ValueError:
            return False
        return data == b"%d" % value and -(2**63) <= value + by < 2**63

    @rule(ttl_secs=_TTLS)
    def set_default(self, ttl_secs: TtlSecs) -> None:
        """Another default time to live."""
        error = error_of(lambda: setattr(self.store, "default_ttl_secs", ttl_secs), Unsupported)
        timed = isinstance(ttl_secs, int)
        assert (error is not None) == (timed and not self.store.capabilities.ttl)

    @rule(secs=_STEPS_SECS)
    def wait(self, secs: float) -> None:
        """Time passes."""
        self.clock.advance(secs)

    @rule()
    def open_anew(self) -> None:
        """Another handle goes on where this one stopped."""
        default = self.store.default_ttl_secs
        self.store.close()
        self.store = self.reopen(self.store)
        self.store.default_ttl_secs = default

    # Reading

    @rule(key=_KEYS, start=st.integers(0, 30), length=st.none() | st.integers(0, 30))
    def read(self, key: str, start: int, length: int | None) -> None:
        """All verbs that read a value agree with the model."""
        key = self._named(key)
        value = self.model.get(key)
        assert (key in self.store) == (value is not None)
        if value is None:
            for verb in (self.store.get, self.store.fetch, self.store.stat, self.store.open):
                assert error_of(lambda verb=verb: verb(key), KeyNotFound), verb  # type: ignore[misc]
            return
        for first, size in [(start, length), (0, 1), (1, 3)]:
            end = None if size is None else first + size
            assert self.store.get_range(key, first, size) == value.data[first:end]
        data, found = self.store.fetch(key)
        assert data == value.data
        check_stat(found, value)
        file = io.BytesIO()
        self.store.get_file(key, file)
        assert file.getvalue() == data

    @rule(key=_KEYS)
    def open_reader(self, key: str) -> None:
        """A reader that is kept while others change the value."""
        key = self._named(key)
        if (value := self.model.get(key)) and len(self.readers) < 5:
            reader = self.store.open(key)
            self.readers.append((reader, reader.stat, value.data))

    @rule(number=st.integers(0, 4), size=st.integers(1, 20))
    def read_on(self, number: int, size: int) -> None:
        """A kept reader gives its version, whatever became of the value; at its end it closes."""
        if number >= len(self.readers):
            return
        reader, found, data = self.readers[number]
        position = reader.tell()
        block = reader.read(size)
        assert block == data[position : position + size]
        assert reader.stat == found
        if reader.tell() == len(data):
            reader.close()
            del self.readers[number]

    @rule(prefix=_PREFIXES)
    def list_some(self, prefix: str) -> None:
        """Listings with a prefix, cut by delimiters, with their stats."""
        if not self.store.capabilities.list:
            assert error_of(lambda: self.store.keys(prefix), Unsupported)
            return
        live = self.model.live(prefix)
        assert sorted(self.store.keys(prefix)) == list(live)
        for delimiter in ["/", "-", "i", "ab"]:
            found = sorted(self.store.iter_prefixes(delimiter, prefix))
            assert found == cut(live, delimiter, prefix)
        sizes = {key: len(value.data) for key, value in live.items()}
        assert {key: found.size for key, found in self.store.iter_stats(prefix)} == sizes

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        """Nothing is lost, nothing comes back, nothing is changed by a step at another key."""
        live = {key: value.data for key, value in self.model.live().items()}
        assert self.store.get_many([*live, "never"]) == live
        for name in _NAMES:
            assert (self._named(name) in self.store) == (self._named(name) in live)
        if self.store.capabilities.list:
            assert sorted(self.store.keys()) == list(live)
