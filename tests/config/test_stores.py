"""Named stores: checked at once, built once, closed together."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kvcore import (
    ConfigError,
    DictStore,
    FilesystemStore,
    KeyValueStore,
    MissingDependency,
    StoreError,
    Stores,
)
from tests.forks import ended, forked, forks


class Counted:
    """Makes stores and counts them."""

    def __init__(self) -> None:
        self.made: list[KeyValueStore] = []

    def __call__(self) -> KeyValueStore:
        self.made.append(DictStore())
        return self.made[-1]


def test_every_form_of_entry(tmp_path: Path) -> None:
    """A URL, a dict, a ready store and a callable stand side by side."""
    ready = DictStore()
    stores = Stores(
        {
            "default": f"fs://{tmp_path}?keys=path",
            "media": {"url": "memory://", "decorators": [{"prefix": "m-"}]},
            "ready": ready,
            "made": DictStore,
        }
    )
    assert isinstance(stores["default"], FilesystemStore)
    assert repr(stores["media"]) == "<PrefixDecorator 'm-' on <DictStore memory://>>"
    assert stores["ready"] is ready
    assert isinstance(stores["made"], DictStore)
    assert list(stores) == ["default", "media", "ready", "made"]
    assert len(stores) == 4
    assert "media" in stores
    assert "other" not in stores


def test_a_store_is_built_when_it_is_first_used_and_once() -> None:
    """Until then nothing is called; afterwards it is the same."""
    counted = Counted()
    stores = Stores({"a": counted, "b": counted})
    assert counted.made == []
    assert stores["a"] is stores["a"]
    assert len(counted.made) == 1


def test_all_may_be_seen_with_other_keys(tmp_path: Path) -> None:
    """As an integration shows them: each a view, the same one whenever asked; closed as any."""
    ready = DictStore()
    stores = Stores({"ready": ready, "fs": f"fs://{tmp_path}", "made": DictStore}, keys="path")
    for name in stores:
        assert stores[name].put("a/b", b"value") == "a/b"
        assert stores[name] is stores[name]
    assert ready.with_keys("path").get("a/b") == b"value"
    assert ready.keyspace.name == "strict"
    stores.close()


def test_threads_get_one_store() -> None:
    """However many ask at once, it is built once."""
    started = threading.Barrier(8)
    slow = threading.Event()
    counted = Counted()

    def build() -> KeyValueStore:
        slow.wait(10)
        return counted()

    stores = Stores({"a": build})
    got: list[KeyValueStore] = []

    def ask() -> None:
        started.wait(10)
        got.append(stores["a"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    slow.set()
    for thread in threads:
        thread.join()
    assert len(counted.made) == 1
    assert got == counted.made * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@forks
def test_a_child_forked_while_a_store_is_built_builds_its_own() -> None:
    """The lock that another thread of the parent holds does not hang the child."""
    building, go_on = threading.Event(), threading.Event()
    parent = os.getpid()

    def build() -> KeyValueStore:
        if os.getpid() == parent:
            building.set()
            go_on.wait(30)
        return DictStore()

    stores = Stores({"a": build})
    thread = threading.Thread(target=lambda: stores["a"])
    thread.start()
    assert building.wait(10)

    def work() -> bool:
        stores["a"].put("key", b"1")
        return stores["a"].get("key") == b"1"

    code = ended(forked(work))
    go_on.set()
    thread.join()
    assert code == 0


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    """And with the nearest, if one is near."""
    stores = Stores({"default": "memory://", "sessions": "memory://"})
    with pytest.raises(ConfigError, match=r"no store 'session'; did you mean 'sessions'\?"):
        stores["session"]
    with pytest.raises(ConfigError, match="no store 'x'; there are 'default', 'sessions'"):
        stores["x"]
    with pytest.raises(ConfigError, match="there are none"):
        Stores({})["x"]


def test_no_stores_are_still_stores() -> None:
    """`stores or other` keeps an empty one, as a caller means it."""
    assert Stores({})
    assert len(Stores({})) == 0
    assert repr(Stores({})) == "<Stores>"


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ({"good": "memory://", "bad": "memroy://"}, "store 'bad': there is no scheme 'memroy'"),
        ({"bad": {"url": "memory://", "x": 1}}, "store 'bad': there is no option 'x'"),
        ({"bad": None}, "store 'bad': a store is configured by a URL"),
        ({"": "memory://"}, "the name of a store is a str"),
        ({1: "memory://"}, "the name of a store is a str"),
        ("memory://", "by a dict of names and stores, .* not str"),
        (None, "by a dict of names and stores"),
    ],
)
def test_every_entry_is_checked_at_once(configs: object, expected: str) -> None:
    """A mistake is found when the application starts, and the entry is named."""
    with pytest.raises(ConfigError, match=expected):
        Stores(configs)  # type: ignore[arg-type]  # wrong types are among them


@pytest.mark.usefixtures("others")
def test_a_missing_library_names_the_entry() -> None:
    """The error stays one that says what to install."""
    with pytest.raises(MissingDependency, match=r"store 'a': .*pip install 'acme-vault\[client\]'"):
        Stores({"a": "needy://h:1/x"})


def test_what_a_callable_gives_is_checked() -> None:
    """Not a store: the entry and the callable are named; the next try calls again."""
    answers: list[object] = [None, DictStore()]
    stores = Stores({"a": lambda: answers.pop(0)})  # type: ignore[arg-type,return-value]
    with pytest.raises(
        ConfigError, match=r"store 'a': <callable .*<lambda>> gave no store, but None"
    ):
        stores["a"]
    assert isinstance(stores["a"], DictStore)


def test_a_callable_may_use_other_stores() -> None:
    """Stores that need each other in a ring are an error, not an endless descent."""
    lazily: list[Stores] = []

    def other(name: str) -> Callable[[], KeyValueStore]:
        return lambda: lazily[0][name]

    lazily.append(Stores({"a": other("b"), "b": DictStore, "x": other("y"), "y": other("x")}))
    assert lazily[0]["a"] is lazily[0]["b"]
    with pytest.raises(ConfigError, match="need each other to be built: x → y → x"):
        lazily[0]["x"]
    assert "a" in lazily[0]


class Closing(DictStore):
    """Tells when it is closed."""

    def __init__(self, name: str, told: list[str], error: Exception | None = None) -> None:
        super().__init__()
        self.name, self.told, self.error = name, told, error

    def _close(self) -> None:
        self.told.append(self.name)
        if self.error is not None:
            raise self.error


def test_closing_closes_what_was_built_and_nothing_else() -> None:
    """A ready store is its owner's; one that nobody used was never opened."""
    told: list[str] = []
    ready = Closing("ready", told)
    with Stores(
        {
            "made": lambda: Closing("made", told),
            "unused": lambda: Closing("unused", told),
            "ready": ready,
        }
    ) as stores:
        made = stores["made"]
        assert stores["ready"] is ready
        assert told == []
    assert told == ["made"]
    assert stores["made"] is made, "as any store, it may be used again"
    stores.close()
    assert told == ["made", "made"]


def test_one_that_does_not_close_stops_no_other() -> None:
    """Every store is closed, the last built first; then every failure is told."""
    told: list[str] = []
    one, two = StoreError("one failed"), OSError("two failed")
    configs = {
        "a": lambda: Closing("a", told, one),
        "b": lambda: Closing("b", told),
        "c": lambda: Closing("c", told, two),
    }
    stores = Stores(configs)
    for name in ("a", "b"):
        stores[name].put("key", b"")
    with pytest.raises(StoreError) as caught:
        stores.close()
    assert caught.value is one
    assert told == ["b", "a"]
    told.clear()
    stores["c"].put("key", b"")
    with pytest.raises(StoreError, match=r"'c' \(two failed\), 'a' \(one") as caught:
        stores.close()
    assert told == ["c", "b", "a"]
    assert caught.value.__cause__.exceptions == (two, one)


def test_stores_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same shape as JSON in one variable."""
    configs = {
        "default": f"fs://{tmp_path}?keys=path",
        "media": {"url": "memory://", "default_ttl_secs": 60, "decorators": [{"prefix": "e-"}]},
    }
    monkeypatch.setenv("KVCORE_STORES", json.dumps(configs))
    monkeypatch.setenv("MINE", '{"a": "memory://"}')
    assert repr(Stores.from_env()) == repr(Stores(configs))
    assert list(Stores.from_env("MINE")) == ["a"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "the environment variable KVCORE_STORES is not set"),
        ("", "no JSON .*: Expecting value in line 1, column 1"),
        ("fs:///srv/kanarienvogel", "no JSON"),
        ('{"a": "memory://",}', "no JSON"),
        ('["memory://"]', "configured by a dict of names and stores, .* not list"),
        ('{"a": "memory://", "a": "fs://x"}', "'a' is given twice"),
        ('{"a": {"url": "memory://", "keys": "path", "keys": "path"}}', "'keys' is given twice"),
        ('{"a": {"url": "memory://", "default_ttl_secs": NaN}}', "NaN is no number"),
        ("[" * 100_000, "no JSON"),
        ("9" * 5000, "no JSON"),
        ('{"a": "memroy://"}', "KVCORE_STORES: store 'a': there is no scheme 'memroy'"),
        ('{"a": null}', "KVCORE_STORES: store 'a': .* not NoneType"),
    ],
    ids=lambda value: f"{value!r:.40}",
)
def test_what_is_wrong_in_the_environment_is_told_and_not_shown(
    content: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken JSON may hold secrets: place and kind of the mistake are enough."""
    monkeypatch.delenv("KVCORE_STORES", raising=False)
    if content is not None:
        monkeypatch.setenv("KVCORE_STORES", content)
    with pytest.raises(ConfigError, match=expected) as caught:
        Stores.from_env()
    assert "kanarienvogel" not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_repr_builds_nothing(tmp_path: Path) -> None:
    """It shows URLs, and of a callable its name alone."""
    counted = Counted()
    stores = Stores({"a": "hmemory://x", "b": counted, "c": DictStore, "d": DictStore()})
    assert repr(stores) == (
        "<Stores a=<StorePlan memory://x?keys=path>, b=<callable Counted>,"
        " c=<callable DictStore>, d=<DictStore memory://>>"
    )
    assert counted.made == []


ROUND_TRIP = """
import pickle, sys
stores = pickle.load(sys.stdin.buffer)
for name, store in stores.items():
    print(name, repr(store), sorted(store.keys()))
    store.put("from-child", b"child")
    if name != "readable":
        assert store.get("from-child") == b"child"
"""


def test_stores_from_urls_pickle_into_another_process(tmp_path: Path) -> None:
    """What a worker gets sees the same folder, with all options and decorators."""
    configs = {
        "folder": f"fs://{tmp_path}/a?keys=path&durability=atomic&perm=640",
        "web": f"webfs://{tmp_path}/b?url_prefix=/media/",
        "signed": {
            "url": f"hfs://{tmp_path}/c",
            "decorators": [{"prefix": "p/"}, {"hmac": ["old", "new"]}, "urlencode"],
        },
        "ids": {"url": f"fs://{tmp_path}/d", "decorators": [{"random_id": "x-{}"}]},
        "named": "memory://pickled",
        "unnamed": "memory://",
    }
    stores = Stores(configs)
    for name in stores:
        stores[name].put("from-parent", name.encode())
    import pickle

    content = pickle.dumps({name: stores[name] for name in stores})
    child = subprocess.run([sys.executable, "-c", ROUND_TRIP], input=content, capture_output=True)
    assert child.returncode == 0, child.stderr.decode()
    told = child.stdout.decode().splitlines()
    # A name of memory is this process's; without one the values themselves go along.
    expected = {name: "[]" if name == "named" else "['from-parent']" for name in configs}
    assert told == [f"{name} {stores[name]!r} {expected[name]}" for name in configs]
    for name in stores:
        shared = name not in {"named", "unnamed"}
        assert ("from-child" in stores[name]) == shared


def test_a_named_store_unpickles_as_itself() -> None:
    """In one process `memory://name` stays one store, through a pickle, too."""
    import pickle

    store = Stores({"a": "memory://itself?keys=path"})["a"]
    again = pickle.loads(pickle.dumps(store))
    again.put("a/b", b"1")
    assert store.get("a/b") == b"1"
    assert repr(again) == repr(store)
