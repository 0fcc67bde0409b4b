"""Keys: hostile ones are refused by every verb, legal odd ones are kept apart."""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import InvalidKey, KeyExists, Unsupported
from kvcore.testing.contract.fixtures import StoreFixtures, contents, for_each, raised, unchanged
from kvcore.testing.contract.reading import READING, Verb

WRITING: dict[str, Verb] = {
    "put": lambda store, key: store.put(key, b"new"),
    "put_file": lambda store, key: store.put_file(key, io.BytesIO(b"new")),
    "open_write": lambda store, key: store.open_write(key).abort(),
    "put_many": lambda store, key: store.put_many({"new": b"new", key: b"new"}),
    "delete": lambda store, key: store.delete(key),
    "delete_if_match": lambda store, key: store.delete(key, if_match="etag"),
    "delete_many": lambda store, key: store.delete_many(["bystander", key]),
    "copy_from": lambda store, key: store.copy(key, "new"),
    "copy_to": lambda store, key: store.copy("bystander", key),
    "move_from": lambda store, key: store.move(key, "new"),
    "move_to": lambda store, key: store.move("bystander", key),
    "copy_itself": lambda store, key: store.copy(key, key),
    "touch": lambda store, key: store.touch(key, None),
    "increment": lambda store, key: store.increment(key),
}
"""Every verb that changes something under a key, as a call."""

ASKING: dict[str, Verb] = {
    **READING,
    "in": lambda store, key: key in store,
    "get_many": lambda store, key: store.get_many(["bystander", key]),
    "url_for": lambda store, key: store.url_for(key),
    "presign_put": lambda store, key: store.presign_put(key),
    "presign_post": lambda store, key: store.presign_post(key, 1),
    "local_path": lambda store, key: store.local_path(key),
}

HOSTILE: list[str] = [
    *("", ".", "..", "/", "//", "/etc/passwd", "../victim", "a/../../victim", "a/..", "../", "./a"),
    *("a/", "/a", "a//b", "a/./b", "a/../b", "..\\victim", "C:\\victim", "\\\\host\\share", "a\\b"),
    *("a\n", "\na", "a\nb", "a\r", "a\0", "\0", "a\0b", "a\tb", "\x7f", "\x1b[31m", "\x85", "\x80"),
    *("\ud800", "a\udfff", ".kvcore-", ".kvcore-temp", "a/.kvcore-temp", ".kvcore-/a"),
    *("x" * 251, "x" * 1025, "é" * 513, "x/" * 512 + "x", "x" * 3000),
    *("a:b", "a;b", "a*b", "a|b", "a b", " ", "é", "e\u0301", "\u2028", "\u202e", "😀", "\ufeffa"),
]
"""Strings that leave a root, end a line, hide a name or break a limit, in one store or another."""

NO_STRINGS: list[object] = [1, 1.5, True, b"key", bytearray(b"key"), ("key",), ["key"], object()]

ODD: list[str] = [
    *(f"a{chr(code)}b" for code in range(32, 127)),
    *(".hidden", "..a", "a.", "a..", "...", "-rf", "--", "~", "~root", "$HOME", "`id`", "%", "%%"),
    *("con", "nul", "aux.txt", "COM1", "a%2Fb", "a%2fb", "a%41b", "aAb", "%2e%2e", "a%00b", "a+b"),
    *(" a", "a ", "é", "e\u0301", "Straße", "STRASSE", "日本", "😀", "\u202e", "\u2028", "ﬁ", "fi"),
    *(
        "K",
        "\u212a",
        "key",
        "Key",
        "KEY",
        "index.html",
        ".git",
        "Thumbs.db",
        "a~1",
        "a.tmp",
        "a.part",
    ),
    *("0", "00", "-1", "None", "null", "True", "a'b--", '{"a":1}', "<script>", "${x}", "%s", "%d"),
]
"""Keys that are legal somewhere and that a careless mapping would make one or break."""


def longest_key(store: KeyValueStore) -> str:
    """The longest key of one segment that the store takes."""
    sizes = bisect_left(range(5000), True, key=lambda size: "k" * (size + 1) not in store.keyspace)
    return "k" * sizes


class HostileReadingTests(StoreFixtures):
    """Verbs that read refuse what is not in the key space."""

    @for_each(ASKING)
    def test_a_hostile_key_is_refused(self, store: KeyValueStore, verb: Verb) -> None:
        """InvalidKey, a ValueError that names the key, before anything is read."""
        self.fill(store, "bystander", b"value")
        for key in HOSTILE:
            if key not in store.keyspace:
                error = raised(verb, store, key)
                assert isinstance(error, InvalidKey), (key, error)
                assert isinstance(error, ValueError)
                assert error.key == key
        for no_key in (None, *NO_STRINGS):
            error = raised(verb, store, no_key)
            # What cannot be hashed is no element of a set of keys either.
            assert isinstance(error, InvalidKey | TypeError), (no_key, error)

    def test_a_refused_key_leads_to_no_file(self, store: KeyValueStore, folder: Path) -> None:
        """``get_file`` under a hostile key leaves the target alone."""
        target = folder / "file"
        target.write_bytes(b"precious")
        for key in HOSTILE:
            if key not in store.keyspace:
                with pytest.raises(InvalidKey):
                    store.get_file(key, target)
        assert target.read_bytes() == b"precious"

    def test_the_key_space_answers_as_the_verbs(self, store: KeyValueStore) -> None:
        """``key in store.keyspace`` tells without raising what ``check`` and the verbs tell."""
        for key in [*HOSTILE, *ODD]:
            error = raised(store.get, key)
            assert (key in store.keyspace) == (not isinstance(error, InvalidKey)), (key, error)
        for no_key in (None, *NO_STRINGS):
            assert no_key not in store.keyspace


class HostileWritingTests(StoreFixtures):
    """Verbs that write refuse what is not in the key space, and change nothing."""

    @for_each(WRITING)
    def test_a_hostile_key_changes_nothing(self, store: KeyValueStore, verb: Verb) -> None:
        """InvalidKey before the first change, also for the other keys of a many-verb."""
        store.put("bystander", b"value")
        with unchanged(store):
            for key in HOSTILE:
                if key not in store.keyspace:
                    error = raised(verb, store, key)
                    refused = isinstance(error, InvalidKey)
                    # A verb that the store cannot do may say that first: nothing has happened.
                    assert refused or isinstance(error, Unsupported), (key, error)
            for no_key in NO_STRINGS:
                error = raised(verb, store, no_key)
                assert isinstance(error, InvalidKey | TypeError), (no_key, error)
        assert store.get("bystander") == b"value"
        assert "new" not in store

    def test_a_hostile_key_consumes_no_file(self, store: KeyValueStore, folder: Path) -> None:
        """Not even with ``move=True`` is the caller's file touched."""
        path = folder / "file"
        path.write_bytes(b"precious")
        for key in HOSTILE:
            if key not in store.keyspace:
                with pytest.raises(InvalidKey):
                    store.put_file(key, path, move=True)
        assert path.read_bytes() == b"precious"

    def test_odd_keys_are_kept_apart(self, store: KeyValueStore) -> None:
        """Every legal key is its own: none is folded, decoded or normalised into another."""
        legal = [key for key in dict.fromkeys([*ODD, *HOSTILE]) if key in store.keyspace]
        legal = [key for key in legal if "/" not in key]  # those may bar each other
        values = {key: b"%d" % number for number, key in enumerate(legal)}
        store.put_many(values)
        assert store.get_many(legal) == values
        for key in legal:
            assert store.get(key) == values[key]
        if store.capabilities.list:
            assert sorted(store.keys()) == sorted(legal)
        store.delete_many(legal[::2])
        assert store.get_many(legal) == {key: values[key] for key in legal[1::2]}

    def test_keys_of_several_segments(self, store: KeyValueStore) -> None:
        """Where ``/`` is legal, segments nest as deep as the key is long."""
        deep = "/".join("d" * 10 for _ in range(15))
        values = {"a/b": b"1", "a/c/d": b"2", "b/b": b"3", deep: b"4", "a b/é/c.txt": b"5"}
        legal = {key: data for key, data in values.items() if key in store.keyspace}
        store.put_many(legal)
        assert store.get_many(values.keys() & legal) == legal
        store.delete_many(legal)
        for key in [*values, *HOSTILE]:
            if "/" in key and key in store.keyspace:
                store.put(key, b"alone")
                assert contents(store) in ({key: b"alone"}, {})
                assert store.get(key) == b"alone"
                store.delete(key)
                assert key not in store
        assert contents(store) == {}

    def test_a_key_beside_a_longer_one_loses_nothing(self, store: KeyValueStore) -> None:
        """``a`` and ``a/b`` both live, or the second is KeyExists and the first stays."""
        for first, second in [("a", "a/b"), ("b/c/d", "b"), ("c/d", "c/d/e"), ("d/e/f", "d/e")]:
            if second not in store.keyspace or first not in store.keyspace:
                continue
            store.put(first, b"first")
            error = raised(store.put, second, b"second")
            assert error is None or isinstance(error, KeyExists)
            assert store.get(first) == b"first"
            assert (second in store) == (error is None)
            # Once the one is gone the other finds its place, whatever was made for the first.
            store.delete(first)
            store.put(second, b"second")
            assert store.get(second) == b"second"
            assert first not in store
            store.delete(second)
        assert contents(store) == {}

    def test_a_part_of_a_key_is_no_key(self, store: KeyValueStore) -> None:
        """What a key lies in, a folder, has no value and is not listed."""
        if "a/b/c" not in store.keyspace:
            with pytest.raises(InvalidKey):
                store.put("a/b/c", b"value")
            return
        store.put("a/b/c", b"value")
        for part in ["a", "a/b"]:
            assert part not in store
            error = raised(store.get, part)
            assert isinstance(error, KeyError), (part, error)
            store.delete(part)
        assert store.get("a/b/c") == b"value"
        if store.capabilities.list:
            assert store.keys() == ["a/b/c"]

    def test_the_longest_key(self, store: KeyValueStore) -> None:
        """A key at the limit works with every verb; one character more is InvalidKey."""
        key = longest_key(store)
        other = key[:-1] + "o"
        store.put(other, b"other")
        store.put(key, b"1")
        store.put_file(key, io.BytesIO(b"2"))
        with store.open_write(key) as writer:
            writer.write(b"3")
        assert store.get_many([key, other]) == {key: b"3", other: b"other"}
        store.copy(key, other)
        assert store.get(other) == b"3"
        store.delete(key)
        assert store.get(other) == b"3"
        store.move(other, key)
        assert other not in store
        if store.capabilities.list:
            assert store.keys(key[:-1]) == [key]
        store.delete(key)
        assert key not in store
        error = raised(store.put, key + "k", b"value")
        assert isinstance(error, InvalidKey) or not self._bounded(store)

    @staticmethod
    def _bounded(store: KeyValueStore) -> bool:
        return "k" * 1200 not in store.keyspace

    def test_a_view_with_other_keys_is_the_same_store(self, store: KeyValueStore) -> None:
        """``with_keys`` gives a second view of the values and leaves the first as it was."""
        space = store.keyspace
        view = raised_or(lambda: store.with_keys("path"))
        if view is None:  # what stands before the keys is not legal there
            return
        store.put("key", b"value")
        assert view.get("key") == b"value"
        view.put("key", b"new")
        assert store.get("key") == b"new"
        assert store.keyspace == space


def raised_or(function: Callable[[], KeyValueStore]) -> KeyValueStore | None:
    """What a call gives, or ``None`` if it is refused by a rule of the store."""
    try:
        return function()
    except (InvalidKey, Unsupported):
        return None
