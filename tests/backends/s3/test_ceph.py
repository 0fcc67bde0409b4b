"""The contract on Ceph's gateway, a whole engine: signatures, races, keys of every kind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kvcore import (
    KeyExists,
    KeyNotFound,
    KeyValueStore,
    PreconditionFailed,
    StoreError,
    store_from_url,
)
from kvcore.testing import StoreContract
from tests.backends.s3.verbs import LARGE, OPTIONS
from tests.object_servers.s3 import ACCESS_KEY, SECRET_KEY, Bucket

WRITERS = 8


class TestCeph(StoreContract):
    """`provider=ceph` says what its conditions are worth. Pages are a matter of `test_contract`."""

    overtaken_readers_end = True
    secrets = (SECRET_KEY,)

    @pytest.fixture
    def store(self, ceph_bucket: Bucket) -> Iterator[KeyValueStore]:
        """An empty store."""
        self._bucket = ceph_bucket
        with self.open() as store:
            yield store

    def open(self) -> Any:
        keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        url = self._bucket.url("pre/fix-", provider="ceph", keys="path", **keys)
        return store_from_url(url)

    def reopen(self, store: KeyValueStore) -> KeyValueStore:
        return self.open()  # type: ignore[no-any-return]

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        if len(name) <= 1000:  # a key has 1024 bytes
            self._bucket.put(f"pre/fix-{name}", data)


@pytest.fixture
def store(ceph_bucket: Bucket) -> Iterator[Any]:
    """A store whose conditions are those of Ceph, and whose large values are not that large."""
    url = ceph_bucket.url(**{**OPTIONS, "provider": "ceph", "conditional": "put", "keys": "any"})
    with store_from_url(url) as store:
        yield store


def race(work: Any) -> list[Any]:
    """What comes of calling it with the numbers of writers, all at a time."""

    def attempt(number: int) -> Any:
        try:
            return work(number)
        except PreconditionFailed as error:
            return error

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(attempt, range(WRITERS)))


def test_one_of_many_creates(store: Any) -> None:
    """The others are told that they lost, and the value is the winner's."""
    for round_ in range(5):
        key = f"key-{round_}"
        found = race(lambda number, key=key: store.put(key, b"%d" % number, if_absent=True))
        assert sum(isinstance(one, KeyExists) for one in found) == WRITERS - 1
        assert store.get(key) == b"%d" % found.index(key)


def test_one_of_many_replaces(store: Any) -> None:
    """By the etag of the version that all have read."""
    store.put("key", b"old")
    etag = store.stat("key").etag
    found = race(lambda number: store.put("key", b"%d" % number, if_match=etag))
    assert sum(isinstance(one, PreconditionFailed) for one in found) == WRITERS - 1
    assert store.get("key") == b"%d" % found.index("key")


def test_counts(store: Any) -> None:
    """Nobody's count is lost."""
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda _: store.increment("count"), range(40)))
    assert store.get("count") == b"40"


def test_a_large_value_on_a_condition_that_parts_cannot_have(store: Any) -> None:
    """Ceph ignores the condition where parts are put together: it goes in one request."""
    store.put("key", LARGE, if_absent=True)
    with pytest.raises(KeyExists):
        store.put("key", LARGE + b"1", if_absent=True)
    with pytest.raises(KeyExists):
        store.put_file("key", iter([LARGE, b"1"]), if_absent=True)
    assert store.get("key") == LARGE


ODD_KEYS = [
    *("plain", "a/b", "a", "ü €/😀", "+ %20&;=?#", "a//b", "//", "dir/", "/lead", "p/../q", "./."),
    *("line\nfeed\ttab", "\\", "'\"<>", "~", "x" * 1000, "ends ", " begins", "a\x7f"),
]


def test_keys_of_every_kind(store: Any, ceph_bucket: Bucket) -> None:
    """Are put past the store; listed, read and removed by it, exactly as they are."""
    for number, key in enumerate(ODD_KEYS):
        ceph_bucket.put(key, b"%d" % number)
    assert sorted(store) == sorted(ODD_KEYS)
    assert {key: stat.size for key, stat in store.iter_stats()} == {
        key: len(b"%d" % number) for number, key in enumerate(ODD_KEYS)
    }
    for number, key in enumerate(ODD_KEYS):
        assert store.get(key) == b"%d" % number
        assert store.stat(key).size == len(b"%d" % number)
    store.delete(ODD_KEYS[0])
    store.delete_many(ODD_KEYS)
    assert ceph_bucket.keys() == []


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"access_key": ACCESS_KEY, "secret_key": "wrong"}, "signature"),
        ({"access_key": "unknown", "secret_key": SECRET_KEY}, "access key"),
        ({"anonymous": True}, "may not"),
    ],
    ids=["wrong secret", "unknown key", "anonymous"],
)
def test_who_may_not(options: dict[str, object], hint: str, ceph_bucket: Bucket) -> None:
    """Is told so by every kind of request."""
    ceph_bucket.put("key", b"value")
    with store_from_url(ceph_bucket.url(**options)) as store:
        for call in (store.get, store.delete, lambda key: store.put(key, b"1")):
            with pytest.raises(StoreError, match=hint):
                call("key")
        with pytest.raises(StoreError, match="may not"):
            store.stat("key")  # its answer has no words
    assert ceph_bucket.get("key") == b"value"


def test_a_missing_bucket_is_created_if_asked(radosgw: Any, ceph_bucket: Bucket) -> None:
    """And only then."""
    missing = ceph_bucket._replace(name=f"{ceph_bucket.name}-other")
    with store_from_url(missing.url()) as store:
        with pytest.raises(StoreError, match="create_if_missing"):
            store.put("key", b"1")
        with pytest.raises(StoreError, match="create_if_missing"):
            assert "key" in store
    with store_from_url(missing.url(create_if_missing=True)) as store:
        with pytest.raises(KeyNotFound):
            store.get("key")
        store.put("key", b"1")
    missing.empty()
    radosgw.direct.delete_bucket(Bucket=missing.name)
