"""The suite on every decorator."""

from collections.abc import Iterator

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
from tests.contract.stacks import SECRET, Stack, innermost


class Unchanged(StoreDecorator):
    """The base class itself hands every hook on."""


class TestPlainDecorator(Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return Unchanged(inner)


class TestPrefix(Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return PrefixDecorator("a-", inner)

    @pytest.fixture(autouse=True)
    def neighbours(self, store: KeyValueStore) -> Iterator[None]:
        """Values of others in the same dict, which nobody inside may see or change."""
        d = innermost(store).d
        others = dict.fromkeys(["a", "a-", "A-key", "b-key", "key", "aa-key"], b"other")
        d.update(others)
        yield
        assert {key: d.get(key) for key in others} == others


class TestPrefixOfPaths(Stack):
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return PrefixDecorator("media/2026/", inner)


class TestPrefixTwice(Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return PrefixDecorator("a-", PrefixDecorator("b", inner))


class TestURLEncode(Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return URLEncodeKeysDecorator(inner)


class TestURLEncodeOverPaths(Stack):
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return URLEncodeKeysDecorator(inner)


class TestHMAC(Stack):
    increments = False  # the inner store would count in signed bytes

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HMACDecorator(SECRET, inner)


class TestHMACOfMinimalkv(Stack):
    increments = False

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HMACDecorator([b"an old secret", SECRET], inner, legacy=True)


class TestRandomId(Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return RandomIdDecorator(inner)


class TestUUID(Stack):
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return UUIDDecorator(inner, "uploads/{}")


class TestHash(Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HashDecorator(inner)


class TestFaultyWithoutFaults(Stack):
    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return FaultyStore(inner)


class TestFaultyWithShortReads(Stack):
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
