"""What the server refuses, in our words: what is wrong and what to do about it."""

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kvcore import KeyNotFound, KvcoreError, StoreError, store_from_url
from kvcore.aio.native import NativeStore
from kvcore.errors import PartialFailure
from kvcore.testing import BlockingStore
from tests.redis_servers import HOST, RedisServer, free_port, running

VERBS: dict[str, Callable[[Any], object]] = {
    "get": lambda s: s.get("key"),
    "fetch": lambda s: s.fetch("key"),
    "open": lambda s: s.open("key"),
    "get_range": lambda s: s.get_range("key", 0, 1),
    "stat": lambda s: s.stat("key"),
    "in": lambda s: "key" in s,
    "put": lambda s: s.put("key", b"1"),
    "put if_absent": lambda s: s.put("key", b"1", 60, if_absent=True),
    "put if_match": lambda s: s.put("key", b"1", if_match="0" * 40),
    "put_file": lambda s: s.put_file("key", iter([b"1"])),
    "put_many": lambda s: s.put_many({"key": b"1", "other": b"2"}),
    "get_many": lambda s: s.get_many(["key", "other"]),
    "delete": lambda s: s.delete("key"),
    "delete if_match": lambda s: s.delete("key", if_match="0" * 40),
    "delete_many": lambda s: s.delete_many(["key", "other"]),
    "copy": lambda s: s.copy("key", "other"),
    "move": lambda s: s.move("key", "other"),
    "touch": lambda s: s.touch("key", 60),
    "increment": lambda s: s.increment("key"),
    "keys": lambda s: s.keys(),
    "iter_stats": lambda s: list(s.iter_stats()),
}
WRITES = [name for name in VERBS if name.startswith(("put", "copy", "increment"))]


@pytest.fixture
def store(empty_valkey: RedisServer) -> Iterator[Any]:
    """An empty store."""
    with store_from_url(empty_valkey.url(deadline=20)) as store:
        yield store


def check(error: KvcoreError, hint: str) -> None:
    """It is a StoreError that says what to do, names its place, and travels."""
    assert isinstance(error, StoreError)
    if isinstance(error, PartialFailure):
        assert error.errors
        for one in error.errors.values():
            check(one, hint)
        return
    assert hint in str(error)
    assert "redis://" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("name", VERBS)
def test_no_server(name: str) -> None:
    """Every verb of a store whose server is down raises our error, with the system's reason."""
    with store_from_url(f"redis://{HOST}:{free_port()}") as store:
        with pytest.raises(StoreError) as refused:
            VERBS[name](store)
    check(refused.value, "refused")


@pytest.mark.parametrize(
    "name",
    set(VERBS)
    - {
        "in",
        "put",
        "put_file",
        "put_many",
        "get_many",
        "delete",
        "delete_many",
        "keys",
        "iter_stats",
        "touch",
        "put if_absent",
    },
)
def test_a_foreign_type(name: str, store: Any, empty_valkey: RedisServer) -> None:
    """What another program keeps under the key is no value, and stays."""
    empty_valkey.direct.rpush("key", b"1")
    with pytest.raises(StoreError) as refused:
        VERBS[name](store)
    check(refused.value, "another program keeps a list, hash")
    assert refused.value.key == "key"
    assert empty_valkey.direct.lrange("key", 0, -1) == [b"1"]


def test_foreign_types_are_not_listed(store: Any, empty_valkey: RedisServer) -> None:
    """Nor do they come with many; a put replaces one, as Redis's SET does."""
    empty_valkey.direct.rpush("key", b"1")
    store.put("other", b"2")
    assert store.keys() == ["other"]
    assert [key for key, _ in store.iter_stats()] == ["other"]
    assert store.get_many(["key", "other"]) == {"other": b"2"}
    store.put("key", b"value")
    assert store.get("key") == b"value"


@pytest.mark.parametrize("name", WRITES)
def test_out_of_memory(name: str, store: Any, empty_valkey: RedisServer) -> None:
    """Nothing is stored, what was there stays, and it can be read and deleted."""
    direct = empty_valkey.direct
    store.put("key", b"5")
    if name == "put if_match":
        verb = lambda s: s.put("key", b"1", if_match=s.stat("key").etag)  # noqa: E731
    elif name == "put if_absent":
        verb = lambda s: s.put("other", b"1", if_absent=True)  # noqa: E731
    else:
        verb = VERBS[name]
    direct.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreError) as refused:
            verb(store)
        assert store.get("key") == b"5"
        assert store.keys() == ["key"]
        store.delete("key")
    finally:
        direct.config_set("maxmemory", 0)
    check(refused.value, "no memory left")
    store.put("key", b"again")


@pytest.fixture(scope="module")
def replica(valkey: RedisServer) -> Iterator[RedisServer]:
    """A server that follows the other one."""
    valkey.direct.config_set("repl-diskless-sync-delay", 0)
    with running("valkey", "--replicaof", f"{HOST} {valkey.port}") as server:
        while server.direct.info("replication")["master_link_status"] != "up":
            pass
        yield server


@pytest.mark.parametrize("name", [*WRITES, "delete", "delete_many", "touch", "move"])
def test_a_replica_does_not_write(
    name: str, store: Any, replica: RedisServer, empty_valkey: RedisServer
) -> None:
    """And says where writes go."""
    store.put("key", b"5")
    empty_valkey.direct.wait(1, 0)
    with store_from_url(replica.url()) as copy:
        assert copy.get("key") == b"5"
        with pytest.raises(StoreError) as refused:
            if name == "put if_match":
                copy.put("key", b"1", if_match=copy.stat("key").etag)
            else:
                VERBS[name](copy)
    check(refused.value, "write to the primary")


def test_too_few_replicas(store: Any, empty_valkey: RedisServer) -> None:
    """A server that must not write alone says so."""
    empty_valkey.direct.config_set("min-replicas-to-write", 9)
    try:
        with pytest.raises(StoreError) as refused:
            store.put("key", b"1")
    finally:
        empty_valkey.direct.config_set("min-replicas-to-write", 0)
    check(refused.value, "too few replicas")


def test_a_disk_that_is_full(store: Any, empty_valkey: RedisServer) -> None:
    """A server that cannot save refuses writes, and the error says where to look."""
    direct = empty_valkey.direct
    store.put("key", b"1")
    direct.config_set("save", "3600 1")
    (empty_valkey.folder / "dump.rdb").mkdir()  # what it would write to
    try:
        direct.bgsave()
        while direct.info("persistence")["rdb_last_bgsave_status"] == "ok":
            pass
        with pytest.raises(StoreError) as refused:
            store.put("key", b"2")
        assert store.get("key") == b"1"
    finally:
        direct.config_set("save", "")
        (empty_valkey.folder / "dump.rdb").rmdir()
    check(refused.value, "cannot save to its disk")


def test_who_may_not(empty_valkey: RedisServer) -> None:
    """No password, a wrong one, a user without the right: three errors."""
    direct = empty_valkey.direct
    direct.acl_setuser("reader", enabled=True, passwords=["+pw"], keys=["*"], commands=["+get"])
    direct.acl_setuser("default", enabled=True, passwords=["+pw"], keys=["*"])
    try:
        for login, hint in (
            ("", "asks for a password"),
            ("default:wrong@", "does not know this user or password"),
            ("reader:pw@", "may not do that"),
        ):
            url = empty_valkey.url().replace("//", f"//{login}")
            with store_from_url(url) as store, pytest.raises(StoreError) as refused:
                store.put("key", b"1")
            check(refused.value, hint)
            assert "wrong" not in str(refused.value).replace("WRONGPASS", "")
    finally:
        direct.acl_setuser("default", enabled=True, reset_passwords=True, nopass=True)


def test_commands_that_are_forbidden(empty_valkey: RedisServer) -> None:
    """The server's answer quotes arguments; no part of a value is told."""
    with running("valkey", "--rename-command", "EVALSHA", "", "--rename-command", "EVAL", "") as s:
        with store_from_url(s.url()) as store:
            store.put("key", b"1")
            with pytest.raises(StoreError) as refused:
                store.put("key", b"a-secret-value", if_match="0" * 40)
    check(refused.value, "unknown command")
    assert "a-secret-value" not in str(refused.value)


def test_missing_is_not_failed(store: Any) -> None:
    """A key that is not there is no error of the storage."""
    for name in ("get", "fetch", "open", "get_range", "stat", "copy", "move", "touch"):
        with pytest.raises(KeyNotFound):
            VERBS[name](store)


def test_a_server_that_loads(valkey: RedisServer) -> None:
    """A server that has just started tells to wait."""
    with running(
        "valkey", "--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"
    ) as server:
        with store_from_url(server.url()) as store:
            store.put_many({f"key-{number}": bytes(100) for number in range(3000)})
            server.direct.save()
            server.kill()
            server.start()
            with pytest.raises(StoreError) as refused:
                store.get("key-0")
    check(refused.value, "loading its data")


@pytest.mark.parametrize("way", ["fetch", "fetch awaited", "fetch many"])
@pytest.mark.parametrize("missing", ["pttl", "multi", "exec"])
def test_a_transaction_that_is_refused(missing: str, way: str, empty_valkey: RedisServer) -> None:
    """In whole or in part: an error, and what is asked next is answered, not queued."""
    direct = empty_valkey.direct
    direct.acl_setuser(
        "other", enabled=True, nopass=True, keys=["*"], commands=["+@all", f"-{missing}"]
    )
    store: Any = store_from_url(f"redis://other:any@{HOST}:{empty_valkey.port}?deadline=20")
    if way == "fetch awaited":
        store = BlockingStore(NativeStore(store))
    try:
        store.put("key", b"1", 60)
        with pytest.raises(StoreError) as refused:
            store._fetch_many(["key"]) if way == "fetch many" else store.fetch("key")
        check(refused.value, "may not do that")
        assert store.get("key") == b"1"
    finally:
        store.close()
        direct.acl_deluser("other")
