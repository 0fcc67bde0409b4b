"""The suite on decorators around decorators, in several orders."""

from kvcore import (
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    RandomIdDecorator,
    URLEncodeKeysDecorator,
)
from kvcore.testing import FaultyStore
from tests.contract.stacks import SECRET, Stack


class TestPrefixEncodeSign(Stack):
    increments = False

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return PrefixDecorator("a/ü ", URLEncodeKeysDecorator(HMACDecorator(SECRET, inner)))


class TestSignPrefixEncode(Stack):
    increments = False
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HMACDecorator(SECRET, PrefixDecorator("100%", URLEncodeKeysDecorator(inner)))


class TestEncodeSignPrefix(Stack):
    increments = False
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return URLEncodeKeysDecorator(HMACDecorator(SECRET, PrefixDecorator("signed/", inner)))


class TestIdsAroundAll(Stack):
    increments = False
    keys = "path"

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        signed = HMACDecorator(SECRET, FaultyStore(inner))
        return RandomIdDecorator(PrefixDecorator("ids/", signed), "{}.bin")
