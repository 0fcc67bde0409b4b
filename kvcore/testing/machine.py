"""`StoreMachine`: Hypothesis tries sequences of verbs against a store and a dict, step by step."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple

import hypothesis
import hypothesis.strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
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
from kvcore.testing.files import DribblingFile
from kvcore.ttl import FOREVER, NOT_SET, TtlSecs

_NAMES = ["a", "ab", "b", "A", "a.b", "a-b", "a_b", "dir/a", "dir/b", "dir/sub/a", "é", "e\u0301"]
_KEYS = st.sampled_from(_NAMES) | st.text("ab/.-_%é 😀\n", min_size=1, max_size=5)
_PREFIXES = st.sampled_from(["", "a", "di", "dir", "dir/", "dir/s", "é", "_", "%", "../"]) | _KEYS
_DATA = st.binary(max_size=20) | st.sampled_from([b"7", b"-7", b"x" * 65536, bytes(70_001)])
_CONDITIONS = st.sampled_from([None, None, None, "if_absent", "if_present", "if_match", "stale"])
# Numbers of seconds and steps of the clock whose sums never meet: nothing expires "just now".
_TTLS: st.SearchStrategy[TtlSecs] = st.sampled_from([None, None, NOT_SET, FOREVER, 10, 100, 1000])
_STEPS_SECS = st.sampled_from([7.3, 53.7, 501.1])
_WAYS = st.sampled_from(["put", "file", "crumbs", "chunks", "writer", "many"])
_CONTENT_TYPES = st.sampled_from([None, None, "image/png"])


class _Value(NamedTuple):
    """What the model knows of a value."""

    data: bytes
    expires: float | None  # on the machine's clock
    content_type: str | None
    etag: str | None


class SourceBroke(Exception):
    """What a source of the machine raises half way."""


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
        self.values: dict[str, _Value] = {}
        self.etags: dict[str, dict[str | None, bytes]] = {}
        self.readers: list[tuple[Reader, Stat, bytes]] = []

    def teardown(self) -> None:
        """Every reader still reads what it opened; then close all."""
        while self.readers:
            self.read_on(0, 100_000)
        self.store.close()

    # The model

    def _live(self, key: str) -> _Value | None:
        value = self.values.get(key)
        if value is not None and value.expires is not None and value.expires <= self.clock():
            del self.values[key]
            return None
        return value

    def _expiry(self, ttl_secs: TtlSecs) -> float | None:
        if ttl_secs is None:
            ttl_secs = self.store.default_ttl_secs
        return None if ttl_secs is None or isinstance(ttl_secs, str) else self.clock() + ttl_secs

    def _is_legal(self, key: str) -> bool:
        """Whether the store takes the key; if not, see that it is refused."""
        if key in self.store.keyspace:
            return True
        assert self._error(lambda: self.store.get(key), InvalidKey) is not None
        return False

    def _is_barred(self, key: str) -> bool:
        """Whether a folder may refuse the key, because it holds a longer or shorter one."""
        live = [other for other in list(self.values) if self._live(other)]
        return any(o.startswith(f"{key}/") or key.startswith(f"{o}/") for o in live)

    def _error(
        self, call: Callable[[], object], *expected: type[KvcoreError]
    ) -> KvcoreError | None:
        """The error of a call, which may be one of the expected ones."""
        try:
            call()
        except expected as error:
            return error
        return None

    def _note(self, key: str, data: bytes, expires: float | None, content_type: str | None) -> None:
        """Remember what was stored, and look at its etag."""
        found = self.store.stat(key)
        seen = self.etags.setdefault(key, {})
        if found.etag is not None:
            assert seen.setdefault(found.etag, data) == data, "one etag for two values"
        kept = content_type if self.store.capabilities.content_type else None
        self.values[key] = _Value(data, expires, kept, found.etag)

    def _condition(self, key: str, kind: str | None) -> tuple[dict[str, Any], bool]:
        """The option to ask with, and whether it holds."""
        value = self._live(key)
        if kind is None:
            return {}, True
        if kind == "if_absent":
            return {kind: True}, value is None
        if kind == "if_present":
            return {kind: True}, value is not None
        etags = [etag for etag in self.etags.get(key, ()) if etag] or ["no-such-etag"]
        current = None if value is None else value.etag
        etag = current if kind == "if_match" and current is not None else etags[0]
        return {"if_match": etag}, value is not None and etag == current

    # Writing

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
        if not self._is_legal(key):
            return
        can = self.store.capabilities
        condition, holds = self._condition(key, kind)
        options = {**condition, "content_type": content_type, "ttl_secs": ttl_secs}
        if way == "many":
            condition, holds, content_type = {}, True, None
        barred = self._is_barred(key)
        error = self._error(lambda: self._write(key, data, way, options), KvcoreError)
        timed = isinstance(ttl_secs, int)
        if (timed and not can.ttl) or not all(getattr(can, name) for name in condition):
            assert isinstance(error, Unsupported), error
        elif not holds:
            assert isinstance(error, PreconditionFailed), error
            assert isinstance(error, KeyExists) == (kind == "if_absent")
            value = self._live(key)
            assert error.current is None or (value and error.current.data == value.data)
        elif error is None:
            self._note(key, data, self._expiry(ttl_secs), content_type)
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
        if not self._is_legal(key):
            return
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
        if not self._is_legal(key):
            return
        condition, holds = self._condition(key, kind)
        error = self._error(lambda: self.store.delete(key, **condition), KvcoreError)
        if condition and not self.store.capabilities.delete_if_match:
            assert isinstance(error, Unsupported), error
        elif not holds:
            assert isinstance(error, PreconditionFailed), error
        else:
            assert error is None, error
            self.values.pop(key, None)

    @rule(keys=st.lists(_KEYS, max_size=4))
    def delete_many(self, keys: list[str]) -> None:
        """Many at once."""
        legal = [key for key in keys if self._is_legal(key)]
        self.store.delete_many(legal)
        for key in legal:
            self.values.pop(key, None)

    @rule(source=_KEYS, dest=_KEYS, if_absent=st.booleans(), moving=st.booleans())
    def copy_or_move(self, source: str, dest: str, if_absent: bool, moving: bool) -> None:
        """A copy or a move; time to live and content type go along."""
        if not (self._is_legal(source) and self._is_legal(dest)):
            return
        value, barred = self._live(source), self._is_barred(dest)
        verb = self.store.move if moving else self.store.copy
        error = self._error(lambda: verb(source, dest, if_absent=if_absent), KvcoreError)
        if if_absent and not self.store.capabilities.if_absent:
            assert isinstance(error, Unsupported), error
        elif value is None:
            # With a taken destination either answer is right.
            refused = if_absent and self._live(dest) is not None
            assert isinstance(error, (KeyNotFound, KeyExists) if refused else KeyNotFound), error
        elif if_absent and self._live(dest) is not None:
            assert isinstance(error, KeyExists), error
        elif error is not None:
            assert barred, error
            assert isinstance(error, KeyExists), error
        elif source != dest:
            self._note(dest, value.data, value.expires, value.content_type)
            if moving:
                del self.values[source]

    @rule(key=_KEYS, ttl_secs=_TTLS)
    def touch(self, key: str, ttl_secs: TtlSecs) -> None:
        """A new time to live."""
        if not self._is_legal(key):
            return
        value = self._live(key)
        error = self._error(lambda: self.store.touch(key, ttl_secs), KvcoreError)
        if not self.store.capabilities.touch:
            assert isinstance(error, Unsupported), error
        elif value is None:
            assert isinstance(error, KeyNotFound), error
        else:
            assert error is None, error
            self._note(key, value.data, self._expiry(ttl_secs), value.content_type)

    @rule(key=_KEYS, by=st.integers(-10, 10) | st.just(2**62), ttl_secs=_TTLS)
    def increment(self, key: str, by: int, ttl_secs: TtlSecs) -> None:
        """Counting, also what is no counter."""
        if not self._is_legal(key):
            return
        can, value, barred = self.store.capabilities, self._live(key), self._is_barred(key)
        error = self._error(lambda: self.store.increment(key, by, ttl_secs), KvcoreError)
        timed = isinstance(ttl_secs, int)
        if not (self.increments and can.if_absent and can.if_match) or (timed and not can.ttl):
            assert isinstance(error, Unsupported), error
        elif value is None and error is None:
            self._note(key, b"%d" % by, self._expiry(ttl_secs), None)
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
        error = self._error(lambda: setattr(self.store, "default_ttl_secs", ttl_secs), Unsupported)
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
        if not self._is_legal(key):
            return
        value = self._live(key)
        assert (key in self.store) == (value is not None)
        if value is None:
            for verb in (self.store.get, self.store.fetch, self.store.stat, self.store.open):
                assert self._error(lambda verb=verb: verb(key), KeyNotFound), verb  # type: ignore[misc]
            return
        end = None if length is None else start + length
        assert self.store.get_range(key, start, length) == value.data[start:end]
        data, found = self.store.fetch(key)
        assert data == value.data
        assert found.size == len(data)
        assert found.etag == value.etag
        assert found.content_type == value.content_type
        assert (found.expires is None) == (value.expires is None)
        file = io.BytesIO()
        self.store.get_file(key, file)
        assert file.getvalue() == data

    @rule(key=_KEYS)
    def open_reader(self, key: str) -> None:
        """A reader that is kept while others change the value."""
        if self._is_legal(key) and (value := self._live(key)) and len(self.readers) < 5:
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

    @rule(prefix=_PREFIXES, delimiter=st.sampled_from(["/", "a", "-", "é", "r/"]))
    def list_some(self, prefix: str, delimiter: str) -> None:
        """Listings with a prefix, cut by a delimiter, with their stats."""
        if not self.store.capabilities.list:
            assert self._error(lambda: self.store.keys(prefix), Unsupported)
            return
        keys = sorted(key for key in list(self.values) if key.startswith(prefix))
        keys = [key for key in keys if self._live(key)]
        assert sorted(self.store.keys(prefix)) == keys
        names = set()
        for key in keys:
            head, cut, _ = key[len(prefix) :].partition(delimiter)
            names.add(prefix + head + cut)
        assert sorted(self.store.iter_prefixes(delimiter, prefix)) == sorted(names)
        sizes = {key: len(self.values[key].data) for key in keys}
        assert {key: found.size for key, found in self.store.iter_stats(prefix)} == sizes

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        """Nothing is lost, nothing comes back, nothing is changed by a step at another key."""
        live = {key: value.data for key in [*self.values] if (value := self._live(key))}
        assert self.store.get_many([*live, "never"]) == live
        if self.store.capabilities.list:
            assert sorted(self.store.keys()) == sorted(live)
