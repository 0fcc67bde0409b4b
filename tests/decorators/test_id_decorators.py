"""Decorators that make the key: what random ids, UUIDs and hashes have in common."""

import io
import pickle
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    Capabilities,
    DictStore,
    HashDecorator,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    RandomIdDecorator,
    ReadOnlyDecorator,
    URLEncodeKeysDecorator,
    UUIDDecorator,
)
from kvcore.errors import (
    ConfigError,
    InvalidKey,
    InvalidValue,
    KeyExists,
    ReadOnly,
    StoreError,
    Unsupported,
)
from kvcore.testing import Clock, DribblingFile
from tests.decorators.stores import Endless, MinimalStore, Sink, little_memory
from tests.decorators.values import PUTS, VALUE

DECORATORS: dict[str, Any] = {
    "random": RandomIdDecorator,
    "uuid": UUIDDecorator,
    "hash": HashDecorator,
}


@pytest.fixture(params=DECORATORS)
def decorate(request: pytest.FixtureRequest) -> Any:
    """Each of the three."""
    return DECORATORS[request.param]


@pytest.mark.parametrize("put", PUTS)
def test_a_value_without_a_key_gets_one(
    decorate: Any, inner: KeyValueStore, path: Path, put: str
) -> None:
    """Whole, under the key that is returned, on every store, however it comes."""
    key = PUTS[put](decorate(inner), path)
    assert inner.keys() == [key]
    assert inner.get(key) == VALUE
    assert path.exists() == (put != "put_file that moves")


@pytest.mark.parametrize("put", PUTS)
def test_a_template_surrounds_it(decorate: Any, path: Path, put: str) -> None:
    """``{}`` and ``{id}`` are where the id goes."""
    for template in ("file-{}.txt", "file-{id}.txt"):
        store = decorate(DictStore(), template=template)
        PUTS[put](store, path)
        (key,) = store.keys()
        assert key.startswith("file-")
        assert key.endswith(".txt")
        path.write_bytes(VALUE)


def test_a_given_key_is_used_as_it_is(decorate: Any, path: Path) -> None:
    """The template is not applied; what was put under a key is got under it, on every verb."""
    store = decorate(DictStore(), template="pre-{}")
    assert store.put("a", b"1") == "a"
    assert store.put_file("b", io.BytesIO(b"2")) == "b"
    assert store.put_file("c", path, move=True) == "c"
    with store.open_write("d") as writer:
        writer.write(b"4")
    assert sorted(store) == ["a", "b", "c", "d"]
    assert store.get("a") == b"1"
    with pytest.raises(InvalidKey):
        store.put("a/b", b"")
    with pytest.raises(InvalidKey):
        store.put_file(5, io.BytesIO(b""))


def test_a_given_key_takes_every_option(decorate: Any) -> None:
    """Conditions, expiry and content type are those of any store."""
    store = decorate(DictStore())
    store.put("a", b"1", 100, if_absent=True, content_type="text/plain")
    assert store.stat("a").content_type == "text/plain"
    assert store.stat("a").expires is not None
    with pytest.raises(KeyExists):
        store.put_file("a", io.BytesIO(b"2"), if_absent=True)
    store.put("a", b"3", if_match=store.stat("a").etag)
    assert store.get("a") == b"3"


def test_options_of_a_new_value(decorate: Any) -> None:
    """Expiry and content type hold; the default of the decorator and that of the store, too."""
    clock = Clock()
    inner = DictStore(clock=clock)
    store = decorate(inner)
    short = store.put(None, b"short", 10, content_type="text/plain")
    assert store.stat(short).content_type == "text/plain"
    long = store.put_file(None, io.BytesIO(b"long"))
    inner.default_ttl_secs = 20
    middle = store.put_file(None, iter([b"middle"]))
    store.default_ttl_secs = 30
    longer = store.put(None, b"longer")
    clock.advance(15)
    assert sorted(store) == sorted([long, middle, longer])
    clock.advance(10)
    assert sorted(store) == sorted([long, longer])
    clock.advance(10)
    assert store.keys() == [long]


@pytest.mark.parametrize("condition", [{"if_present": True}, {"if_match": "etag"}])
def test_conditions_that_need_a_key(decorate: Any, path: Path, condition: Any) -> None:
    """A value without a key is new: ``if_present`` and ``if_match`` are a ValueError."""
    store = decorate(DictStore())
    with pytest.raises(ValueError, match="need a key"):
        store.put(None, b"", **condition)
    with pytest.raises(ValueError, match="need a key"):
        store.put_file(None, path, move=True, **condition)
    assert store.keys() == []
    assert path.exists()


def test_a_new_value_may_ask_for_if_absent(decorate: Any) -> None:
    """It is what they do anyway; a store that cannot says so."""
    store = decorate(DictStore())
    assert store.get(store.put(None, b"1", if_absent=True)) == b"1"
    assert store.get(store.put_file(None, iter([b"2"]), if_absent=True)) == b"2"
    with pytest.raises(Unsupported):
        decorate(MinimalStore()).put(None, b"", if_absent=True)


@pytest.mark.parametrize(
    ("file", "error"),
    [
        (lambda: DribblingFile(VALUE, 1000, error=ConnectionResetError()), ConnectionResetError),
        (lambda: iter([VALUE, 1 / 2]), InvalidValue),
        (lambda: (VALUE if n else {}["n"] for n in (1, 0)), KeyError),
        (lambda: io.StringIO("text"), InvalidValue),
        (lambda: "missing file", FileNotFoundError),
        (lambda: "/", IsADirectoryError),
        (lambda: 5, TypeError),
    ],
    ids=["reset", "bad piece", "generator", "text", "missing", "directory", "number"],
)
def test_a_bad_source_leaves_nothing(
    decorate: Any, inner: KeyValueStore, file: Any, error: type[Exception]
) -> None:
    """What it raises is passed on, and no key, draft or half value is there."""
    store = decorate(inner)
    with pytest.raises(error):
        store.put_file(None, file())
    assert store.keys() == []


@pytest.mark.parametrize("data", ["text", None, 5])
def test_a_value_is_bytes(decorate: Any, data: Any) -> None:
    """As for every put."""
    store = decorate(DictStore())
    with pytest.raises(InvalidValue):
        store.put(None, data)
    assert store.keys() == []


def test_only_a_path_can_be_moved(decorate: Any) -> None:
    """A file object cannot be consumed."""
    store = decorate(DictStore())
    with pytest.raises(TypeError, match="move"):
        store.put_file(None, io.BytesIO(b""), move=True)
    assert store.keys() == []


def test_a_file_object_is_read_from_where_it_stands_and_left_open(decorate: Any) -> None:
    """As ``put_file`` always does."""
    file = io.BytesIO(b"skipped" + b"rest")
    file.seek(7)
    store = decorate(DictStore())
    assert store.get(store.put_file(None, file)) == b"rest"
    assert not file.closed


def test_a_failed_move_leaves_the_file(decorate: Any, path: Path) -> None:
    """A file is consumed when its value is stored and not before."""

    class Broken(DictStore):
        def _put_file(self, key: str, file: Any, options: Any = None) -> None:
            raise StoreError("the disk is gone", key=key, store=self)

    with pytest.raises(StoreError):
        decorate(Broken()).put_file(None, path, move=True)
    assert path.read_bytes() == VALUE


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("plain", ConfigError),
        ("{name}", ConfigError),
        ("{id", ConfigError),
        ("a/{id}", InvalidKey),
        (".kvcore-{id}", InvalidKey),
        ("x" * 240 + "{id}", InvalidKey),
        (5, TypeError),
    ],
)
def test_a_bad_template_fails_at_once(decorate: Any, template: Any, error: Any) -> None:
    """When the decorator is made, not at the first upload."""
    with pytest.raises(error):
        decorate(DictStore(), template=template)


def test_a_view_is_checked_anew(decorate: Any) -> None:
    """``with_keys`` gives the template the chance to be legal, or not."""
    paths = decorate(DictStore(keys="path"), template="a/{id}")
    assert paths.put(None, b"").startswith("a/")
    with pytest.raises(InvalidKey):
        paths.with_keys("strict")
    assert decorate(DictStore()).with_keys("path").put("a/b", b"") == "a/b"


@pytest.mark.parametrize(
    "stack",
    [
        lambda store: PrefixDecorator("a-", store),
        lambda store: URLEncodeKeysDecorator(store),
        lambda store: HMACDecorator(b"secret", store),
        lambda store: PrefixDecorator("a-", HMACDecorator(b"secret", store)),
        lambda store: HMACDecorator(b"secret", PrefixDecorator("a-", store)),
        lambda store: PrefixDecorator("ü ", URLEncodeKeysDecorator(HMACDecorator("s", store))),
    ],
    ids=["prefix", "urlencode", "hmac", "prefix hmac", "hmac prefix", "three"],
)
@pytest.mark.parametrize("put", PUTS)
def test_around_other_decorators(
    decorate: Any, inner: KeyValueStore, path: Path, stack: Any, put: str
) -> None:
    """A key that is known at the end finds its way through prefixes, codes and signatures."""
    store = decorate(stack(inner), template="id.{}")
    key = PUTS[put](store, path)
    assert store.keys() == [key]
    assert store.get(key) == VALUE
    assert key.startswith("id.")


def test_around_a_read_only_store(decorate: Any, path: Path) -> None:
    """ReadOnly, and the caller's file stays."""
    store = decorate(ReadOnlyDecorator(DictStore()))
    with pytest.raises(ReadOnly):
        store.put(None, b"")
    with pytest.raises(ReadOnly):
        store.put_file(None, path, move=True)
    with pytest.raises(ReadOnly):
        store.put_file(None, iter([b"never"]))
    assert path.exists()


def test_they_pickle_and_show_themselves(decorate: Any) -> None:
    """What comes back from another process has the same template."""
    store = pickle.loads(pickle.dumps(decorate(DictStore(), template="t-{}")))
    assert store.put(None, b"1").startswith("t-")
    assert repr(store) == f"<{decorate.__name__} 't-{{}}' on <DictStore memory://>>"


def test_streams_take_little_memory(decorate: Any) -> None:
    """64 MiB pass in a few MiB of memory."""
    inner = Sink()
    with little_memory(4 * 1024 * 1024):
        key = decorate(inner).put_file(None, Endless(64 * 1024 * 1024))
    assert inner.sizes == {key: 64 * 1024 * 1024}


def test_capabilities_are_those_of_the_store(decorate: Any) -> None:
    """They add no limit of their own."""
    assert decorate(DictStore()).capabilities == DictStore().capabilities
    assert decorate(MinimalStore()).capabilities == Capabilities()
