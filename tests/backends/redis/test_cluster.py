"""A cluster of three, and a primary that a sentinel watches over."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.sentinel import Sentinel

from kvcore import KeyExists, KeyNotFound, PreconditionFailed, RedisStore, async_store
from kvcore.aio.native import NativeStore
from kvcore.testing import BlockingStore, Clock, StoreContract
from tests.redis_servers import (
    HOST,
    RedisServer,
    ServerClock,
    running,
    running_cluster,
    running_sentinel,
)

# redis-py up to 6.2 uses an argument of its own that it calls deprecated.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*'cluster_error_retry_attempts':DeprecationWarning:redis"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[RedisServer]]:
    """Three primaries that share the slots."""
    with running_cluster() as servers:
        yield servers


@pytest.fixture
def client(cluster: list[RedisServer]) -> Iterator[Any]:
    """A client of the cluster, emptied."""
    for server in cluster:
        server.flush()
    client = RedisCluster(
        startup_nodes=[ClusterNode(HOST, server.port) for server in cluster], socket_timeout=20
    )
    yield client
    client.close()


class ClusterClock(ServerClock):
    """Time that passes on all nodes."""

    def __init__(self, servers: list[RedisServer]) -> None:
        super().__init__(servers[0])
        self._others = [ServerClock(server) for server in servers[1:]]

    def advance(self, secs: float) -> None:
        """Let ``secs`` seconds pass on each node."""
        super().advance(secs)
        for other in self._others:
            other.advance(secs)


class TestCluster(StoreContract):
    pickles = False
    many_keys = 1200

    @pytest.fixture
    def store(self, client: Any) -> Any:
        """An empty store on three nodes."""
        return RedisStore(client)

    @pytest.fixture
    def clock(self, cluster: list[RedisServer]) -> Clock:
        """Time passes on all of them."""
        return ClusterClock(cluster)


def test_keys_of_all_nodes(client: Any, cluster: list[RedisServer]) -> None:
    """Each is on its node, and a listing has them all."""
    store = RedisStore(client)
    names = {f"key-{number}" for number in range(300)}
    store.put_many(dict.fromkeys(names, b""))
    assert all(server.direct.dbsize() > 50 for server in cluster)
    assert set(store.keys()) == names
    assert len(store.keys()) == 300


def test_a_cluster_is_one_place(client: Any, cluster: list[RedisServer]) -> None:
    """By whatever node a client came to it."""
    with RedisCluster(
        startup_nodes=[ClusterNode("localhost", cluster[-1].port)],
        dynamic_startup_nodes=False,  # it goes on knowing the cluster by this address
        socket_timeout=20,
    ) as other:
        assert RedisStore(client)._place() == RedisStore(other)._place()


def test_a_cluster_is_awaited_in_threads(client: Any) -> None:
    """As its async client disturbs one task by the troubles of another."""
    store = async_store(RedisStore(client))
    assert not store.capabilities.native_async

    async def use() -> list[bytes]:
        await store.put_many({f"key-{number}": b"%d" % number for number in range(20)})
        got = await asyncio.gather(*(store.get(f"key-{number}") for number in range(20)))
        await store.aclose()
        return got

    assert asyncio.run(use()) == [b"%d" % number for number in range(20)]


def test_a_copy_to_another_node(client: Any) -> None:
    """It takes the way through here, with expiry and conditions; a move leaves a newer value."""
    store = RedisStore(client)
    assert not store.capabilities.copy
    pairs = [(f"a{number}", f"b{number}") for number in range(10)]
    assert {client.keyslot(a) == client.keyslot(b) for a, b in pairs} == {False}
    for source, dest in pairs:
        store.put(source, source.encode(), 600)
        store.copy(source, dest, if_absent=True)
        assert store.get(dest) == source.encode()
        assert store.stat(dest).expires is not None
        with pytest.raises(KeyExists):
            store.move(source, dest, if_absent=True)
        store.move(source, dest)
        with pytest.raises(KeyNotFound):
            store.get(source)
    store.put("{one}a", b"1")
    store.move("{one}a", "{one}b")  # one slot, one step
    with pytest.raises(PreconditionFailed):
        store.put("{one}b", b"2", if_match="0" * 40)


@pytest.fixture(scope="module")
def sentinel() -> Iterator[Sentinel]:
    """A primary, and a sentinel that tells where it is."""
    with running("valkey") as primary, running_sentinel(primary) as watch:
        sentinel = Sentinel([(HOST, watch.port)], socket_timeout=20)
        yield sentinel
        for client in sentinel.sentinels:
            client.close()


@pytest.mark.parametrize("is_native", [False, True], ids=["sync", "native"])
def test_a_primary_that_a_sentinel_knows(sentinel: Sentinel, is_native: bool) -> None:
    """The client asks the sentinel, the store asks the client."""
    client = sentinel.master_for("main", redis.Redis)
    with client:
        store: Any = RedisStore(client)
        if is_native:
            assert store.capabilities.native_async
            store = BlockingStore(NativeStore(store))
        store.put("key", b"1", if_absent=True)
        assert store.increment("key") == 2
        assert store.keys() == ["key"]
        store.delete("key")
        store.close()
