"""What is sent: one command for a verb, one trip for many keys, and what the server keeps."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kvcore import KeyNotFound, PreconditionFailed, RedisStore, StoreError, store_from_url
from kvcore.backends.redis.scripts import etag_of
from tests.redis_servers import RedisServer


@pytest.fixture
def store(empty_valkey: RedisServer) -> Iterator[Any]:
    """An empty store that is connected, and whose scripts the server knows."""
    with store_from_url(empty_valkey.url()) as store:
        warm_up(store)
        yield store


def warm_up(store: Any) -> None:
    """Use every script once."""
    store.put("a", b"1", 60)
    store.put("a", b"1", if_match=store.fetch("a").stat.etag)
    store.copy("a", "b")
    store.move("b", "c")
    store.increment("d", ttl_secs=60)
    store.delete("a", if_match=store.stat("a").etag)
    store.delete_many(["c", "d"])


@contextmanager
def counted(server: RedisServer) -> Iterator[Counter[str]]:
    """The commands that the server gets in the block."""
    server.direct.config_resetstat()
    found: Counter[str] = Counter()
    yield found
    ours = {"info", "config|resetstat", "hello", "client|setinfo", "select"}
    for name, stat in server.direct.info("commandstats").items():
        command = name.removeprefix("cmdstat_")
        if command not in ours:
            found[command] += stat["calls"]


SENT: dict[str, tuple[Callable[[Any], object], dict[str, int]]] = {
    "get": (lambda s: s.get("key"), {"get": 1}),
    "get_range": (lambda s: s.get_range("key", 1, 2), {"getrange": 1}),
    "in": (lambda s: "key" in s, {"exists": 1}),
    "stat": (lambda s: s.stat("key"), {"evalsha": 1, "strlen": 1, "pttl": 1, "get": 1}),
    "fetch": (lambda s: s.fetch("key"), {"multi": 1, "get": 1, "pttl": 1, "exec": 1}),
    "open": (lambda s: s.open("key").read(), {"multi": 1, "get": 1, "pttl": 1, "exec": 1}),
    "put": (lambda s: s.put("new", b"1"), {"set": 1}),
    "put with a time": (lambda s: s.put("new", b"1", 60), {"set": 1}),
    "put if_absent": (lambda s: s.put("new", b"1", 60, if_absent=True), {"set": 1}),
    "put if_present": (lambda s: s.put("key", b"1", if_present=True), {"set": 1}),
    "delete": (lambda s: s.delete("key"), {"unlink": 1}),
    "touch": (lambda s: s.touch("key", 60), {"pexpire": 1}),
    "increment": (lambda s: s.increment("count"), {"incrby": 1}),
    "get_many": (lambda s: s.get_many(map(str, range(500))), {"mget": 1}),
    "put_many": (lambda s: s.put_many({str(n): b"" for n in range(500)}), {"set": 500}),
    "keys": (lambda s: s.keys("k"), {"scan": 1}),
}


@pytest.mark.parametrize("name", SENT)
def test_one_command_for_a_verb(name: str, store: RedisStore, empty_valkey: RedisServer) -> None:
    """And no KEYS, no SETEX after a SET, no look before a write."""
    verb, expected = SENT[name]
    store.put("key", b"value")
    with counted(empty_valkey) as found:
        verb(store)
    assert found == expected


def test_many_go_in_one_trip(store: RedisStore, empty_valkey: RedisServer) -> None:
    """A pipeline of a thousand values is read by the server a few times, not a thousand."""
    store.put_many({f"key-{number}": b"value" for number in range(1000)})
    before = empty_valkey.direct.info("stats")["total_reads_processed"]
    store.put_many({f"key-{number}": b"value" for number in range(1000)})
    store.delete_many(f"key-{number}" for number in range(1000))
    after = empty_valkey.direct.info("stats")["total_reads_processed"]
    assert after - before < 100


def test_scripts_that_the_server_has_lost(store: RedisStore, empty_valkey: RedisServer) -> None:
    """They are sent anew: after a restart, a failover, SCRIPT FLUSH."""
    for verb in (
        lambda: store.put("a", b"1", if_match=store.fetch("a").stat.etag),
        lambda: store.stat("a"),
        lambda: store.copy("a", "b"),
        lambda: store.move("b", "c"),
        lambda: store.increment("d", ttl_secs=60),
        lambda: dict(store.iter_stats()),
        lambda: store.delete("a", if_match=store.stat("a").etag),
    ):
        store.put("a", b"1")
        empty_valkey.direct.script_flush()
        verb()


@pytest.mark.parametrize("size", [0, 5, 32 * 1024, 32 * 1024 + 1, 2_000_000])
def test_etags_of_all_sizes_agree(size: int, store: RedisStore) -> None:
    """Whether the hash is made here or in the server."""
    data = bytes(range(256)) * (size // 256 + 1)
    store.put("key", data[:size])
    etag = etag_of(data[:size])
    assert store.stat("key").etag == store.fetch("key").stat.etag == etag
    assert dict(store.iter_stats())["key"].etag == etag
    store.put("key", b"next", if_match=etag)
    assert store.get("key") == b"next"


def test_values_of_one_sha1_have_two_etags() -> None:
    """Two inputs whose SHA-1 is the same are known (shattered.io); they are two values here."""
    import hashlib

    begin = bytes.fromhex(
        "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f4865696768"
        "742033203020522f547970652034203020522f537562747970652035203020522f46696c746572203620302052"
        "2f436f6c6f7253706163652037203020522f4c656e6774682038203020522f42697473506572436f6d706f6e65"
        "6e7420383e3e0a73747265616d0affd8fffe00245348412d3120697320646561642121212121852fec09233975"
        "9c39b1a1c63c4c97e1fffe01"
    )
    one, other = (
        bytes.fromhex(
            "7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df614f86db1690901c56b45c153"
            "0afedfb76038e972722fe7ad728f0e4904e046c230570fe9d41398abe12ef5bc942be33542a4802d98b5d70f"
            "2a332ec37fac3514e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1"
        ),
        bytes.fromhex(
            "7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f"
            "26fedfb3dc38e96ac22fe7bd728f0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f"
            "0e332edf93ac3500eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1"
        ),
    )
    first, second = begin + one, begin + other
    assert first != second
    assert hashlib.sha1(first).digest() == hashlib.sha1(second).digest()
    assert etag_of(first) != etag_of(second)


def test_a_refused_swap_brings_the_value(store: RedisStore) -> None:
    """So that a merge needs no further read; with its expiry and etag."""
    store.put("key", b"current", 60)
    for refused in (
        lambda: store.put("key", b"new", if_match="0" * 40),
        lambda: store.delete("key", if_match="0" * 40),
    ):
        with pytest.raises(PreconditionFailed) as caught:
            refused()
        current = caught.value.current
        assert current is not None
        assert current.data == b"current"
        assert current.stat.etag == store.stat("key").etag
        assert current.stat.expires is not None
        store.put("other", b"merged", if_absent=True)
        store.put("key", b"current", 60, if_match=current.stat.etag)
        store.delete("other")


def test_what_cannot_be_counted(store: RedisStore) -> None:
    """Text, spaces, a plus sign, more than 64 bits: an error of ours, and the value stays."""
    for text in (b"text", b"", b" 1", b"+1", b"01", b"1.0", b"9223372036854775808"):
        for ttl_secs in (None, 60):
            store.put("key", text)
            with pytest.raises(StoreError, match="not a decimal integer"):
                store.increment("key", 1, ttl_secs)
            assert store.get("key") == text
    store.put("key", b"%d" % (2**63 - 1))
    with pytest.raises(StoreError, match="64 bits"):
        store.increment("key")
    assert store.increment("key", -(2**63), ttl_secs=60) == -1
    assert store.increment("large", 2**62 + 1, ttl_secs=60) == 2**62 + 1


def test_milliseconds_count(store: RedisStore, empty_valkey: RedisServer) -> None:
    """A time to live is exact to the millisecond, and never none."""
    for ttl_secs, most in ((0.25, 250), (1.0001, 1001), (1e-9, 1)):
        store.put("key", b"value", ttl_secs)
        assert empty_valkey.direct.pttl("key") <= most
        store.put("key", b"value")
        store.touch("key", ttl_secs)
        assert empty_valkey.direct.pttl("key") <= most


def test_values_really_expire(store: RedisStore, empty_valkey: RedisServer) -> None:
    """By the server's own clock, for every way of giving a time."""
    store.put("put", b"1", 0.001)
    store.put("touched", b"1")
    store.touch("touched", 0.001)
    store.increment("counted", ttl_secs=0.001)
    store.put_many({"many": b"1"}, 0.001)
    store.put("swapped", b"1")
    store.put("swapped", b"2", 0.001, if_match=store.stat("swapped").etag)
    while empty_valkey.direct.keys():
        pass  # the server needs a moment, and no more
    for key in ("put", "touched", "counted", "many", "swapped"):
        with pytest.raises(KeyNotFound):
            store.get(key)


def test_values_above_the_limit_are_not_sent(empty_valkey: RedisServer) -> None:
    """The server would cut the connection; here the value is refused, and named."""
    server = empty_valkey.direct
    before = server.config_get("proto-max-bulk-len")
    server.config_set("proto-max-bulk-len", 2_000_000)
    try:
        with store_from_url(empty_valkey.url()) as store:
            store.put("key", bytes(2_000_000))
            large = bytes(2_000_001)
            with counted(empty_valkey) as found:
                for verb in (
                    lambda: store.put("large", large),
                    lambda: store.put_file("large", iter([large[:1_000_000]] * 3)),
                    lambda: store.put("key", large, if_match="0" * 40),
                ):
                    with pytest.raises(StoreError, match="at most 2000000 bytes") as refused:
                        verb()
                    assert refused.value.key in ("large", "key")
                with pytest.raises(StoreError) as partial:
                    store.put_many({"small": b"1", "large": large})
            assert set(partial.value.errors) == {"large"}  # type: ignore[attr-defined]
            assert found == {"set": 1, "config|get": 4}  # the limit may have been raised
            assert sorted(store.keys()) == ["key", "small"]
    finally:
        server.config_set(*before.popitem())


def test_a_limit_that_changes(empty_valkey: RedisServer) -> None:
    """What was raised holds at once; what was lowered, after the first value that was not taken."""
    server = empty_valkey.direct
    before = server.config_get("proto-max-bulk-len")
    large = bytes(3_000_000)
    try:
        with store_from_url(empty_valkey.url()) as store:
            server.config_set("proto-max-bulk-len", 2_000_000)
            with pytest.raises(StoreError, match="at most 2000000 bytes"):
                store.put("key", large)
            server.config_set("proto-max-bulk-len", 4_000_000)
            store.put("key", large)
            server.config_set("proto-max-bulk-len", 2_000_000)
            with pytest.raises(StoreError):
                store.put("key", large)
            with pytest.raises(StoreError, match="at most 2000000 bytes"):
                store.put("key", large)
            assert store.get("key") == large
    finally:
        server.config_set(*before.popitem())


def test_a_server_that_tells_no_limit(empty_valkey: RedisServer) -> None:
    """Where CONFIG is forbidden, as at many a host, Redis's own limit holds."""
    empty_valkey.direct.acl_setuser(
        "plain", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"]
    )
    with store_from_url(empty_valkey.url().replace("//", "//plain:any@")) as store:
        store.put("key", bytes(1_500_000))
        assert store.stat("key").size == 1_500_000
        assert store._server.largest_value(2_000_000) == 512 * 1024 * 1024
