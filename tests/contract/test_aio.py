"""The suite on awaited verbs: in worker threads and inline, over memory and files."""

from collections.abc import Iterator

import pytest

from kvcore import (
    AsyncStore,
    DictStore,
    FilesystemStore,
    InlineStore,
    KeyValueStore,
    run_inline,
)
from kvcore.testing import BlockingStore, Clock, StoreContract


class OverMemory(StoreContract):
    @pytest.fixture
    def inner(self, clock: Clock) -> DictStore:
        return DictStore(clock=clock)

    def plant(self, store: BlockingStore, name: str, data: bytes) -> None:
        store._async._store.d[name] = data


class OverFiles(StoreContract):
    @pytest.fixture
    def inner(self, tmp_path_factory: pytest.TempPathFactory) -> FilesystemStore:
        root = tmp_path_factory.mktemp("root")  # the tests look into their tmp_path
        return FilesystemStore(root, durability="atomic", keys="path")

    def reopen(self, store: BlockingStore) -> BlockingStore:
        inner = store._async._store
        again = FilesystemStore(inner.root, durability="atomic", keys="path")
        return BlockingStore(type(store._async)(again), store._runner)


class InThreads(StoreContract):
    @pytest.fixture
    def store(self, inner: KeyValueStore) -> Iterator[BlockingStore]:
        """An empty store, awaited in an event loop."""
        with BlockingStore(AsyncStore(inner)) as store:
            yield store


class Inline(StoreContract):
    @pytest.fixture
    def store(self, inner: KeyValueStore) -> BlockingStore:
        """An empty store, awaited without an event loop."""
        return BlockingStore(InlineStore(inner), run_inline)


class TestAsyncMemory(InThreads, OverMemory):
    pass


class TestAsyncFiles(InThreads, OverFiles):
    pass


class TestInlineMemory(Inline, OverMemory):
    pass


class TestInlineFiles(Inline, OverFiles):
    pass
