"""`ReadOnlyDecorator`: nothing that writes gets past it, all that reads does."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    DictStore,
    FilesystemStore,
    HashDecorator,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    RandomIdDecorator,
    ReadOnlyDecorator,
    URLEncodeKeysDecorator,
    WebFilesystemStore,
)
from kvcore.errors import KeyNotFound, ReadOnly, Unsupported
from tests.decorators.stores import INNER


class Untouchable:
    """A source that nobody may ask for anything."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("the source was read")

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("the source was read")


def _set_default(store: KeyValueStore, _: Path) -> None:
    store.default_ttl_secs = 5


WRITING: dict[str, Callable[[KeyValueStore, Path], object]] = {
    "put": lambda store, _: store.put("a", b"new"),
    "put with a condition": lambda store, _: store.put("a", b"new", if_present=True),
    "put with an expiry": lambda store, _: store.put("a", b"new", 5, content_type="text/plain"),
    "put_file": lambda store, _: store.put_file("a", Untouchable()),  # type: ignore[arg-type]
    "put_file of a path": lambda store, path: store.put_file("a", path),
    "put_file that moves": lambda store, path: store.put_file("a", path, move=True),
    "put_file of nothing": lambda store, path: store.put_file("a", path / "missing"),
    "put_many": lambda store, _: store.put_many({"a": b"new"}),
    "put_many of nothing": lambda store, _: store.put_many(Untouchable()),  # type: ignore[arg-type]
    "open_write": lambda store, _: store.open_write("a"),
    "delete": lambda store, _: store.delete("a"),
    "delete of a version": lambda store, _: store.delete("a", if_match="1"),
    "delete of what is missing": lambda store, _: store.delete("missing"),
    "delete_many": lambda store, _: store.delete_many(["a"]),
    "delete_many of nothing": lambda store, _: store.delete_many(Untouchable()),  # type: ignore[arg-type]
    "copy": lambda store, _: store.copy("a", "b"),
    "copy to a new key": lambda store, _: store.copy("a", "new", if_absent=True),
    "copy onto itself": lambda store, _: store.copy("a", "a"),
    "move": lambda store, _: store.move("a", "b"),
    "move onto itself": lambda store, _: store.move("a", "a"),
    "touch": lambda store, _: store.touch("a", 5),
    "touch by default": lambda store, _: store.touch("a", None),
    "increment": lambda store, _: store.increment("count"),
    "presign_put": lambda store, _: store.presign_put("a"),
    "presign_post": lambda store, _: store.presign_post("a", 1),
    "default_ttl_secs": _set_default,
}
READING = {
    *("get", "fetch", "get_range", "get_file", "open", "stat", "keys", "iter_keys", "iter_stats"),
    *("iter_prefixes", "get_many", "url_for", "local_path"),
}
NEITHER = {"capabilities", "close", "keyspace", "ttl_support", "with_deadline", "with_keys"}

STACKS: dict[str, Callable[[KeyValueStore], KeyValueStore]] = {
    "alone": ReadOnlyDecorator,
    "twice": lambda store: ReadOnlyDecorator(ReadOnlyDecorator(store)),
    "below a prefix": lambda store: PrefixDecorator("", ReadOnlyDecorator(store)),
    "below encoded keys": lambda store: URLEncodeKeysDecorator(ReadOnlyDecorator(store)),
    "below signatures": lambda store: HMACDecorator(b"secret", ReadOnlyDecorator(store)),
    "below random ids": lambda store: RandomIdDecorator(ReadOnlyDecorator(store)),
    "below hashes": lambda store: HashDecorator(ReadOnlyDecorator(store)),
    "above a prefix": lambda store: ReadOnlyDecorator(PrefixDecorator("", store)),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the caller's."""
    file = tmp_path / "upload"
    file.write_bytes(b"precious")
    return file


def test_every_verb_is_known_here() -> None:
    """A verb added to the contract has to be sorted into reading or writing."""
    verbs = {name for name in dir(KeyValueStore) if not name.startswith("_")}
    assert verbs == {name.split()[0] for name in WRITING} | READING | NEITHER


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("verb", WRITING)
@pytest.mark.parametrize("inner", INNER)
def test_a_writing_verb_is_refused_before_anything_happens(
    inner: str, verb: str, stack: str, path: Path, tmp_path: Path
) -> None:
    """ReadOnly on every store and in every stack: no value changes, no source is touched."""
    store = INNER[inner](tmp_path)
    for key in ("a", "b", "count"):
        store.put(key, b"1")
    with pytest.raises(ReadOnly) as caught:
        WRITING[verb](STACKS[stack](store), path)
    assert isinstance(caught.value, Unsupported)
    assert isinstance(caught.value, AttributeError)
    assert store.get_many(store) == {"a": b"1", "b": b"1", "count": b"1"}
    assert path.read_bytes() == b"precious"
    assert sorted(file.name for file in tmp_path.iterdir() if file.name != "store") == ["upload"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_default_time_to_live_below_does_not_hide_the_reason(stack: str) -> None:
    """The inner store has one; a put is refused as ReadOnly, not for its time to live."""
    inner = DictStore()
    inner.default_ttl_secs = 60
    store = STACKS[stack](inner)
    for put in (lambda: store.put("a", b""), lambda: store.put_file("a", iter([b""]))):
        with pytest.raises(ReadOnly):
            put()
    assert store.default_ttl_secs == 60


def test_the_error_tells_which_key_and_store() -> None:
    """Whoever reads the log knows where to look."""
    store = ReadOnlyDecorator(DictStore())
    with pytest.raises(ReadOnly, match="read-only") as caught:
        store.put("a", b"")
    assert caught.value.key == "a"
    assert caught.value.store == "<ReadOnlyDecorator on <DictStore memory://>>"


@pytest.mark.parametrize(
    "hook",
    [
        "_put",
        "_put_file",
        "_put_filename",
        "_move_filename",
        "_open_write",
        "_put_many",
        "_put_each",
        "_delete",
        "_delete_if_match",
        "_delete_many",
        "_copy",
        "_move",
        "_touch",
        "_increment",
        "_presign_put",
        "_presign_post",
    ],
)
def test_what_comes_past_the_verbs_is_refused_too(hook: str) -> None:
    """A decorator of other authors that calls a hook directly writes nothing either."""
    with pytest.raises(ReadOnly):
        getattr(ReadOnlyDecorator(DictStore()), hook)("a", b"")


def test_all_that_reads_works(tmp_path: Path) -> None:
    """Values, parts, stats, listings, local files."""
    inner = FilesystemStore(tmp_path / "store")
    inner.put("a-b", b"hello")
    store = ReadOnlyDecorator(inner)
    assert store.get("a-b") == store.fetch("a-b").data == b"hello"
    assert store.get_range("a-b", 1, 3) == b"ell"
    assert store.stat("a-b") == inner.stat("a-b")
    assert "a-b" in store
    assert "b" not in store
    assert store.keys() == list(store) == list(store.iter_keys("a")) == ["a-b"]
    assert list(store.iter_prefixes("-")) == ["a-"]
    assert [key for key, _ in store.iter_stats()] == ["a-b"]
    assert store.get_many(["a-b", "b"]) == {"a-b": b"hello"}
    assert store.local_path("a-b") == inner.local_path("a-b")
    assert store.get_file("a-b", tmp_path / "copy") == "a-b"
    assert (tmp_path / "copy").read_bytes() == b"hello"
    with store.open("a-b") as file:
        assert file.read() == b"hello"
    with pytest.raises(KeyNotFound):
        store.get("missing")


def test_urls_are_for_reading(tmp_path: Path) -> None:
    """A URL to read from is made, one to write to is not."""

    class Signing(WebFilesystemStore):
        @property
        def capabilities(self) -> Any:
            return super().capabilities._replace(url_methods=frozenset({"GET", "HEAD", "PUT"}))

    store = ReadOnlyDecorator(Signing(tmp_path, "http://127.0.0.1/"))
    assert store.capabilities.url_methods == {"GET", "HEAD"}
    assert store.url_for("a") == "http://127.0.0.1/a"
    with pytest.raises(Unsupported):
        store.url_for("a", method="PUT")


def test_capabilities_promise_no_writing() -> None:
    """What needs a write is not declared, what reads stays as it is below."""
    below, above = DictStore().capabilities, ReadOnlyDecorator(DictStore()).capabilities
    writing = {
        *("write", "if_absent", "if_present", "if_match", "delete_if_match", "ttl", "touch"),
        *("copy", "content_type", "presign_post"),
    }
    for name in below._fields:
        assert getattr(above, name) == (False if name in writing else getattr(below, name))


def test_the_store_below_stays_writable() -> None:
    """It is a view: who has the inner store writes as before, and readers see it."""
    inner = DictStore()
    store = ReadOnlyDecorator(inner)
    inner.put("a", b"1")
    assert store.get("a") == b"1"
    assert pickle.loads(pickle.dumps(store)).get("a") == b"1"
