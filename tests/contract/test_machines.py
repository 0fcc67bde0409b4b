"""The state machine on our stores: bounded here, tens of thousands of sequences in a soak."""

import itertools
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from kvcore import (
    DictStore,
    FilesystemStore,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    RandomIdDecorator,
    URLEncodeKeysDecorator,
)
from kvcore.backends.filesystem.portable import PortableFolder
from kvcore.testing import Clock, FaultyStore, StoreMachine
from tests.contract.stacks import SECRET
from tests.soak import count

Around = Callable[[KeyValueStore], KeyValueStore]

SETTINGS = hypothesis.settings(
    max_examples=count(5, 10_000),
    stateful_step_count=count(25, 50),
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)

STACKS: dict[str, tuple[str, Around]] = {
    "memory": ("strict", lambda store: store),
    "memory of paths": ("path", lambda store: store),
    "prefix": ("strict", lambda store: PrefixDecorator("a-", store)),
    "prefix of paths": ("path", lambda store: PrefixDecorator("a/b", store)),
    "urlencode": ("strict", URLEncodeKeysDecorator),
    "urlencode of paths": ("path", URLEncodeKeysDecorator),
    "ids": ("path", RandomIdDecorator),
    "faulty without faults": ("path", lambda store: FaultyStore(store, short_reads=0.5)),
}
SIGNED: dict[str, tuple[str, Around]] = {
    "hmac": ("path", lambda store: HMACDecorator(SECRET, store)),
    "hmac of minimalkv": ("strict", lambda store: HMACDecorator(SECRET, store, legacy=True)),
    "encode sign prefix": (
        "path",
        lambda store: URLEncodeKeysDecorator(HMACDecorator(SECRET, PrefixDecorator("a", store))),
    ),
    "sign prefix encode": (
        "path",
        lambda store: HMACDecorator(SECRET, PrefixDecorator("a%", URLEncodeKeysDecorator(store))),
    ),
    "prefix encode sign": (
        "strict",
        lambda store: PrefixDecorator("ü ", URLEncodeKeysDecorator(HMACDecorator(SECRET, store))),
    ),
}


class Signed(StoreMachine):
    """A stack that refuses to count."""

    increments = False


class PortableFilesystemStore(FilesystemStore):
    """Files by paths alone."""

    _folder_class = PortableFolder


@pytest.mark.parametrize(("keys", "around"), STACKS.values(), ids=STACKS)
def test_memory(keys: str, around: Around) -> None:
    """Whatever stands around a store in memory, it behaves as a dict."""
    StoreMachine.check(lambda clock: around(DictStore(clock=clock, keys=keys)), settings=SETTINGS)


@pytest.mark.parametrize(("keys", "around"), SIGNED.values(), ids=SIGNED)
def test_signed_memory(keys: str, around: Around) -> None:
    """So does a stack that signs."""
    Signed.check(lambda clock: around(DictStore(clock=clock, keys=keys)), settings=SETTINGS)


@pytest.mark.parametrize("keys", ["strict", "path"])
@pytest.mark.parametrize("make", [FilesystemStore, PortableFilesystemStore])
def test_folders(make: type[FilesystemStore], keys: str, tmp_path: Path) -> None:
    """So does a folder, which another store opens in between."""
    roots = (tmp_path / str(number) for number in itertools.count())

    class Folders(StoreMachine):
        def make_store(self, clock: Clock) -> KeyValueStore:
            return make(next(roots), keys=keys, durability="atomic")

        def reopen(self, store: FilesystemStore) -> KeyValueStore:
            return make(store.root, keys=keys, durability="atomic")

    hypothesis.stateful.run_state_machine_as_test(Folders, settings=SETTINGS)
