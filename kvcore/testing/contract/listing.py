"""``keys``, iteration, ``iter_prefixes``, ``iter_stats``: what is listed, and under what prefix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from kvcore.contract import KeyValueStore
from kvcore.testing.contract.fixtures import StoreFixtures, declared

NAMES = [
    *("a", "ab", "abc", "abd", "b", "a_b", "axb", "a%b", "a[b]c", "a-b", "a--b", "a--b--c", "a--"),
    *(
        "ABC",
        "_",
        "%",
        "[a]",
        "a\\b",
        "a.b.c",
        ".a",
        "..a",
        "~a",
        "a/b",
        "a/b/c",
        "a/bc",
        "aé",
        "é",
    ),
    *("a*b", "a?b", "a b", "a'b", 'a"b', "a$b", "a^b", "(a)", "a+b", "a|b", "a{1}"),
]
"""Keys that a pattern language would mix up; the legal ones of them are put."""

PREFIXES = [
    *("", "a", "ab", "abc", "abcd", "b", "c", "A", "AB", "B", "a_", "a%", "a[", "a[b]", "[", "_"),
    *("%", "%%", "a-", "a--", "a--b", "a--b-", "a.", ".", "..", "../", "../a", "/", "//", "a/"),
    *("a/b", "a/b/", "a//", "./", "./a", "a\\", "\\", "é", "aé", "e", "*", "a*", "a?", "?", ".*"),
    *("^a", "a$", "(", "(a", "a|", "a{", "'", '"', "a'", " ", "a ", "\0", "\n", "a\n", "\x7f"),
    *("\ud800", "x" * 300, "a" * 3000, "%61", "%2e%2e/", "' OR '1'='1", "😀"),
]
"""A prefix is any text; one that no key begins with lists nothing."""


def cut(keys: Iterable[str], delimiter: str, prefix: str) -> list[str]:
    """What ``iter_prefixes`` is to give, sorted."""
    names = set()
    for key in keys:
        if key.startswith(prefix):
            head, found, _ = key[len(prefix) :].partition(delimiter)
            names.add(prefix + head + found)
    return sorted(names)


class ListingTests(StoreFixtures):
    """A listing gives the keys that begin with a text, each once."""

    @pytest.fixture
    def names(self, store: KeyValueStore) -> list[str]:
        """Odd keys, put into the store: sorted."""
        names = sorted(name for name in NAMES if name in store.keyspace)
        taken = [name for name in names if not self._barred(name, names)]
        for name in taken:
            self.fill(store, name, name.encode())
        return taken

    @staticmethod
    def _barred(name: str, names: list[str]) -> bool:
        # A folder cannot hold both `a` and `a/b`: here the longer ones are tried.
        return any(other.startswith(f"{name}/") for other in names)

    def test_an_empty_store_lists_nothing(self, store: KeyValueStore) -> None:
        """No key, no prefix, no stat."""
        with declared(store, "list"):
            assert store.keys() == []
            assert list(store) == []
            assert list(store.iter_keys("a")) == []
            assert list(store.iter_prefixes("/")) == []
            assert list(store.iter_stats()) == []

    def test_every_key_is_listed_once(self, store: KeyValueStore, names: list[str]) -> None:
        """``keys`` gives a list of str; iterating over the store gives the same."""
        with declared(store, "list"):
            found = store.keys()
            assert isinstance(found, list)
            assert all(type(key) is str for key in found)
            assert sorted(found) == names
            assert sorted(store) == names

    def test_a_prefix_is_text(self, store: KeyValueStore, names: list[str]) -> None:
        """No character of a prefix is a pattern, a path or a case-blind letter."""
        with declared(store, "list"):
            for prefix in PREFIXES:
                expected = [name for name in names if name.startswith(prefix)]
                assert (prefix, sorted(store.keys(prefix))) == (prefix, expected)
            for prefix in ["", "a", "a_", "%", "../", "a/", "A", "\0", "*"]:
                expected = [name for name in names if name.startswith(prefix)]
                assert sorted(store.iter_keys(prefix)) == expected
                assert sorted(key for key, _ in store.iter_stats(prefix)) == expected

    def test_prefixes_are_cut_after_the_delimiter(
        self, store: KeyValueStore, names: list[str]
    ) -> None:
        """Each name once: cut behind the first delimiter that follows the prefix, or whole."""
        with declared(store, "list"):
            for delimiter in ["/", "-", "--", "_", "%", "b", ".", "[", "bc", "\0"]:
                for prefix in PREFIXES if delimiter == "-" else PREFIXES[:40:4]:
                    found = sorted(store.iter_prefixes(delimiter, prefix))
                    case = (delimiter, prefix)
                    assert (case, found) == (case, cut(names, delimiter, prefix))

    def test_a_delimiter_has_a_character(self, store: KeyValueStore) -> None:
        """An empty one would cut nowhere: it is a ValueError."""
        with pytest.raises(ValueError, match="delimiter"):
            store.iter_prefixes("")

    def test_a_prefix_is_a_str(self, store: KeyValueStore) -> None:
        """What is not a str is a TypeError, at once."""
        self.fill(store, "a", b"1")
        no_texts: list[Any] = [None, 1, b"a", ["a"]]
        for prefix in no_texts:
            with pytest.raises(TypeError, match="str"):
                store.keys(prefix)
            with pytest.raises(TypeError, match="str"):
                store.iter_stats(prefix)
            with pytest.raises(TypeError, match="str"):
                store.iter_prefixes("/", prefix)
            with pytest.raises(TypeError, match="str"):
                store.iter_prefixes(prefix)

    def test_stats_are_those_of_the_values(self, store: KeyValueStore) -> None:
        """``iter_stats`` tells the size, and what else it tells is what ``stat`` tells."""
        self.fill(store, "a", b"1")
        self.fill(store, "ab", b"22")
        self.fill(store, "c", b"")
        with declared(store, "list"):
            found = dict(store.iter_stats())
            assert sorted(found) == ["a", "ab", "c"]
            for key, stat in found.items():
                known = store.stat(key)
                assert stat.size == known.size
                assert stat.etag in (None, known.etag)
                assert stat.content_type in (None, known.content_type)
            assert [key for key, _ in store.iter_stats("ab")] == ["ab"]

    def test_long_listings_are_whole(self, store: KeyValueStore) -> None:
        """Every key comes once, over all pages of a store that lists in pages."""
        names = [f"key-{number:05}" for number in range(self.many_keys)]
        for name in names:
            self.fill(store, name, b"")
        with declared(store, "list"):
            assert sorted(store.keys()) == names
            assert sorted(key for key, _ in store.iter_stats("key-")) == names
            assert sorted(store.iter_prefixes("-")) == ["key-"]

    def test_foreign_entries_are_not_listed(self, store: KeyValueStore) -> None:
        """What others put into the same place under no legal key is none of the store's keys."""
        self.fill(store, "mine", b"1")
        for name in [".kvcore-temp", "bad:key", "a|b", "x" * 200 + "*", "new\nline", ".nfs0001;"]:
            if name not in store.keyspace:
                self.plant(store, name, b"foreign")
        with declared(store, "list"):
            assert store.keys() == ["mine"]
            assert [key for key, _ in store.iter_stats()] == ["mine"]
            assert list(store.iter_prefixes("/")) == ["mine"]
            assert list(store.iter_prefixes(":")) == ["mine"]
