"""The suite on every decorator."""

import pytest

from kvcore import (
    HashDecorator,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    RandomIdDecorator,
    StoreDecorator,
    URLEncodeKeysDecorator,
    UUIDDecorator,
)
from kvcore.testing import FaultyStore
from tests.contract.stacks import SECRET, AroundMemory


class Unchanged(StoreDecorator):
    """The base class itself hands every hook on."""


class TestPlainDecorator(AroundMemory):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return Unchanged(inner)


class TestPrefix(AroundMemory):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return PrefixDecorator("a-", inner)

    @pytest.fixture(autouse=True)
    def neighbours(self, store: KeyValueStore) -> dict[str, bytes]:
        """Values of others in the same store, which nobody inside may see."""
        others = {"a": b"other", "a--": b"x", "A-key": b"other", "b-key": b"other", "key": b"other"}
        others.pop("a--")
        store._inner.put_many(others)
        return others


class TestPrefixOfPaths(AroundMemory):
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return PrefixDecorator("media/2026/", inner)


class TestPrefixTwice(AroundMemory):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return PrefixDecorator("a-", PrefixDecorator("b", inner))


class TestURLEncode(AroundMemory):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return URLEncodeKeysDecorator(inner)


class TestURLEncodeOverPaths(AroundMemory):
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return URLEncodeKeysDecorator(inner)


class TestHMAC(AroundMemory):
    increments = False  # the inner store would count in signed bytes

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HMACDecorator(SECRET, inner)


class TestHMACOfMinimalkv(AroundMemory):
    increments = False

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HMACDecorator([b"an old secret", SECRET], inner, legacy=True)


class TestRandomId(AroundMemory):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return RandomIdDecorator(inner)


class TestUUID(AroundMemory):
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return UUIDDecorator(inner, "uploads/{}")


class TestHash(AroundMemory):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HashDecorator(inner)


class TestFaultyWithoutFaults(AroundMemory):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return FaultyStore(inner)


class TestFaultyWithShortReads(AroundMemory):
    """Short reads of the raw stream are no faults: every loop goes on to the end."""

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return FaultyStore(inner, seed=7, short_reads=0.9)


def test_every_decorator_has_a_run() -> None:
    """A decorator that is added to kvcore is added here."""
    import kvcore

    public = {name: getattr(kvcore, name) for name in dir(kvcore) if name.endswith("Decorator")}
    bases = {"StoreDecorator", "KeyTransformingDecorator", "ValueTransformingDecorator"}
    used = {name for name in public if name in globals()} | {"ReadOnlyDecorator"}
    assert set(public) - bases == used - bases
