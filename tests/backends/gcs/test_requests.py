"""Economy: how many requests each verb makes, and of what kind."""

import io
from collections.abc import Callable

import pytest

from kvcore import GoogleCloudStore
from kvcore.errors import KeyNotFound
from tests.backends.gcs.conftest import PART, Place

SMALL = b"value"
LARGE = bytes(3 * PART)

Verb = Callable[[GoogleCloudStore], object]

VERBS: dict[str, tuple[Verb, list[str]]] = {
    "put": (lambda store: store.put("new", SMALL), ["POST multipart"]),
    "put under a condition": (
        lambda store: store.put("new", SMALL, if_absent=True),
        ["POST multipart"],
    ),
    "put_file": (lambda store: store.put_file("new", io.BytesIO(SMALL)), ["POST multipart"]),
    "put_file of an iterable": (
        lambda store: store.put_file("new", iter([SMALL, SMALL])),
        ["POST multipart"],
    ),
    "put of a part": (lambda store: store.put("new", bytes(PART)), ["POST multipart"]),
    "put in parts": (
        lambda store: store.put("new", LARGE),
        ["POST resumable", *["PUT resumable"] * 3],
    ),
    "put_file in parts": (
        lambda store: store.put_file("new", io.BytesIO(LARGE)),
        ["POST resumable", *["PUT resumable"] * 3],
    ),
    "get": (lambda store: store.get("small"), ["GET media"]),
    "get of a large one": (lambda store: store.get("large"), ["GET media"]),
    "get of an empty one": (lambda store: store.get("empty"), ["GET media"]),
    "fetch": (lambda store: store.fetch("small"), ["GET media"]),
    "get_range": (lambda store: store.get_range("large", 5, 10), ["GET media"]),
    "get_range behind the end": (lambda store: store.get_range("small", 99), ["GET media"]),
    "get_file": (lambda store: store.get_file("large", io.BytesIO()), ["GET media"]),
    "open": (lambda store: store.open("small").read(), ["GET media"]),
    "stat": (lambda store: store.stat("small"), ["GET object"]),
    "in": (lambda store: "small" in store, ["GET object"]),
    "not in": (lambda store: "missing" in store, ["GET object"]),
    "delete": (lambda store: store.delete("small"), ["DELETE object"]),
    "delete of nothing": (lambda store: store.delete("missing"), ["DELETE object"]),
    "copy": (lambda store: store.copy("large", "new"), ["POST rewrite"]),
    "copy to nothing": (
        lambda store: store.copy("large", "new", if_absent=True),
        ["POST rewrite"],
    ),
    "move": (
        lambda store: store.move("large", "new"),
        ["GET object", "POST rewrite", "DELETE object"],
    ),
    "keys": (lambda store: store.keys(), ["GET bucket"]),
    "iter_stats": (lambda store: list(store.iter_stats()), ["GET bucket"]),
    "iter_prefixes": (lambda store: list(store.iter_prefixes("/")), ["GET bucket"]),
    "get_many": (lambda store: store.get_many(["small", "missing"]), ["GET media"] * 2),
    "put_many": (lambda store: store.put_many({"a": b"", "b": b""}), ["POST multipart"] * 2),
    "delete_many": (lambda store: store.delete_many(["a", "b"]), ["DELETE object"] * 2),
    "a writer": (lambda store: write(store), ["POST multipart"]),
}


def write(store: GoogleCloudStore) -> None:
    with store.open_write("new") as writer:
        writer.write(SMALL)


@pytest.mark.parametrize("name", VERBS)
def test_requests(name: str, store: GoogleCloudStore, place: Place) -> None:
    """As few as there can be: one for one small value, and none to look beforehand."""
    verb, expected = VERBS[name]
    for key, data in {"small": SMALL, "large": LARGE, "empty": b""}.items():
        place.bucket.put(key, data)
    verb(store)
    assert place.front.counted() == expected


def test_a_missing_value_is_asked_for_once(store: GoogleCloudStore, place: Place) -> None:
    """Nothing looks whether there is a bucket."""
    for call in (store.get, store.open, store.stat, store.fetch):
        with pytest.raises(KeyNotFound):
            call("missing")
    assert len(place.front.counted()) == 4


def test_nothing_is_asked_in_the_background(store: GoogleCloudStore, place: Place) -> None:
    """The client's look at the bucket, which nobody has asked for, is turned off."""
    store.put("key", b"value")
    for _ in range(20):
        assert "missing" not in store
    assert place.front.counted() == ["POST multipart", *["GET object"] * 20]


def test_nothing_is_opened_before_it_is_needed(place: Place) -> None:
    """A store that is made asks nothing."""
    with place.store(keys="path") as store:
        repr(store)
    assert place.front.counted() == []


def test_a_listing_asks_for_what_it_needs(store: GoogleCloudStore, place: Place) -> None:
    """Names alone for keys."""
    list(store.iter_keys("pre"))
    (request,) = place.front.requests
    assert request.query["fields"] == "items(name),prefixes,nextPageToken"
    assert request.query["prefix"] == "pre"


def test_pages(store: GoogleCloudStore, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long listing is asked for page by page, and each key is told once."""
    from kvcore.backends.gcs import listing

    monkeypatch.setattr(listing, "_PAGE", 3)
    keys = [f"{number:02}" for number in range(10)]
    store.put_many(dict.fromkeys(keys, b""))
    place.front.counted()
    assert store.keys() == keys
    assert [key for key, _ in store.iter_stats()] == keys
    assert place.front.counted() == ["GET bucket"] * 8
