"""What the runs of the suite share: a `DictStore` below, and something around it."""

from typing import Any

import pytest

from kvcore import FOREVER, NOT_SET, DictStore, KeyExists, KeyNotFound, KeyValueStore
from kvcore.testing import BlockingStore, Clock, StoreContract

SECRET = "a secret of 32 bytes, or of more."


class AroundMemory(StoreContract):
    """Subclasses say what stands around the store in memory, and what keys that takes."""

    keys = "strict"
    secrets = (SECRET,)

    @pytest.fixture
    def store(self, clock: Clock) -> KeyValueStore:
        """An empty stack."""
        return self.around(DictStore(keys=self.keys, clock=clock))

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        """The stack."""
        return inner

    def reopen(self, store: KeyValueStore) -> KeyValueStore:
        """A second stack around a view of the same dict: another process cannot open it."""
        inner = innermost(store)
        return self.around(inner.with_keys(inner.keyspace))

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        """Put into the dict what the store would refuse."""
        innermost(store).d[name] = data


class Stack(AroundMemory):
    """What holds besides for everything that stands around a store."""

    def test_a_default_set_outside_changes_nothing_inside(self, store: KeyValueStore) -> None:
        """Another view of the inner store would lose values by it."""
        inner = innermost(store)
        store.default_ttl_secs = 60
        assert store.default_ttl_secs == 60
        assert inner.default_ttl_secs == NOT_SET
        store.put("key", b"value")
        assert store.stat("key").expires is not None
        inner.put("straight", b"value")
        assert inner.stat("straight").expires is None

    def test_a_default_set_inside_holds_outside(self, store: KeyValueStore) -> None:
        """As long as nothing else is set there."""
        innermost(store).default_ttl_secs = 60
        assert store.default_ttl_secs == 60
        store.put("key", b"value")
        assert store.stat("key").expires is not None
        store.default_ttl_secs = FOREVER
        store.put("key", b"value")
        assert store.stat("key").expires is None

    def test_errors_speak_of_the_whole_stack(self, store: KeyValueStore) -> None:
        """The caller knows neither the inner key nor the inner store."""
        store.put("key", b"value")
        for call in (
            lambda: store.get("missing"),
            lambda: store.open("missing"),
            lambda: store.copy("missing", "key"),
            lambda: store.touch("missing", 60),
        ):
            with pytest.raises(KeyNotFound) as missing:
                call()
            assert (missing.value.key, missing.value.store) == ("missing", repr(store))
        with pytest.raises(KeyExists) as taken, store.open_write("key", if_absent=True) as writer:
            writer.write(b"new")
        assert (taken.value.key, taken.value.store) == ("key", repr(store))

    def test_nothing_inside_shows(self, store: KeyValueStore) -> None:
        """Attributes of the inner store are not those of the stack."""
        with pytest.raises(AttributeError):
            store.d  # noqa: B018


def innermost(store: Any) -> Any:
    """The store below all decorators."""
    if isinstance(store, BlockingStore):
        store = store._async._store
    while (inner := getattr(store, "_inner", None)) is not None:
        store = inner
    return store
