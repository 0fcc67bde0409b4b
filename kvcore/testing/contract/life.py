"""What a store says of itself, how it ends, how it travels, and what its errors tell."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar, cast

import pytest

from kvcore.contract import Capabilities, KeyValueStore
from kvcore.errors import InvalidKey, KeyNotFound, KvcoreError
from kvcore.keys import KeySpace
from kvcore.testing.contract.fixtures import StoreFixtures, for_each, raised

_T = TypeVar("_T")


def sent(thing: _T) -> _T:
    """``thing`` as another process gets it from ``multiprocessing``."""
    return cast("_T", ForkingPickler.loads(ForkingPickler.dumps(thing)))


class LifeTests(StoreFixtures):
    """A store describes itself, shows no secret, closes, opens again and travels."""

    def test_it_is_a_store(self, store: KeyValueStore) -> None:
        """Users and decorators test for `KeyValueStore`, and read these two values."""
        assert isinstance(store, KeyValueStore)
        assert isinstance(store.capabilities, Capabilities)
        assert isinstance(store.keyspace, KeySpace)
        for name, value in store.capabilities._asdict().items():
            assert isinstance(value, frozenset if name.startswith("url_") else bool), name

    def test_capabilities_stay(self, store: KeyValueStore) -> None:
        """What a store can do does not depend on what was done with it."""
        before = store.capabilities
        store.put("key", b"value")
        assert store.capabilities == before
        store.get("key")
        store.delete("key")
        assert store.capabilities == before
        assert hash(store.capabilities) == hash(before)

    def test_no_secret_is_shown(self, store: KeyValueStore) -> None:
        """Neither the store nor an error of it tells what it was built with."""
        shown = [repr(store), str(store), f"{store}"]
        for call in (store.get, store.stat, store.url_for, store.local_path):
            error = raised(call, "missing")
            if error is not None:
                shown += [str(error), repr(error)]
                shown += [str(getattr(error, "store", "")), str(error.__cause__)]
        assert type(store).__name__ in shown[0]
        for secret in self.secrets:
            assert [text for text in shown if secret in text] == []

    def test_a_view_with_a_deadline_is_the_same_store(self, store: KeyValueStore) -> None:
        """``with_deadline`` shows the same values, in the same way, and closes with the store."""
        view = store.with_deadline(4)
        view.put("key", b"value")
        assert store.get("key") == b"value"
        assert (type(view), view.keyspace) == (type(store), store.keyspace)
        assert view.capabilities == store.capabilities
        store.close()
        assert view.get("key") == b"value"

    def test_closing_twice(self, store: KeyValueStore) -> None:
        """``close`` lets go of what was opened; a second time there is nothing to do."""
        store.put("key", b"value")
        store.close()
        store.close()

    def test_a_block_closes(self, store: KeyValueStore) -> None:
        """``with`` gives the store itself, and closes it also after an error."""
        with store as same:
            assert same is store
            store.put("key", b"value")
        with pytest.raises(KeyNotFound), store:
            store.get("missing")

    def test_a_closed_store_can_be_used_again(self, store: KeyValueStore) -> None:
        """It opens what it needs anew, and has its values."""
        store.put("key", b"value")
        store.close()
        assert store.get("key") == b"value"
        store.put("other", b"value")
        if store.capabilities.list:
            assert sorted(store.keys()) == ["key", "other"]

    def test_it_travels(self, store: KeyValueStore) -> None:
        """A store that is sent to another process has the same values, keys and abilities there."""
        store.put("key", b"value")
        if not self.pickles:
            error = raised(sent, store)
            assert isinstance(error, TypeError | AttributeError | ValueError), error
            return
        copy = sent(store)
        assert type(copy) is type(store)
        assert copy.capabilities == store.capabilities
        assert copy.keyspace == store.keyspace
        assert copy.default_ttl_secs == store.default_ttl_secs
        assert repr(copy) == repr(store)
        assert copy.get("key") == b"value"
        copy.put("key", b"there")
        assert copy.get("key") == b"there"
        with pytest.raises(InvalidKey):
            copy.get("")
        copy.close()


FAILING: dict[str, Callable[[KeyValueStore], object]] = {
    "missing": lambda store: store.get("missing"),
    "invalid": lambda store: store.get(".kvcore-invalid\0" if "a\0" not in store.keyspace else ""),
    "value": lambda store: store.put("key", cast("Any", "text")),
    "copy": lambda store: store.copy("missing", "key"),
}


class ErrorTests(StoreFixtures):
    """Every error is ours, tells key and store, and travels."""

    @for_each(FAILING)
    def test_an_error_tells_and_travels(
        self, store: KeyValueStore, failing: Callable[[KeyValueStore], object]
    ) -> None:
        """It has a message, the key, and after pickling the same type, text and attributes."""
        error = raised(failing, store)
        assert isinstance(error, KvcoreError)
        assert error.key is not None
        assert repr(error.key) in str(error)
        copy = sent(error)
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert (copy.key, copy.store) == (error.key, error.store)

    def test_a_refusal_travels_with_the_value_found(self, store: KeyValueStore) -> None:
        """PreconditionFailed keeps ``current`` on its way to another process."""
        store.put("key", b"value")
        error = raised(store.put, "key", b"new", if_absent=True)
        assert isinstance(error, KvcoreError)
        copy = sent(error)
        assert type(copy) is type(error)
        assert getattr(copy, "current", None) == getattr(error, "current", None)
        assert store.get("key") == b"value"
