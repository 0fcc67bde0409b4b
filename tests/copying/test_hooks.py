"""The hooks by which a copy asks for many keys: they give what the verbs give one by one."""

from collections.abc import Callable

import pytest

from kvcore import (
    DictStore,
    HMACDecorator,
    KeyValueStore,
    PartialFailure,
    PrefixDecorator,
    RandomIdDecorator,
    ReadOnlyDecorator,
    Stat,
    URLEncodeKeysDecorator,
    WriteOptions,
    store_from_url,
)
from kvcore.testing import FaultyStore
from tests.redis_servers import RedisServer

Around = Callable[[KeyValueStore], KeyValueStore]

AROUND: dict[str, Around] = {
    "nothing": lambda store: store,
    "prefix": lambda store: PrefixDecorator("a-", store),
    "urlencode": URLEncodeKeysDecorator,
    "hmac": lambda store: HMACDecorator(b"0" * 32, store),
    "hmac, as minimalkv": lambda store: HMACDecorator(b"0" * 32, store, legacy=True),
    "ids": RandomIdDecorator,
    "faulty": FaultyStore,
    "all": lambda store: RandomIdDecorator(
        PrefixDecorator("b-", HMACDecorator(b"0" * 32, URLEncodeKeysDecorator(store)))
    ),
}


@pytest.fixture(params=["memory", "valkey"])
def inner(request: pytest.FixtureRequest) -> KeyValueStore:
    """An empty store, in memory and on a server."""
    if request.param == "memory":
        return DictStore()
    server: RedisServer = request.getfixturevalue("empty_valkey")
    return store_from_url(server.url())


def bare(stat: Stat) -> tuple[int, int | None]:
    """Size and seconds to live, which differ by the moment of the question."""
    left = stat.remaining_secs()
    return stat.size, None if left is None else round(left / 60)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_hooks_for_many_keys(inner: KeyValueStore, around: Around) -> None:
    """Sizes, values with expiry and puts with options, through everything that stands around."""
    inner.put("stranger", b"not ours")
    store = around(inner)
    store.put("there", b"old")
    hour, absent = WriteOptions(3600.0), WriteOptions(if_absent=True)
    large = bytes(100_000)
    with pytest.raises(PartialFailure) as caught:
        store._put_each(
            {
                "empty": (b"", WriteOptions()),
                "there": (b"new", absent),
                "large": (large, absent),
                "session": (b"1", hour),
                "other": (b"2", WriteOptions(7200.0)),
            }
        )
    assert [(error.key, error.store) for error in caught.value.errors.values()] == [
        ("there", repr(store))
    ]
    keys = ["empty", "there", "large", "session", "other"]
    found = store._fetch_many([*keys, "missing"])
    assert {key: data for key, (data, _) in found.items()} == {
        "empty": b"",
        "there": b"old",
        "large": large,
        "session": b"1",
        "other": b"2",
    }
    stats = {key: store.stat(key) for key in keys}
    assert bare(stats["session"]) == (1, 60)
    sizes = dict(store._iter_sizes(""))
    for key, stat in stats.items():
        assert bare(found[key].stat) == bare(sizes[key]) == bare(stat)
        assert {found[key].stat.etag, sizes[key].etag} <= {stat.etag, None}
    assert set(sizes) == set(store)
    assert [key for key, _ in store._iter_sizes("oth")] == ["other"]


def test_a_read_only_store_lists_and_fetches() -> None:
    """And puts nothing."""
    store = ReadOnlyDecorator(DictStore({"a": b"1"}))
    assert store._fetch_many(["a"])["a"].data == b"1"
    assert [key for key, _ in store._iter_sizes("")] == ["a"]
