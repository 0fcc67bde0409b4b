"""The verbs that read: ``get``, ``fetch``, ``get_range``, ``in``, ``stat``, ``get_many``."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from kvcore.contract import Fetched, KeyValueStore, Stat
from kvcore.errors import KeyNotFound
from kvcore.testing.contract.fixtures import StoreFixtures, blob, for_each

Verb: TypeAlias = Callable[[KeyValueStore, str], object]
READING: dict[str, Verb] = {
    "get": lambda store, key: store.get(key),
    "fetch": lambda store, key: store.fetch(key),
    "get_range": lambda store, key: store.get_range(key, 0, 1),
    "open": lambda store, key: store.open(key).close(),
    "get_file": lambda store, key: store.get_file(key, io.BytesIO()),
    "stat": lambda store, key: store.stat(key),
}
"""The verbs that read one value, as calls."""


class ReadingTests(StoreFixtures):
    """What is read is what was put."""

    def test_every_way_of_reading_gives_the_same_bytes(
        self, store: KeyValueStore, folder: Path
    ) -> None:
        """Whatever its size, a value reads the same through each verb, and stat tells its size."""
        for size in self.sizes():
            data = blob(size)
            self.fill(store, "key", data)
            assert store.get("key") == data
            assert store.fetch("key").data == data
            assert store.get_range("key", 0) == data
            assert store.get_many(["key"]) == {"key": data}
            with store.open("key") as reader:
                assert reader.read() == data
            file = io.BytesIO()
            store.get_file("key", file)
            assert file.getvalue() == data
            store.get_file("key", folder / "file")
            assert (folder / "file").read_bytes() == data
            assert store.stat("key").size == size
            assert "key" in store

    def test_values_are_bytes_and_untouched(self, store: KeyValueStore) -> None:
        """Nothing is decoded, stripped or converted: every byte, line ends and NULs come back."""
        values = [bytes(range(256)), b"\r\n\n\r", b"\0", b"\x1a", b" \t", b"\xff\xfe", b"\x1f\x8b"]
        for data in values:
            self.fill(store, "key", data)
            found = store.get("key")
            assert type(found) is bytes
            assert found == data

    def test_an_empty_value_is_a_value(self, store: KeyValueStore) -> None:
        """``b""`` is there, is listed, and reads as ``b""``."""
        self.fill(store, "key", b"")
        assert "key" in store
        assert store.get("key") == b""
        assert store.fetch("key").data == b""
        assert store.get_range("key", 0, 10) == b""
        assert store.get_many(["key"]) == {"key": b""}
        assert store.stat("key").size == 0
        with store.open("key") as reader:
            assert reader.read() == b""

    @for_each(READING)
    def test_a_missing_key_is_not_found(self, store: KeyValueStore, verb: Verb) -> None:
        """Reading what is not there raises KeyNotFound, a KeyError, that tells key and store."""
        self.fill(store, "other", b"other")
        with pytest.raises(KeyNotFound) as caught:
            verb(store, "key")
        assert isinstance(caught.value, KeyError)
        assert caught.value.key == "key"
        assert caught.value.store
        assert caught.value.store in repr(store)  # or that of a store inside it
        assert "'key'" in str(caught.value)

    def test_in_tells_what_is_there(self, store: KeyValueStore) -> None:
        """``in`` is true for a key that was put, and only for the whole key."""
        self.fill(store, "some-key", b"value")
        assert "some-key" in store
        for absent in ["some-ke", "some-key2", "ome-key", "other"]:
            assert absent not in store

    def test_a_range_is_a_slice(self, store: KeyValueStore) -> None:
        """A range ends where the value ends; one that begins behind it is empty."""
        self.fill(store, "key", b"0123456789")
        for start in [0, 1, 3, 9, 10, 11, 10**12]:
            for length in [None, 0, 1, 2, 9, 10, 11, 10**12]:
                end = None if length is None else start + length
                found = store.get_range("key", start, length)
                assert (start, length, found) == (start, length, b"0123456789"[start:end])

    def test_ranges_of_a_large_value(self, store: KeyValueStore) -> None:
        """Ranges are exact at the borders of blocks."""
        data = self.large
        self.fill(store, "key", data)
        for start in [0, 65535, 65536, 65537, len(data) // 2, len(data) - 1]:
            for length in [1, 2, 65536, 65537]:
                assert store.get_range("key", start, length) == data[start : start + length]

    def test_a_range_is_not_negative(self, store: KeyValueStore) -> None:
        """Negative numbers count from nowhere: they are a ValueError."""
        self.fill(store, "key", b"0123456789")
        for start, length in [(-1, None), (-1, 2), (0, -1), (3, -3)]:
            with pytest.raises(ValueError, match="negative"):
                store.get_range("key", start, length)

    def test_get_many_gives_those_that_are_there(self, store: KeyValueStore) -> None:
        """Missing keys are left out, repeated ones come once, any iterable is taken."""
        self.fill(store, "a", b"1")
        self.fill(store, "b", b"2")
        self.fill(store, "c", b"3")
        assert store.get_many(["a", "missing", "c", "a"]) == {"a": b"1", "c": b"3"}
        assert store.get_many(key for key in "ab") == {"a": b"1", "b": b"2"}
        assert store.get_many([]) == {}

    def test_get_many_takes_no_single_key(self, store: KeyValueStore) -> None:
        """A str is an iterable of its letters, and never meant so."""
        with pytest.raises(TypeError, match="not one key"):
            store.get_many("abc")

    def test_stat_and_value_are_told_alike_everywhere(self, store: KeyValueStore) -> None:
        """``stat``, ``fetch`` and the reader of ``open`` tell the same of one version."""
        self.fill(store, "key", b"value")
        found = store.stat("key")
        assert isinstance(found, Stat)
        fetched = store.fetch("key")
        assert isinstance(fetched, Fetched)
        assert fetched == (b"value", found)
        with store.open("key") as reader:
            assert reader.stat == found

    def test_stat_tells_when_the_value_was_put(self, store: KeyValueStore) -> None:
        """``modified`` is an aware time in UTC, near now, or None."""
        self.fill(store, "key", b"value")
        modified = store.stat("key").modified
        if modified is not None:
            assert modified.utcoffset() == timedelta(0)
            assert abs(datetime.now(UTC) - modified) < timedelta(days=1)

    def test_stat_of_a_plain_value(self, store: KeyValueStore) -> None:
        """A value put without a time to live tells none; an etag is a text, or None."""
        self.fill(store, "key", b"value")
        found = store.stat("key")
        assert found.expires is None
        assert found.remaining_secs() is None
        assert found.etag is None or (isinstance(found.etag, str) and found.etag)

    def test_reading_changes_no_etag(self, store: KeyValueStore) -> None:
        """As long as nobody puts, a value keeps its etag and its time."""
        self.fill(store, "key", b"value")
        before = store.stat("key")
        store.get("key")
        store.open("key").close()
        self.fill(store, "other", b"value")
        assert store.stat("key") == before

    def test_content_type_is_kept_or_none(self, store: KeyValueStore) -> None:
        """The advice comes back where it is kept, and is dropped without a word elsewhere."""
        self.fill(store, "key", b"value", content_type="text/html; charset=utf-8")
        kept: set[str | None] = {"text/html; charset=utf-8"}
        if not store.capabilities.content_type:
            kept = {None}
        if not store.capabilities.write:  # who only reads does not know
            kept = {"text/html; charset=utf-8", None}
        assert store.stat("key").content_type in kept
        assert store.fetch("key").stat.content_type in kept
        self.fill(store, "key", b"value")
        assert store.stat("key").content_type != "text/html; charset=utf-8"
