"""``put`` and ``delete``: what counts as a value, and what a write leaves behind."""

from __future__ import annotations

import array
import io
from itertools import product
from typing import TYPE_CHECKING

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import InvalidValue, KeyNotFound
from kvcore.testing.contract.fixtures import StoreFixtures, blob, contents, raised, unchanged

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

NO_VALUES: list[object] = ["text", "", None, 7, 1.5, [1, 2], {1: 2}, io.BytesIO(b"file"), object()]


class PutTests(StoreFixtures):
    """A put stores bytes, whole, as they were at that moment."""

    def test_put_returns_the_key(self, store: KeyValueStore) -> None:
        """The key under which the value is found."""
        assert store.put("key", b"value") == "key"
        assert store.get("key") == b"value"

    def test_a_put_replaces(self, store: KeyValueStore) -> None:
        """The new value is there alone, shorter or longer than the old one."""
        for data in [b"first value", b"second", b"", b"the third value", self.large, b"x"]:
            store.put("key", data)
            assert store.get("key") == data
            assert store.stat("key").size == len(data)
        assert contents(store) in ({"key": b"x"}, {})

    def test_keys_do_not_touch_each_other(self, store: KeyValueStore) -> None:
        """A put or delete of one key leaves its neighbours."""
        store.put("a", b"1")
        store.put("ab", b"2")
        store.put("b", b"3")
        store.put("a", b"new")
        assert store.get_many(["a", "ab", "b"]) == {"a": b"new", "ab": b"2", "b": b"3"}
        store.delete("a")
        assert store.get_many(["a", "ab", "b"]) == {"ab": b"2", "b": b"3"}

    def test_everything_bytes_like_is_a_value(self, store: KeyValueStore) -> None:
        """bytearray, memoryview (with gaps, of wider items) and array are their bytes."""
        values: list[tuple[Buffer, bytes]] = [
            (bytearray(b"bytearray"), b"bytearray"),
            (memoryview(b"memoryview"), b"memoryview"),
            (memoryview(b"0123456789")[::2], b"02468"),
            (memoryview(b"0123456789")[::-1], b"9876543210"),
            (memoryview(array.array("H", [1, 2, 3])), array.array("H", [1, 2, 3]).tobytes()),
            (array.array("d", [0.5, -1]), array.array("d", [0.5, -1]).tobytes()),
            (memoryview(bytes(12)).cast("B", (3, 4)), bytes(12)),
            (bytearray(), b""),
            (memoryview(b""), b""),
        ]
        for data, expected in values:
            store.put("key", data)
            found = store.get("key")
            assert type(found) is bytes
            assert found == expected
            store.put_many({"many": data})
            assert store.get("many") == expected

    def test_a_later_change_of_the_buffer_changes_no_value(self, store: KeyValueStore) -> None:
        """What was put is a copy: the caller may use its buffer again."""
        buffer = bytearray(b"as it was")
        store.put("key", buffer)
        store.put_many([("many", buffer)])
        store.put("view", memoryview(buffer))
        buffer[:] = b"something else"
        assert set(store.get_many(["key", "many", "view"]).values()) == {b"as it was"}

    def test_the_buffer_is_let_go(self, store: KeyValueStore) -> None:
        """No view of the caller's buffer is kept: it can be resized after the put."""
        buffer = bytearray(b"value")
        store.put("key", buffer)
        buffer += b"more"  # BufferError while somebody holds a view
        assert store.get("key") == b"value"

    def test_what_is_not_bytes_like_is_refused(self, store: KeyValueStore) -> None:
        """A str above all: InvalidValue, a TypeError that is an OSError; nothing changes."""
        store.put("key", b"value")
        with unchanged(store):
            for key, value in product(["key", "new"], NO_VALUES):
                error = raised(store.put, key, value)
                assert isinstance(error, InvalidValue)
                assert isinstance(error, TypeError)
                assert isinstance(error, OSError)
                assert error.key == key
                many = raised(store.put_many, {"other": b"good", key: value})
                assert isinstance(many, InvalidValue)
        assert store.get("key") == b"value"
        assert store.get_many(["new", "other"]) == {}

    def test_too_large_a_value_leaves_the_old_one(self, store: KeyValueStore) -> None:
        """A value beyond the store's limit is an error, and never cut; others are taken."""
        store.put("key", b"value")
        limit = self.max_value_bytes
        data = blob(1024 * 1024 + 1 if limit is None else limit + 1)
        error = raised(store.put, "key", data)
        if limit is None:
            assert error is None
            assert store.get("key") == data
        else:
            assert isinstance(error, OSError | ValueError), error
            assert store.get("key") == b"value"


class DeleteTests(StoreFixtures):
    """A delete removes one value; a missing one is no error."""

    def test_what_is_deleted_is_gone(self, store: KeyValueStore) -> None:
        """It is not found, not listed, and a later put begins anew."""
        store.put("key", b"value")
        store.put("other", b"other")
        store.delete("key")
        assert "key" not in store
        with pytest.raises(KeyNotFound):
            store.get("key")
        assert contents(store) in ({"other": b"other"}, {})
        store.put("key", b"")
        assert store.get("key") == b""

    def test_deleting_what_is_not_there(self, store: KeyValueStore) -> None:
        """Twice, or never put: None, and no error."""
        store.put("key", b"value")
        for key in ["key", "key", "never"]:
            store.delete(key)
        assert "key" not in store

    def test_deleting_while_listing(self, store: KeyValueStore) -> None:
        """Every key can be deleted as it is listed; each is listed once, none is left out."""
        if not store.capabilities.list:
            store.delete("key")  # nothing to list: deleting one by one is all there is
            return
        names = [f"key-{number:05}" for number in range(self.many_keys)]
        store.put_many(dict.fromkeys(names, b""))
        listed = []
        for key in store.iter_keys():
            store.delete(key)
            listed.append(key)
        assert sorted(listed) == names
        assert store.keys() == []

    def test_deleting_while_listing_prefixes_and_stats(self, store: KeyValueStore) -> None:
        """The other listings bear it, too."""
        if not store.capabilities.list:
            store.delete("key")
            return
        names = [f"{letter}-{number}" for letter in "abc" for number in range(3)]
        store.put_many(dict.fromkeys(names, b""))
        for key, _ in store.iter_stats("a-"):
            store.delete(key)
        assert sorted(store.keys()) == names[3:]
        for name in store.iter_prefixes("-"):
            store.delete_many(store.keys(name))
        assert store.keys() == []

    def test_putting_while_listing(self, store: KeyValueStore) -> None:
        """Keys that are there all the time are listed once, whatever is put meanwhile."""
        if not store.capabilities.list:
            store.put("key", b"")
            return
        names = [f"key-{number}" for number in range(20)]
        store.put_many(dict.fromkeys(names, b""))
        listed = []
        for number, key in enumerate(store.iter_keys("key-")):
            store.put(f"new-{number}", b"")
            store.put(key, b"changed")
            listed.append(key)
        assert sorted(listed) == sorted(names)
