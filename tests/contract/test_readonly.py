"""The reading part of the suite on `ReadOnlyDecorator`, and that nothing gets past it."""

from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    DictStore,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    ReadOnly,
    ReadOnlyDecorator,
)
from kvcore.testing import Clock, ReadingContract
from kvcore.testing.contract.keys import WRITING
from tests.contract.stacks import SECRET


class ReadingOnly(ReadingContract):
    """Values come in past the decorator."""

    def fill(self, store: KeyValueStore, key: str, data: bytes, **options: Any) -> None:
        """Put the value by the same stack without the decorator."""
        self.writable(store).put(key, data, **options)

    def writable(self, store: Any) -> KeyValueStore:
        """The same stack without the decorator."""
        return store._inner


class TestReadOnly(ReadingOnly):
    @pytest.fixture
    def store(self, clock: Clock) -> KeyValueStore:
        """An empty store that does not write."""
        return ReadOnlyDecorator(DictStore(clock=clock))

    def plant(self, store: Any, name: str, data: bytes) -> None:
        """Into the dict."""
        store._inner.d[name] = data


class TestReadOnlyInside(ReadingOnly):
    @pytest.fixture
    def store(self) -> KeyValueStore:
        """A stack around a store that does not write."""
        inner = ReadOnlyDecorator(DictStore(keys="path"))
        return PrefixDecorator("a/", HMACDecorator(SECRET, inner))

    def writable(self, store: Any) -> KeyValueStore:
        """The same stack without the decorator."""
        return PrefixDecorator("a/", HMACDecorator(SECRET, store._inner._inner._inner))


STACKS = {
    "outside": ReadOnlyDecorator,
    "inside": lambda store: PrefixDecorator("a", ReadOnlyDecorator(store)),
    "deep inside": lambda store: HMACDecorator(
        SECRET, PrefixDecorator("", ReadOnlyDecorator(store))
    ),
}
ALSO_WRITING = {
    **WRITING,
    "put with a condition": lambda store, key: store.put(key, b"new", if_absent=True),
    "put with a time to live": lambda store, key: store.put(key, b"new", 60),
    "copy with a condition": lambda store, key: store.copy(key, "new", if_absent=True),
    "touch with a time to live": lambda store, key: store.touch(key, 60),
    "put many of nothing": lambda store, key: store.put_many({}),
}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("verb", ALSO_WRITING.values(), ids=ALSO_WRITING)
def test_a_writing_verb_is_refused(stack: Any, verb: Any) -> None:
    """Each raises ReadOnly (an AttributeError, as in minimalkv), before anything happens."""
    inner = DictStore({"key": b"value", "akey": b"value"})
    with pytest.raises(ReadOnly) as caught:
        verb(stack(inner), "key")
    assert isinstance(caught.value, AttributeError | NotImplementedError)
    assert inner.d == {"key": b"value", "akey": b"value"}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_no_file_is_consumed(stack: Any, tmp_path: Path) -> None:
    """A file that is to be moved into a store that does not write stays."""
    path = tmp_path / "file"
    path.write_bytes(b"precious")
    for move in (False, True):
        with pytest.raises(ReadOnly):
            stack(DictStore()).put_file("key", path, move=move)
    assert path.read_bytes() == b"precious"
