"""How many requests every verb makes: each one costs money and a round trip."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import store_from_url
from tests.backends.s3.scripted import ScriptedS3
from tests.backends.s3.verbs import LARGE, OPTIONS, VALUE, VERBS


@pytest.fixture
def server(server: ScriptedS3) -> ScriptedS3:
    """A server with some values."""
    for key in ("key", "other"):
        server.keep(key, VALUE)
    server.keep("count", b"1")
    return server


@pytest.fixture
def store(server: ScriptedS3) -> Iterator[Any]:
    """A store on it."""
    with store_from_url(server.url(**OPTIONS)) as store:
        yield store


@pytest.mark.parametrize("name", VERBS)
def test_requests_of_a_verb(name: str, server: ScriptedS3, store: Any, tmp_path: Path) -> None:
    """As few as there can be: no HEAD before a put, one GET for a value."""
    verb = VERBS[name]
    if name == "delete if_match":
        server.objects["key"].headers["ETag"] = f'"{"0" * 32}"'  # type: ignore[index]
    verb.call(store, tmp_path)
    assert server.operations == verb.asks
    assert server.uploads == {}


def test_requests_for_what_is_missing(server: ScriptedS3, store: Any) -> None:
    """One more, once: a HEAD does not tell a missing key from a missing bucket."""
    assert "missing" not in store
    assert server.operations == ["HeadObject", "HeadBucket"]
    server.asked.clear()
    assert "missing" not in store
    assert server.operations == ["HeadObject"]


def test_a_listing_asks_once_for_a_page(server: ScriptedS3, store: Any) -> None:
    """And the delimiter is the server's work."""
    for number in range(25):
        server.keep(f"a/{number:02}", b"")
    server.page_size = 10
    paths = store.with_keys("path")
    assert len(paths.keys()) == 28
    assert server.operations == ["ListObjectsV2"] * 3
    server.asked.clear()
    assert sorted(paths.iter_prefixes("/")) == ["a/", "count", "key", "other"]
    assert server.operations == ["ListObjectsV2"]


def test_many_small_reads_are_few_requests(server: ScriptedS3, store: Any) -> None:
    """A reader asks for more than it is asked."""
    server.keep("large", bytes(range(256)) * 4096)
    with store.open("large") as reader:
        while reader.read(1000):
            pass
    assert len(server.asked) <= 3


def test_many_at_a_time(server: ScriptedS3, store: Any) -> None:
    """A thousand keys are deleted by one request."""
    keys = [f"{number:04}" for number in range(1200)]
    for key in keys:
        server.keep(key, b"")
    store.delete_many(keys)
    assert sorted(server.objects) == ["count", "key", "other"]
    assert server.operations == ["DeleteObjects"] * 2


def test_connections_are_kept(server: ScriptedS3, store: Any) -> None:
    """One thread needs one of them, whatever it does, and whatever is missing."""
    for _ in range(10):
        store.put("key", b"1")
        store.get("key")
        assert "missing" not in store
        store.delete("key")
        list(store)
    assert server.connections == 1


def test_large_values_are_read_in_one_go(server: ScriptedS3, store: Any) -> None:
    """A get of many MiB is one GET."""
    server.keep("key", LARGE)
    assert store.get("key") == LARGE
    assert server.operations == ["GetObject"]


@pytest.mark.parametrize(("data", "asks"), [(b"", False), (b"1", True)])
def test_nobody_asks_whether_nothing_may_come(
    server: ScriptedS3, store: Any, data: bytes, asks: bool
) -> None:
    """Servers that answer an empty value at once confuse the connections of some botocore."""
    store.put("key", data)
    [asked] = server.asked
    assert ("expect" in asked.headers) is asks
