"""``copy`` and ``move``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import KeyExists, KeyNotFound
from kvcore.testing.contract.fixtures import (
    StoreFixtures,
    blob,
    contents,
    declared,
    for_each,
    unchanged,
)

Verb: TypeAlias = Callable[..., str]
BOTH: dict[str, Verb] = {
    "copy": lambda store, *keys, **options: store.copy(*keys, **options),
    "move": lambda store, *keys, **options: store.move(*keys, **options),
}

_each_verb = for_each(BOTH, anew=True)


class CopyMoveTests(StoreFixtures):
    """What copy and move have in common."""

    @_each_verb
    def test_values_of_all_sizes(self, store: KeyValueStore, verb: Verb) -> None:
        """Every byte arrives; the new key is returned."""
        for size in self.sizes():
            store.put("source", blob(size))
            assert verb(store, "source", "dest") == "dest"
            assert store.get("dest") == blob(size)
            assert store.stat("dest").size == size

    @_each_verb
    def test_the_destination_is_replaced(self, store: KeyValueStore, verb: Verb) -> None:
        """Whole, also by a shorter or an empty value."""
        for data in [b"new", b""]:
            store.put("dest", b"an old and longer value")
            store.put("source", data)
            verb(store, "source", "dest")
            assert store.get("dest") == data

    @_each_verb
    def test_a_missing_source(self, store: KeyValueStore, verb: Verb) -> None:
        """KeyNotFound names it, and the destination stays."""
        store.put("dest", b"old")
        with unchanged(store):
            for dest in ["dest", "new", "source"]:
                with pytest.raises(KeyNotFound) as caught:
                    verb(store, "source", dest)
                assert caught.value.key == "source"
        assert store.get("dest") == b"old"

    @_each_verb
    def test_to_itself(self, store: KeyValueStore, verb: Verb) -> None:
        """Nothing happens, above all nothing is lost."""
        store.put("key", b"value", content_type="image/png")
        with unchanged(store):
            before = store.stat("key")
            assert verb(store, "key", "key") == "key"
            assert store.stat("key") == before
        assert store.get("key") == b"value"

    @_each_verb
    def test_the_content_type_goes_along(self, store: KeyValueStore, verb: Verb) -> None:
        """Where it is kept; one of the replaced value does not stay."""
        store.put("source", b"value", content_type="image/png")
        store.put("dest", b"old", content_type="text/plain")
        verb(store, "source", "dest")
        kept = store.capabilities.content_type
        assert store.stat("dest").content_type == ("image/png" if kept else None)

    @_each_verb
    def test_if_absent(self, store: KeyValueStore, verb: Verb) -> None:
        """A taken destination is KeyExists naming it; source and destination stay."""
        store.put("source", b"new")
        store.put("dest", b"old")
        with unchanged(store), declared(store, "if_absent"):
            with pytest.raises(KeyExists) as caught:
                verb(store, "source", "dest", if_absent=True)
            assert caught.value.key == "dest"
            assert caught.value.current is None or caught.value.current.data == b"old"
        assert store.get("source") == b"new"
        assert store.get("dest") == b"old"
        store.delete("dest")
        with declared(store, "if_absent"):
            assert verb(store, "source", "dest", if_absent=True) == "dest"
            assert store.get("dest") == b"new"

    @_each_verb
    def test_if_absent_to_itself(self, store: KeyValueStore, verb: Verb) -> None:
        """The key is taken, by itself: KeyExists, and the value stays."""
        store.put("key", b"value")
        with unchanged(store), declared(store, "if_absent"), pytest.raises(KeyExists):
            verb(store, "key", "key", if_absent=True)
        assert store.get("key") == b"value"

    @_each_verb
    def test_if_absent_of_a_missing_source(self, store: KeyValueStore, verb: Verb) -> None:
        """There is nothing to put: KeyNotFound, and nothing is made."""
        with declared(store, "if_absent"), pytest.raises(KeyNotFound):
            verb(store, "source", "dest", if_absent=True)
        assert "dest" not in store


class CopyTests(StoreFixtures):
    """``copy`` leaves two values."""

    def test_the_source_stays(self, store: KeyValueStore) -> None:
        """Both are there, and each has its own life."""
        store.put("source", b"value")
        store.copy("source", "dest")
        assert store.get("source") == b"value"
        store.put("source", b"changed")
        assert store.get("dest") == b"value"
        store.put("dest", b"also changed")
        assert store.get("source") == b"changed"
        store.delete("source")
        assert store.get("dest") == b"also changed"


class MoveTests(StoreFixtures):
    """``move`` leaves one value."""

    def test_the_source_is_gone(self, store: KeyValueStore) -> None:
        """It is found under the new key alone, and the old key is free again."""
        store.put("source", b"value")
        store.move("source", "dest")
        assert "source" not in store
        assert contents(store) in ({"dest": b"value"}, {})
        store.put("source", b"another")
        assert store.get("dest") == b"value"
        store.move("source", "dest")
        assert store.get("dest") == b"another"

    def test_there_and_back(self, store: KeyValueStore) -> None:
        """Any number of moves loses nothing."""
        store.put("a", b"value")
        for source, dest in zip("abcab", "bcaba", strict=True):
            store.move(source, dest)
        assert store.get("a") == b"value"
        assert store.get_many(["b", "c"]) == {}
