"""What the runs of the suite share: a `DictStore` below, and something around it."""

from typing import Any

import pytest

from kvcore import DictStore, KeyValueStore
from kvcore.testing import Clock, StoreContract

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


def innermost(store: Any) -> Any:
    """The store below all decorators."""
    while (inner := getattr(store, "_inner", None)) is not None:
        store = inner
    return store
