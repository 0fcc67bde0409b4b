"""Threads on one store: one winner, nothing torn, nothing lost."""

from __future__ import annotations

import io
import random

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import KeyNotFound, PreconditionFailed, Unsupported
from kvcore.testing.contract.fixtures import StoreFixtures, declared, in_threads

THREADS = 8


class ConcurrencyTests(StoreFixtures):
    """A store is safe to share between threads, and between handles."""

    rounds: int = 5
    """How often each race is run."""

    def _handles(self, store: KeyValueStore) -> list[KeyValueStore]:
        return [store, self.reopen(store)] * (THREADS // 2)

    def test_one_creates(self, store: KeyValueStore) -> None:
        """Of 8 that put with ``if_absent`` at once exactly one wins, and its value is there."""
        handles = self._handles(store)
        for race in range(self.rounds):
            key = f"key{race}"

            def create(number: int, key: str = key) -> bool:
                try:
                    if number % 2:
                        handles[number].put(key, b"%d" % number, if_absent=True)
                    else:
                        source = io.BytesIO(b"%d" % number)
                        handles[number].put_file(key, source, if_absent=True)
                except PreconditionFailed:
                    return False
                return True

            with declared(store, "if_absent"):
                won = in_threads(THREADS, create)
                assert won.count(True) == 1
                assert store.get(key) == b"%d" % won.index(True)

    def test_no_update_is_lost(self, store: KeyValueStore) -> None:
        """A counter kept by fetch and ``if_match`` counts every step of 4 threads."""
        if not store.capabilities.if_match:
            with pytest.raises(Unsupported):
                store.put("key", b"", if_match="etag")
            return
        handles = self._handles(store)
        store.put("key", b"")
        steps = 2 * self.rounds

        def append(number: int) -> None:
            done = 0
            while done < steps:
                data, found = handles[number].fetch("key")
                try:
                    handles[number].put("key", data + b"%d" % number, if_match=found.etag)
                except PreconditionFailed:
                    continue
                done += 1

        in_threads(4, append)
        assert sorted(store.get("key")) == sorted(b"0123" * steps)

    def test_one_deletes(self, store: KeyValueStore) -> None:
        """Of 8 that delete one version exactly one is told that it did."""
        handles = self._handles(store)
        for _ in range(self.rounds):
            store.put("key", b"value")
            etag = store.stat("key").etag or "none"

            def remove(number: int, etag: str = etag) -> bool:
                try:
                    handles[number].delete("key", if_match=etag)
                except PreconditionFailed:
                    return False
                return True

            with declared(store, "delete_if_match"):
                assert in_threads(THREADS, remove).count(True) == 1
                assert "key" not in store
            store.delete("key")

    def test_no_logout_is_undone(self, store: KeyValueStore) -> None:
        """A save that asks for the value to be present never brings back a deleted one."""
        if not store.capabilities.if_present:
            with pytest.raises(Unsupported):
                store.put("key", b"", if_present=True)
            return
        for _ in range(2 * self.rounds):
            store.put("key", b"begun")

            def work(number: int) -> None:
                if number == 0:
                    store.delete("key")
                    return
                try:
                    for _ in range(5):
                        store.put("key", b"%d" % number, if_present=True)
                except PreconditionFailed:
                    return

            in_threads(4, work)
            assert "key" not in store

    def test_nothing_is_torn(self, store: KeyValueStore) -> None:
        """Readers see one whole value, old or new, while others replace it."""
        size = len(self.large)
        values = [b"%d" % number * (size - number * 1000) for number in range(3)]
        values = [value for value in values if value] or [b"0"]
        handles = self._handles(store)
        store.put("key", values[0])
        wrong: list[str] = []

        def work(number: int) -> None:
            handle = handles[number]
            for turn in range(2 * self.rounds):
                if number % 2:
                    value = values[(number + turn) % len(values)]
                    if turn % 2:
                        handle.put("key", value)
                    else:
                        handle.put_file("key", io.BytesIO(value))
                    continue
                data, found = handle.fetch("key")
                with handle.open("key") as reader:
                    streamed = self.rest_of(reader)
                    told = reader.stat.size
                seen = [data, handle.get("key"), *([] if streamed is None else [streamed])]
                wrong.extend(f"{s[:5]!r}, {len(s)} bytes" for s in seen if s not in values)
                if found.size != len(data) or (streamed is not None and told != len(streamed)):
                    wrong.append("a stat of another version")

        in_threads(4, work)
        assert wrong == []

    def test_mixed_work(self, store: KeyValueStore) -> None:
        """All verbs at once on a few keys: no error but KeyNotFound, no foreign value."""
        handles = self._handles(store)
        names = ["a", "b", "c"]

        def work(number: int) -> None:
            dice = random.Random(number)  # noqa: S311  # no secret
            handle = handles[number]
            for _ in range(6 * self.rounds):
                key, other = dice.choice(names), dice.choice(names)
                try:
                    match dice.randrange(8):
                        case 0:
                            handle.put(key, key.encode() * 1000)
                        case 1:
                            handle.delete(key)
                        case 2:
                            assert handle.get(key) in values
                        case 3:
                            handle.copy(key, other)
                        case 4:
                            handle.move(key, other)
                        case 5:
                            with handle.open(key) as reader:
                                assert reader.read() in values
                        case 6:
                            if handle.capabilities.list:
                                assert set(handle.keys()) <= set(names)
                        case 7:
                            assert set(handle.get_many(names).values()) <= values
                except KeyNotFound:
                    continue

        values = {name.encode() * 1000 for name in names}
        in_threads(4, work)
        store.put_many(dict.fromkeys(names, b"end"))
        assert store.get_many(names) == dict.fromkeys(names, b"end")

    def test_every_put_arrives(self, store: KeyValueStore) -> None:
        """What each of 8 threads puts under its own keys is all there, whatever others delete."""
        handles = self._handles(store)

        def work(number: int) -> None:
            for turn in range(2 * self.rounds):
                handles[number].put(f"{number}-{turn}", b"%d" % number)
                if turn % 2:
                    handles[number].delete(f"{number}-{turn - 1}")

        in_threads(THREADS, work)
        expected = {
            f"{number}-{turn}": b"%d" % number
            for number in range(THREADS)
            for turn in range(1, 2 * self.rounds, 2)
        }
        assert store.get_many(expected) == expected
        if store.capabilities.list:
            assert sorted(store.keys()) == sorted(expected)

    def test_neighbours_in_a_folder(self, store: KeyValueStore) -> None:
        """Where ``/`` is legal: deleting the last value of a folder races no put into it."""
        if "a/b" not in store.keyspace:
            store.delete("a")
            return

        def work(number: int) -> None:
            for turn in range(6 * self.rounds):
                store.put(f"folder/below/{number}", b"%d" % turn)
                store.delete(f"folder/below/{number}")
            store.put(f"folder/below/{number}", b"end")

        in_threads(4, work)
        names = [f"folder/below/{number}" for number in range(4)]
        assert store.get_many(names) == dict.fromkeys(names, b"end")
