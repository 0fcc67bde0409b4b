"""`URLEncodeKeysDecorator`: any text as key, minimalkv's encoding inside."""

import pickle
from pathlib import Path
from urllib.parse import quote_plus, unquote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvcore import DictStore, HashDecorator, KeyValueStore, PrefixDecorator, URLEncodeKeysDecorator
from kvcore.decorators.urlencode import encode_key
from kvcore.errors import InvalidKey, KeyNotFound
from kvcore.testing.contract.listing import cut
from tests.decorators.stores import INNER

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = ["a b", "a+b", "a/b", "a%2Fb", "ü", "日本", "\n", "\0", " ", "a:b*c|d", "~user", "'\"", "😀"]


def is_legal(key: str) -> bool:
    """Whether the encoded key is one of the strict space."""
    code = quote_plus(key)
    return 0 < len(code) <= 250 and code not in {".", ".."} and not code.startswith(".kvcore-")


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("key", KEYS)
def test_any_text_is_a_key(inner: str, key: str, tmp_path: Path) -> None:
    """What is put under it is got, listed and deleted under it, on every store."""
    store = URLEncodeKeysDecorator(INNER[inner](tmp_path))
    assert store.put(key, b"1") == key
    assert store.get(key) == b"1"
    assert store.keys() == [key]
    assert key in store
    store.delete(key)
    assert store.keys() == []


@given(TEXTS)
@example("a+b c%20/~_.-é")
def test_the_code_is_that_of_quote_plus(key: str) -> None:
    """Also where the short way for harmless keys is taken; and it comes back."""
    assert encode_key(key) == quote_plus(key)
    assert unquote_plus(encode_key(key)) == key


@given(TEXTS)
@example(".")
@example("..")
@example(".kvcore-a")
@example("é" * 42)
@example("ééééé" + "a" * 221)
def test_keys_without_a_legal_code_are_refused(key: str) -> None:
    """Empty, dots, reserved, too long once encoded: InvalidKey with the key as it was given."""
    store = URLEncodeKeysDecorator(DictStore())
    assert (key in store.keyspace) == is_legal(key)
    if is_legal(key):
        store.put(key, b"1")
        assert store.keys() == [key]
    else:
        for verb in (store.get, store.delete, store.stat, store.__contains__, store.open_write):
            with pytest.raises(InvalidKey) as caught:
                verb(key)
            assert caught.value.key == key


@pytest.mark.parametrize("key", ["\ud800", "a\udfff", None, b"a", 5])
def test_what_is_no_text_is_refused(key: object) -> None:
    """Lone surrogates have no UTF-8."""
    store = URLEncodeKeysDecorator(DictStore())
    with pytest.raises(InvalidKey):
        store.put(key, b"")  # type: ignore[arg-type]


def test_foreign_keys_are_not_seen() -> None:
    """What nobody writes through this decorator is not listed, and cannot take two names."""
    inner = DictStore(keys="path")
    foreign = ["a%2fb", "a%41", "a%", "%GG", "%C3", "a b", "a!b", "é", "dir/file", "%ED%A0%80", "'"]
    for key in [*foreign, "a%2Fb", "mine"]:
        inner.put(key, key.encode())
    store = URLEncodeKeysDecorator(inner)
    assert sorted(store) == ["a/b", "mine"]
    assert sorted(key for key, _ in store.iter_stats()) == ["a/b", "mine"]
    assert sorted(store.iter_prefixes(":")) == ["a/b", "mine"]
    assert store.get("a/b") == b"a%2Fb"
    with pytest.raises(KeyNotFound):
        store.get("dir/file")


class Native(DictStore):
    """Counts what is listed natively."""

    prefixes = 0

    def _iter_prefixes(self, delimiter: str, prefix: str) -> object:  # type: ignore[override]
        self.prefixes += 1
        return super()._iter_prefixes(delimiter, prefix)


DELIMITERS = st.sampled_from(
    [*"/ -_.~+%:é2FCaA\0", "//", "2F", "/a", "%2", "é/", "%2F", "Ãé", "ab"]
)


@given(st.sets(TEXTS.filter(is_legal)), DELIMITERS, TEXTS)
@example({"a/b/c", "a/b/d", "a2Fb", "2", "a%2Fb", "/", "//", "ü/ö"}, "/", "a")
@example({"a/b", "a2b", "aFb", "F", "2F"}, "2", "")
@example({"é/a", "é\u0301", "Ã©"}, "é", "")
@example({"a/b", "a%2Fb"}, "F", "a")
def test_prefixes_are_cut_as_on_any_store(keys: set[str], delimiter: str, prefix: str) -> None:
    """Native or not, the listing is the one that the keys give."""
    store = URLEncodeKeysDecorator(DictStore())
    for key in keys:
        store.put(key, b"")
    for start in (prefix, "", *[key[:2] for key in keys]):
        assert sorted(store.iter_prefixes(delimiter, start)) == cut(keys, delimiter, start)
        assert sorted(store.keys(start)) == sorted(key for key in keys if key.startswith(start))


@pytest.mark.parametrize(
    ("delimiter", "native"),
    [("/", 1), (" ", 1), ("-", 1), (":", 1), ("é", 1), ("g", 1), ("a", 1), ("A", 0), ("2", 0)],
)
def test_the_inner_store_lists_where_it_is_exact(delimiter: str, native: int) -> None:
    """Every delimiter but those that can be a digit of a code is handed on."""
    inner = Native()
    list(URLEncodeKeysDecorator(inner).iter_prefixes(delimiter))
    assert inner.prefixes == native


def test_it_shares_a_store_with_minimalkv() -> None:
    """Its decorator (of version 1.11.2) gave these codes to these keys, and so do we."""
    codes = {
        "a b": "a+b",
        "a+b": "a%2Bb",
        "a%2Fb": "a%252Fb",
        "ü": "%C3%BC",
        "日本": "%E6%97%A5%E6%9C%AC",
        "\n": "%0A",
        "\0": "%00",
        " ": "+",
        "a:b*c|d": "a%3Ab%2Ac%7Cd",
        "~user": "~user",
        "'\"": "%27%22",
        "😀": "%F0%9F%98%80",
    }
    inner = DictStore()
    store = URLEncodeKeysDecorator(inner)
    for key in codes:
        store.put(key, b"")
    assert list(inner.d) == list(codes.values())
    assert store.keys() == list(codes)


@pytest.mark.parametrize(
    "stack",
    [
        lambda store: PrefixDecorator("ü/ ", URLEncodeKeysDecorator(store)),
        lambda store: URLEncodeKeysDecorator(PrefixDecorator("p-", store)),
        lambda store: URLEncodeKeysDecorator(URLEncodeKeysDecorator(store)),
        lambda store: HashDecorator(URLEncodeKeysDecorator(store), template="ü {id}"),
    ],
    ids=["prefix outside", "prefix inside", "twice", "ids"],
)
def test_in_stacks(stack: object) -> None:
    """Copies, moves, errors and names stay in the words of the outside."""
    store: KeyValueStore = stack(DictStore())  # type: ignore[operator]
    store.put("ä b", b"1")
    assert store.copy("ä b", "ö:") == "ö:"
    assert store.move("ä b", "ü/") == "ü/"
    assert sorted(store) == ["ö:", "ü/"]
    with pytest.raises(KeyNotFound) as caught:
        store.get("ä b")
    assert caught.value.key == "ä b"
    assert caught.value.store == repr(store)
    assert pickle.loads(pickle.dumps(store)).get("ü/") == b"1"


def test_an_illegal_target_of_a_copy_is_refused() -> None:
    """The inner store checks it too; the error has the outer name and nothing is changed."""
    inner = DictStore({"a": b"1"})
    store = URLEncodeKeysDecorator(inner)
    for verb in (store.copy, store.move):
        with pytest.raises(InvalidKey) as caught:
            verb("a", "é" * 50)
        assert caught.value.key == "é" * 50
    assert inner.d == {"a": b"1"}
