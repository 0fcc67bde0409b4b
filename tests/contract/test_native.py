"""The suite on stores that are awaited without threads: alone, decorated, and decorated deeply."""

from collections.abc import Iterator

import pytest

from kvcore import (
    HashDecorator,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    RandomIdDecorator,
    ReadOnlyDecorator,
    URLEncodeKeysDecorator,
    async_store,
)
from kvcore.aio.native import NativeStore
from kvcore.testing import BlockingStore, Clock
from tests.aio.remote import RemoteStore
from tests.contract.stacks import SECRET, AroundMemory, Stack, innermost
from tests.contract.test_readonly import ReadingOnly


class Natively(AroundMemory):
    """Subclasses say what stands around the store."""

    @pytest.fixture
    def store(self, clock: Clock) -> Iterator[BlockingStore]:
        """An empty stack, awaited; nothing below it may have blocked."""
        inner = RemoteStore(keys=self.keys, clock=clock)
        store = self.awaited(inner)
        with store:
            yield store
        assert inner.blocking == []

    def awaited(self, inner: KeyValueStore) -> BlockingStore:
        """The stack in its native form."""
        store = async_store(self.around(inner))
        assert type(store) is NativeStore
        return BlockingStore(store)

    def reopen(self, store: KeyValueStore) -> KeyValueStore:
        inner = innermost(store)
        return self.awaited(inner.with_keys(inner.keyspace))


class TestBare(Natively):
    pass


class TestPrefix(Natively, Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return PrefixDecorator("a-", inner)


class TestURLEncode(Natively, Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return URLEncodeKeysDecorator(inner)


class TestHMAC(Natively, Stack):
    increments = False

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HMACDecorator(SECRET, inner)


class TestHash(Natively, Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HashDecorator(inner)


class TestIdsAroundAll(Natively, Stack):
    increments = False
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        signed = HMACDecorator(SECRET, URLEncodeKeysDecorator(inner))
        return RandomIdDecorator(PrefixDecorator("ids/", signed), "{}.bin")


class TestReadOnly(ReadingOnly):
    @pytest.fixture
    def store(self, clock: Clock) -> BlockingStore:
        """An empty store that does not write."""
        return BlockingStore(async_store(ReadOnlyDecorator(RemoteStore(clock=clock))))

    def writable(self, store: BlockingStore) -> KeyValueStore:
        """The same stack without the decorator."""
        return innermost(store)

    def plant(self, store: BlockingStore, name: str, data: bytes) -> None:
        """Into the dict."""
        innermost(store).d[name] = data
