"""``put_many`` and ``delete_many``: checked before the first change, and honest about the rest."""

from __future__ import annotations

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import InvalidKey, InvalidValue, KeyExists, PartialFailure
from kvcore.testing.contract.fixtures import StoreFixtures, contents, unchanged


class ManyTests(StoreFixtures):
    """The verbs for many keys do what the single ones do."""

    def test_put_many_takes_mappings_and_pairs(self, store: KeyValueStore) -> None:
        """A dict, its items, or any iterable of pairs; a later pair of one key wins."""
        store.put("b", b"old")
        store.put_many({"a": b"1", "b": b"2"})
        store.put_many([("c", bytearray(b"3")), ("d", b"wrong"), ("d", b"4")])
        store.put_many((key, b"") for key in "ef")
        expected = {"a": b"1", "b": b"2", "c": b"3", "d": b"4", "e": b"", "f": b""}
        assert store.get_many("abcdef"[i] for i in range(6)) == expected

    def test_many_of_nothing(self, store: KeyValueStore) -> None:
        """An empty mapping or iterable changes nothing."""
        store.put("key", b"value")
        with unchanged(store):
            store.put_many({})
            store.put_many([])
            store.delete_many([])
            assert store.get_many(iter([])) == {}

    def test_put_many_checks_first(self, store: KeyValueStore) -> None:
        """One bad key or value, even the last, and none of the others is stored."""
        with unchanged(store):
            with pytest.raises(InvalidKey):
                store.put_many([("good", b"1"), ("", b"2")])
            with pytest.raises(InvalidValue) as caught:
                store.put_many([("good", b"1"), ("bad", "text")])  # type: ignore[list-item]
            assert caught.value.key == "bad"
        assert "good" not in store

    def test_large_values_together(self, store: KeyValueStore) -> None:
        """Values do not run into each other."""
        values = {f"key{number}": self.large[number:] for number in range(3)}
        store.put_many(values)
        assert store.get_many(values) == values

    def test_delete_many(self, store: KeyValueStore) -> None:
        """Any iterable of keys; missing and repeated ones are no error; the others stay."""
        names = [f"key-{number:05}" for number in range(self.many_keys)]
        store.put_many({name: name.encode() for name in [*names, "other"]})
        store.delete_many([*names[:3], "missing", names[0]])
        assert store.get_many(names[:4]) == {names[3]: names[3].encode()}
        store.delete_many(name for name in names)
        assert store.get_many([*names, "other"]) == {"other": b"other"}
        assert contents(store) in ({"other": b"other"}, {})

    def test_delete_many_checks_first(self, store: KeyValueStore) -> None:
        """One bad key, even the last, and none of the others is deleted."""
        store.put("good", b"value")
        with pytest.raises(InvalidKey):
            store.delete_many(["good", ""])
        with pytest.raises(TypeError, match="not one key"):
            store.delete_many("good")
        assert store.get("good") == b"value"

    def test_a_part_that_fails_is_told(self, store: KeyValueStore) -> None:
        """Where ``a`` bars ``a/b``, PartialFailure names it, and the others are stored."""
        values = {"before": b"1", "bar": b"2", "bar/red": b"3", "after": b"4"}
        if "bar/red" not in store.keyspace:
            with unchanged(store), pytest.raises(InvalidKey):
                store.put_many(values)
            return
        try:
            store.put_many(values)
        except PartialFailure as failure:
            barred = set(failure.errors)
            assert barred in ({"bar"}, {"bar/red"})
            for key, error in failure.errors.items():
                assert isinstance(error, KeyExists)
                assert error.key == key
            values = {key: data for key, data in values.items() if key not in barred}
        assert store.get_many(["before", "bar", "bar/red", "after"]) == values
