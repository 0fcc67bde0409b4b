"""The suite on `DictStore`, with keys of both spaces."""

import pytest

from kvcore import DictStore
from kvcore.testing import Clock, StoreContract


class MemoryContract(StoreContract):
    keys = "strict"

    @pytest.fixture
    def store(self, clock: Clock) -> DictStore:
        """An empty store."""
        return DictStore(clock=clock, keys=self.keys)

    def reopen(self, store: DictStore) -> DictStore:
        """A view: another process cannot open a dict."""
        return store.with_keys(store.keyspace)

    def plant(self, store: DictStore, name: str, data: bytes) -> None:
        """Put into the dict what the store would refuse."""
        store.d[name] = data


class TestStrictMemory(MemoryContract):
    pass


class TestPathMemory(MemoryContract):
    keys = "path"
