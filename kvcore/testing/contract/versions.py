"""Versions: a reader keeps to the one it opened, and etags tell one from another."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from kvcore.contract import KeyValueStore
from kvcore.testing.contract.fixtures import StoreFixtures, blob, declared
from kvcore.testing.files import DribblingFile


class PinnedReadingTests(StoreFixtures):
    """What was opened stays what is read, to its end."""

    def test_a_reader_of_a_replaced_value(self, store: KeyValueStore) -> None:
        """The old version, whole, wherever the reader stood, or an error; never a mixture."""
        old = self.large
        new = blob(len(old), seed=1)
        store.put("key", old)
        with store.open("key") as unread, store.open("key") as begun:
            begun.read(10)
            for data in (new, b"short"):
                store.put("key", data)
            assert self.rest_of(unread) in (old, None)
            assert self.rest_of(begun) in (old[10:], None)
            assert begun.seek(len(old) // 2) == len(old) // 2
            assert self.rest_of(begun) in (old[len(old) // 2 :], None)
        assert store.get("key") == b"short"

    def test_a_reader_of_a_deleted_value(self, store: KeyValueStore) -> None:
        """A delete takes the value from the store, not from who reads it."""
        data = self.large
        store.put("key", data)
        with store.open("key") as reader:
            assert reader.read(1) == data[:1]
            store.delete("key")
            assert "key" not in store
            assert self.rest_of(reader) in (data[1:], None)

    def test_a_reader_of_a_moved_value(self, store: KeyValueStore) -> None:
        """A move, or a replacing by file, by writer or by copy, does not reach a reader."""
        store.put("key", b"version 0")
        store.put("other", b"version 3")
        with store.open("key") as zero:
            store.put_file("key", DribblingFile(b"version 1"))
            with store.open("key") as one:
                with store.open_write("key") as writer:
                    writer.write(b"version 2")
                with store.open("key") as two:
                    store.copy("other", "key")
                    with store.open("key") as three:
                        store.move("key", "away")
                        assert three.read() == b"version 3"
                    assert two.read() == b"version 2"
                assert one.read() == b"version 1"
            assert zero.read() == b"version 0"

    def test_the_stat_of_a_reader_is_that_of_its_version(self, store: KeyValueStore) -> None:
        """Also after the key was replaced or deleted."""
        store.put("key", b"old value")
        found = store.stat("key")
        with store.open("key") as reader:
            store.put("key", b"new")
            assert reader.stat == found
            store.delete("key")
            assert reader.stat == found
            assert reader.stat.size == len(reader.read())

    def test_two_handles_see_each_other(self, store: KeyValueStore) -> None:
        """What one handle has put or deleted, the other one reads, at once."""
        other = self.reopen(store)
        store.put("key", b"one")
        assert other.get("key") == b"one"
        assert other.stat("key").etag == store.stat("key").etag
        other.put("key", b"two")
        assert store.fetch("key").data == b"two"
        with store.open("key") as reader:
            assert reader.read() == b"two"
        other.delete("key")
        assert "key" not in store
        store.put_file("file", io.BytesIO(b"three"))
        if store.capabilities.list:
            assert other.keys() == store.keys() == ["file"]
        with other.open("file") as reader:
            store.put("file", b"four")
            assert reader.read() == b"three"

    def test_reopening_finds_the_data(self, store: KeyValueStore) -> None:
        """A closed store, opened anew, has every value, empty and large ones."""
        values = {"empty": b"", "small": b"value", "large": self.large}
        for key, data in values.items():
            store.put(key, data)
        etag = store.stat("small").etag
        store.close()
        again = self.reopen(store)
        assert again.get_many(values) == values
        assert again.stat("small").etag == etag


class EtagTests(StoreFixtures):
    """Equal etags mean equal bytes; putting different bytes always changes it."""

    @pytest.fixture
    def has_etags(self, store: KeyValueStore) -> bool:
        """Whether the store tells etags: it must if it takes them."""
        store.put("probe", b"value")
        etag = store.stat("probe").etag
        store.delete("probe")
        can = store.capabilities
        assert etag is not None or not (can.if_match or can.delete_if_match)
        return etag is not None

    def _etag(self, store: KeyValueStore, *, told: bool) -> str | None:
        etag = store.stat("key").etag
        assert (etag is not None) == told
        return etag

    def test_different_bytes_have_different_etags(
        self, store: KeyValueStore, has_etags: bool
    ) -> None:
        """Values of one size, put as fast as it goes, are never taken for each other."""
        seen: dict[str | None, bytes] = {}
        before: str | None = None
        for number in range(60):
            data = b"%02d" % (number % 7)  # A-B-A: every value comes back
            store.put("key", data)
            etag = self._etag(store, told=has_etags)
            if has_etags:
                assert etag != before
                assert seen.setdefault(etag, data) == data
            before = etag

    def test_every_way_of_writing_changes_the_etag(
        self, store: KeyValueStore, has_etags: bool
    ) -> None:
        """put, put_file, open_write, copy, move and put_many all make a new version."""
        store.put("key", b"0")
        before = self._etag(store, told=has_etags)
        store.put("source", b"x")

        def by_writer() -> None:
            with store.open_write("key") as writer:
                writer.write(b"1")

        writes: list[Callable[[], object]] = [
            lambda: store.put("key", b"2"),
            lambda: store.put_file("key", io.BytesIO(b"3")),
            by_writer,
            lambda: store.copy("source", "key"),
            lambda: store.put_many({"key": b"4"}),
            lambda: store.move("source", "key"),
        ]
        for write in writes:
            write()
            etag = self._etag(store, told=has_etags)
            assert etag is None or etag != before
            before = etag

    def test_a_deleted_value_does_not_lend_its_etag(
        self, store: KeyValueStore, has_etags: bool
    ) -> None:
        """Other bytes put after a delete have another etag."""
        etags = set()
        for data in [b"a", b"b", b"c"]:
            store.put("key", data)
            etags.add(self._etag(store, told=has_etags))
            store.delete("key")
        assert len(etags) == (3 if has_etags else 1)

    def test_an_etag_that_is_told_from_the_bytes_is_theirs(self, store: KeyValueStore) -> None:
        """Where a store can make one without asking, it is the one that stat tells."""
        for data in [b"", b"value", bytes(range(256))]:
            told = store._etag_of(data)
            store.put("key", data)
            assert told is None or told == store.stat("key").etag == store.fetch("key").stat.etag

    def test_etags_survive_reopening(self, store: KeyValueStore) -> None:
        """An etag that one handle told is good for a condition through another."""
        store.put("key", b"value")
        etag = store.stat("key").etag or "none"
        other = self.reopen(store)
        with declared(store, "if_match"):
            other.put("key", b"new", if_match=etag)
            assert store.get("key") == b"new"
