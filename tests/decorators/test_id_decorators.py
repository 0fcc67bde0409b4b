"""Decorators that make the key: random ids, UUIDs, hashes of the content."""

import hashlib
import io
import pickle
import uuid
from collections.abc import Callable
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
    content_id,
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
from tests.decorators.stores import INNER, Endless, MinimalStore, Sink, little_memory

DECORATORS: dict[str, Any] = {
    "random": RandomIdDecorator,
    "uuid": UUIDDecorator,
    "hash": HashDecorator,
}
VALUE = bytes(range(256)) * 1200  # more than a block


@pytest.fixture(params=DECORATORS)
def decorate(request: pytest.FixtureRequest) -> Any:
    """Each of the three."""
    return DECORATORS[request.param]


@pytest.fixture(params=INNER)
def inner(request: pytest.FixtureRequest, tmp_path: Path) -> KeyValueStore:
    """Each kind of store to decorate."""
    return INNER[request.param](tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the caller's."""
    file = tmp_path / "upload"
    file.write_bytes(VALUE)
    return file


PUTS: dict[str, Callable[[Any, Path], str]] = {
    "put": lambda store, _: store.put(None, VALUE),
    "put a bytearray": lambda store, _: store.put(None, bytearray(VALUE)),
    "put_file": lambda store, _: store.put_file(None, io.BytesIO(VALUE)),
    "put_file in crumbs": lambda store, _: store.put_file(None, DribblingFile(VALUE, 999, seed=3)),
    "put_file of an iterator": lambda store, _: store.put_file(None, iter([VALUE[:9], VALUE[9:]])),
    "put_file of a path": lambda store, path: store.put_file(None, path),
    "put_file of a str path": lambda store, path: store.put_file(None, str(path)),
    "put_file that moves": lambda store, path: store.put_file(None, path, move=True),
}


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


class TestRandomIds:
    """Nobody can guess them, and they overwrite nothing."""

    def test_every_put_has_its_own(self, inner: KeyValueStore) -> None:
        """The same value twice is two values."""
        for decorate in (RandomIdDecorator, UUIDDecorator):
            store = decorate(inner)
            assert store.put(None, b"1") != store.put(None, b"1")

    def test_their_form(self) -> None:
        """26 characters; a UUID of version 4, not minimalkv's 1."""
        assert len(RandomIdDecorator(DictStore()).put(None, b"")) == 26
        assert uuid.UUID(UUIDDecorator(DictStore()).put(None, b"")).version == 4

    @pytest.fixture
    def taken(self, inner: KeyValueStore, monkeypatch: pytest.MonkeyPatch) -> RandomIdDecorator:
        """A store where the next two ids are taken and the third is free."""
        ids = iter(["sample", "a", "b", "c", "d"])
        monkeypatch.setattr(RandomIdDecorator, "_new_id", lambda _: next(ids))
        inner.put("a", b"not mine")
        inner.put("b", b"not mine")
        return RandomIdDecorator(inner)

    @pytest.mark.parametrize(
        "put",
        [name for name in PUTS if name not in ("put_file in crumbs", "put_file of an iterator")],
    )
    def test_a_taken_id_is_left_alone(
        self, taken: RandomIdDecorator, inner: KeyValueStore, path: Path, put: str
    ) -> None:
        """Another is drawn, and the whole value goes there."""
        assert PUTS[put](taken, path) == "c"
        assert inner.get("c") == VALUE
        assert inner.get("a") == inner.get("b") == b"not mine"

    def test_what_can_be_read_once_has_one_try(
        self, taken: RandomIdDecorator, inner: KeyValueStore
    ) -> None:
        """KeyExists rather than half a value or another's."""
        with pytest.raises(KeyExists, match="nothing was stored"):
            taken.put_file(None, DribblingFile(VALUE, 1000))
        assert inner.get("a") == b"not mine"
        assert sorted(inner) == ["a", "b"]

    def test_tries_are_bounded(
        self, inner: KeyValueStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where no id is ever free it ends, with the caller's file untouched."""
        monkeypatch.setattr(RandomIdDecorator, "_new_id", lambda _: "same")
        inner.put("same", b"not mine")
        store = RandomIdDecorator(inner)
        with pytest.raises(KeyExists, match="no new id was free"):
            store.put_file(None, path, move=True)
        assert inner.get("same") == b"not mine"
        assert path.read_bytes() == VALUE

    def test_a_writer_that_comes_between_loses_nothing(self) -> None:
        """Where the store creates only, a race has one winner and the other takes another id."""

        class Racing(DictStore):
            raced = False

            def _put(self, key: str, data: bytes, *options: Any) -> None:
                if not self.raced:
                    self.raced = True
                    self.d[key] = b"the other's"
                super()._put(key, data, *options)

        store = RandomIdDecorator(Racing())
        key = store.put(None, b"mine")
        assert sorted(map(store.get, store)) == [b"mine", b"the other's"]
        assert store.get(key) == b"mine"


class TestHashes:
    """Equal values share a key."""

    @pytest.mark.parametrize("put", PUTS)
    def test_the_key_is_the_hash(self, inner: KeyValueStore, path: Path, put: str) -> None:
        """However the value comes, in whatever pieces."""
        assert PUTS[put](HashDecorator(inner), path) == hashlib.sha256(VALUE).hexdigest()

    @pytest.mark.parametrize("put", PUTS)
    def test_the_same_content_again_is_no_error(
        self, inner: KeyValueStore, path: Path, put: str
    ) -> None:
        """One value, one key, and a moved file is consumed all the same."""
        store = HashDecorator(inner)
        assert store.put(None, VALUE) == PUTS[put](store, path)
        assert len(store.keys()) == 1
        assert path.exists() == (put != "put_file that moves")

    def test_the_last_put_decides_how_long_it_lives(self) -> None:
        """As with every key that is put again."""
        clock = Clock()
        store = HashDecorator(DictStore(clock=clock))
        key = store.put(None, b"1", 10)
        store.put_file(None, io.BytesIO(b"1"), 100)
        clock.advance(50)
        assert store.get(key) == b"1"
        clock.advance(51)
        assert key not in store

    def test_if_absent_tells_where_it_is(self) -> None:
        """KeyExists has the key of the content; a file to be moved stays."""
        store = HashDecorator(PrefixDecorator("a-", DictStore()))
        key = store.put(None, b"1")
        for again in (
            lambda: store.put(None, b"1", if_absent=True),
            lambda: store.put_file(None, iter([b"1"]), if_absent=True),
        ):
            with pytest.raises(KeyExists) as caught:
                again()
            assert caught.value.key == key

    def test_other_hashes_and_secrets(self) -> None:
        """minimalkv's SHA-1 finds what it wrote; a secret hides what is stored."""
        assert HashDecorator(DictStore(), hashlib.sha1, "x-{}").put(None, b"1") == (
            f"x-{hashlib.sha1(b'1').hexdigest()}"
        )
        hidden = HashDecorator(DictStore(), secret="secret")
        key = hidden.put(None, b"1")
        assert key == content_id(b"1", secret="secret") == hidden.put_file(None, iter([b"1"]))
        assert "secret" not in repr(hidden)
        assert pickle.loads(pickle.dumps(hidden)).put(None, b"1") == key

    @pytest.mark.parametrize(
        "options",
        [{"hashfunc": hashlib.shake_128}, {"secret": b""}, {"secret": 5}],
        ids=["shake", "empty secret", "number"],
    )
    def test_what_makes_no_ids_is_refused_at_once(self, options: Any) -> None:
        """When the decorator is made."""
        with pytest.raises((TypeError, ValueError)):
            HashDecorator(DictStore(), **options)

    def test_every_store_may_be_named_late(self) -> None:
        """Where the key has to be known first, the value waits outside: it is put once, whole."""
        puts = []

        class Counting(DictStore):
            def _put(self, key: str, data: bytes, *options: Any) -> None:
                puts.append(key)
                super()._put(key, data, *options)

        store = HashDecorator(Counting())
        key = store.put_file(None, DribblingFile(VALUE, 777))
        assert puts == [key]


def test_capabilities_are_those_of_the_store(decorate: Any) -> None:
    """They add no limit of their own."""
    assert decorate(DictStore()).capabilities == DictStore().capabilities
    assert decorate(MinimalStore()).capabilities == Capabilities()
