"""Listings: many keys, foreign names, patterns, tables that grow and shrink meanwhile."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from kvcore import PATH, STRICT, KeySpace, store_from_url
from kvcore.backends.redis.listing import Keys, Recent, pattern_of
from tests.redis_servers import RedisServer
from tests.soak import count

MANY = count(12_000, 200_000)

NAMES = [
    *(b"a", b"a.b", b".", b"..", b".a", b"", b"a/b", b"/a", b"a/", b"a//b", b"a/./b", b"a/../b"),
    *(b"a b", b"a\nb", b"\n", b"a\n", b"\na", b"a:b", b"a*b", b"\xff", b"\xc3\xa9", b"\xc3"),
    *(b"a" * 250, b"a" * 251, b"a" * 1024, b"a" * 1025, b".kvcore-x", b"a/.kvcore-x", b"a\x7f"),
    *(b"a|b", b"a;b", b"a\\b", b"\xed\xa0\x80"),
]


@pytest.fixture
def store(empty_valkey: RedisServer) -> Iterator[Any]:
    """An empty store."""
    with store_from_url(empty_valkey.url(keys="path")) as store:
        yield store


def test_many_keys_come_once(store: Any, empty_valkey: RedisServer) -> None:
    """Over many trips, with foreign names among them."""
    names = [f"user/{number:08}/data" for number in range(MANY)]
    store.put_many(dict.fromkeys(names, b""))
    pipeline = empty_valkey.direct.pipeline(transaction=False)
    for number in range(2000):
        pipeline.set(b"user/\xff%d" % number, b"")
        pipeline.set(f"user//{number}", b"")
    pipeline.execute()
    assert sorted(store.keys()) == names
    assert sorted(store.keys("user/0000000")) == names[:10]
    assert sorted(key for key, _ in store.iter_stats("user/0000001")) == names[10:20]
    assert store.keys("user//") == []
    store.delete_many(names)
    assert store.keys() == []


@pytest.mark.parametrize("space", [STRICT, PATH, KeySpace("path", 255)], ids=repr)
def test_a_block_of_names_is_judged_as_each_alone(space: KeySpace) -> None:
    """The shorter way for many says the same as the key space does of each."""
    keys = Keys(space)
    rng = random.Random(7)
    legal = [name for name in NAMES if keys.of([name])]
    for name in NAMES:
        try:
            expected = [name.decode()] if name.decode() in space else []
        except UnicodeDecodeError:
            expected = []
        assert keys.of([name]) == expected, name
    for name in NAMES:
        for block in ([name, b"x"], [b"x", name], [b"x", name, b"y"]):
            assert keys.of(block) == [one.decode() for one in block if one in {*legal, b"x", b"y"}]
    for _ in range(count(300, 30_000)):
        block = rng.choices(NAMES, k=rng.randrange(1, 5))
        expected = [name.decode() for name in block if name in legal]
        assert keys.of(block) == expected, block
    assert keys.of([]) == []


def test_a_pattern_is_text() -> None:
    """What Redis would read as a pattern is escaped."""
    assert pattern_of(b"a") == b"a*"
    assert pattern_of(b"*?[\\") == rb"\*\?\[\\*"


def test_names_that_come_again_are_dropped() -> None:
    """Within a block and from one to the next."""
    recent = Recent()
    assert sorted(recent.new_of([b"a", b"b", b"a"])) == [b"a", b"b"]
    assert sorted(recent.new_of([b"b", b"c"])) == [b"c"]
    assert list(recent.new_of([])) == []
    assert list(recent.new_of([b"a"])) == []


def test_what_is_remembered_is_bounded() -> None:
    """A listing of any length takes little memory."""
    recent = Recent()
    for block in range(200):
        recent.new_of([b"%d-%d" % (block, number) for number in range(1000)])
        assert len(recent._names) <= 22_000
        assert sum(map(len, recent._blocks)) <= 22_000


def test_a_table_that_shrinks_and_grows(store: Any, empty_valkey: RedisServer) -> None:
    """Keys that stay are listed, once, though others come and go by the thousand meanwhile."""
    stay = {f"stay/{number}" for number in range(2000)}
    others = [f"go/{number}" for number in range(20_000)]
    store.put_many(dict.fromkeys(stay, b""))
    for _ in range(count(2, 100)):
        store.put_many(dict.fromkeys(others, b""))
        found: list[str] = []
        listing = store.iter_keys()
        for number, key in enumerate(listing):
            found.append(key)
            if number == 7000:
                store.delete_many(others)
            if number == 7500:
                store.put_many(dict.fromkeys(others[:5000], b""))
        kept = [key for key in found if key in stay]
        assert sorted(kept) == sorted(stay)


def test_a_listing_that_is_left_holds_nothing(store: Any) -> None:
    """No connection waits for who stopped in the middle."""
    store.put_many({f"key/{number}": b"" for number in range(10_000)})
    for _ in range(20):
        next(store.iter_keys())
    assert len(store._server._link._pool[0]._in_use_connections) == 0
    assert store.get("key/1") == b""


def test_a_server_that_breaks_off_in_the_middle(store: Any, empty_valkey: RedisServer) -> None:
    """A lost connection is made again: the cursor is the server's, and holds."""
    names = {f"key/{number}" for number in range(12_000)}
    store.put_many(dict.fromkeys(names, b""))
    listing = store.iter_keys()
    found = {next(listing)}
    empty_valkey.direct.client_kill_filter(_type="normal", skipme=True)
    found |= set(listing)
    assert found == names
