"""Processes that fork: each child has connections of its own, and the parent keeps its."""

import asyncio
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from kvcore import AsyncStore, RedisStore, async_store, store_from_url
from kvcore.aio.native import NativeStore
from kvcore.testing.contract.fixtures import in_threads
from tests import servers
from tests.forks import ended, forked, forks
from tests.redis_servers import RedisServer
from tests.soak import count

TURNS = count(100, 5000)


@pytest.fixture(params=["url", "client"])
def store(request: pytest.FixtureRequest, empty_valkey: RedisServer) -> Iterator[RedisStore]:
    """A store that was used before the fork."""
    if request.param == "client":
        with empty_valkey.client() as client:
            yield RedisStore(client)
        return
    with store_from_url(empty_valkey.url()) as store:
        assert isinstance(store, RedisStore)
        yield store


def own_values(store: Any, name: str) -> bool:
    """Whether everything that is put is what is got."""
    for turn in range(TURNS):
        store.put(f"{name}-{turn}", f"{name} {turn}".encode())
        if store.get(f"{name}-{turn}") != f"{name} {turn}".encode():
            return False
    return len(store.keys(f"{name}-")) == TURNS


@forks
def test_children_and_parent_at_once(store: RedisStore) -> None:
    """Four children and their parent use one store object; each gets its own values."""
    store.put("key", b"1")
    children = [
        forked(lambda number=number: own_values(store, f"child{number}")) for number in range(4)
    ]
    assert own_values(store, "parent")
    assert [ended(child) for child in children] == [0] * 4
    assert store.get("key") == b"1"


@forks
def test_a_fork_while_threads_are_busy(empty_valkey: RedisServer) -> None:
    """No lock that a thread of the parent held keeps a child waiting."""
    with store_from_url(empty_valkey.url()) as store:
        store.put("key", b"1")
        stop = threading.Event()

        def busy() -> None:
            while not stop.is_set():
                store.get("key")

        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(count(10, 500)):
                assert ended(forked(lambda: store.get("key") == b"1")) == 0
        finally:
            stop.set()
            for thread in threads:
                thread.join()


@forks
def test_a_fork_in_an_event_loop(empty_valkey: RedisServer) -> None:
    """A child of a process with a loop has loops and connections of its own."""
    store = async_store(store_from_url(empty_valkey.url()))
    assert isinstance(store, NativeStore)

    async def use() -> None:
        await store.put("key", b"parent")

        def work() -> bool:
            # The child is still inside the parent's loop; a thread of its own has none.
            found: list[bytes] = []
            thread = threading.Thread(target=lambda: found.append(asyncio.run(store.get("key"))))
            thread.start()
            thread.join()
            return found == [b"parent"]

        child = forked(work)
        for number in range(TURNS):
            await store.put("other", b"%d" % number)
            assert await store.get("other") == b"%d" % number
        assert ended(child) == 0
        assert await store.get("key") == b"parent"
        await store.aclose()

    asyncio.run(use())


@forks
def test_a_fork_with_threads_that_await(empty_valkey: RedisServer) -> None:
    """As gunicorn with ``--preload`` and a store that is awaited in threads."""
    store = AsyncStore(store_from_url(empty_valkey.url()))
    asyncio.run(store.put("key", b"1"))
    children = [forked(lambda: asyncio.run(store.get("key")) == b"1") for _ in range(4)]
    assert [ended(child) for child in children] == [0] * 4
    asyncio.run(store.aclose())


def test_gunicorn_preloads_the_store(empty_valkey: RedisServer) -> None:
    """Four workers forked from a process that used the store: each gets its own values."""
    env = {"STORE": empty_valkey.url()}
    with servers.gunicorn(
        "tests.backends.redis.preloaded:app", workers=4, threads=2, env=env, options=("--preload",)
    ) as server:
        asked = count(200, 5000)

        def ask(thread: int) -> set[bytes]:
            pids = set()
            for number in range(asked // 8):
                with urllib.request.urlopen(f"{server.url}/{thread}/{number}", timeout=30) as got:
                    body, _, pid = got.read().partition(b" ")
                assert body == b"%d-%d" % (thread, number)
                pids.add(pid)
            return pids

        pids = set().union(*in_threads(8, ask))
        assert len(pids) > 1
        assert str(server.pid).encode() not in pids
        assert server.complaints == ""
