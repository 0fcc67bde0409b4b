"""Awaited without threads: event loops that come and go, cancellations, many at once."""

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from kvcore import HMACDecorator, PrefixDecorator, RedisStore, async_store, store_from_url
from kvcore.aio.native import NativeStore
from kvcore.backends.redis.scripts import etag_of
from tests.faults.proxy import Proxy
from tests.redis_servers import HOST, RedisServer

SECRET = b"a secret of 32 bytes, or of more."


@pytest.fixture
def proxy(empty_valkey: RedisServer) -> Iterator[Proxy]:
    """A network that can be disturbed."""
    with Proxy(HOST, empty_valkey.port) as proxy:
        yield proxy


def native(url: str) -> NativeStore:
    """A store that is awaited without threads."""
    store = async_store(store_from_url(url))
    assert isinstance(store, NativeStore)
    return store


class Clients:
    """Who came to the server since the test began; others of this process may be there still."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._before: set[str] = set()
        self._before = self.ids()

    def ids(self) -> set[str]:
        """What the server calls them."""
        found = {client["id"] for client in self._server.direct.client_list(_type="normal")}
        return found - self._before

    def count(self) -> int:
        return len(self.ids())

    def all_gone(self) -> bool:
        """Wait until the server has noticed; false if some stay for a minute."""
        deadline = time.monotonic() + 60
        while self.count():
            if time.monotonic() > deadline:
                return False
        return True


@pytest.fixture
def clients(empty_valkey: RedisServer) -> Clients:
    return Clients(empty_valkey)


def test_loops_one_after_another(empty_valkey: RedisServer, clients: Clients) -> None:
    """As ``async_to_sync`` has them: a new loop for each call, and nothing is left open."""
    store = native(empty_valkey.url())
    for number in range(3):
        asyncio.run(store.put("key", b"%d" % number))
        assert asyncio.run(store.get("key")) == b"%d" % number
        gc.collect()
    assert clients.all_gone()


def test_async_to_sync_twice(empty_valkey: RedisServer, clients: Clients) -> None:
    """Django's way into async code."""
    from asgiref.sync import async_to_sync

    store = native(empty_valkey.url())
    async_to_sync(store.put)("key", b"1")
    assert async_to_sync(store.get)("key") == b"1"
    assert async_to_sync(store.keys)() == ["key"]
    gc.collect()
    assert clients.all_gone()


def test_loops_at_once(empty_valkey: RedisServer, clients: Clients) -> None:
    """Several threads, each with its loop, share the store and no connection."""
    store = native(empty_valkey.url())
    wrong: list[object] = []

    async def use(number: int) -> None:
        for turn in range(50):
            await store.put(f"key-{number}", b"%d" % turn)
            if (found := await store.get(f"key-{number}")) != b"%d" % turn:
                wrong.append(found)

    threads = [threading.Thread(target=lambda n=n: asyncio.run(use(n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert clients.all_gone()


def test_the_connection_is_kept(empty_valkey: RedisServer, clients: Clients) -> None:
    """Within a loop one is used again and again, and closed by ``aclose``."""

    async def use() -> None:
        store = native(empty_valkey.url())
        await store.put("key-0", b"")
        first = clients.ids()
        for number in range(20):
            await store.put(f"key-{number}", b"")
        assert clients.ids() == first
        assert len(first) == 1
        await store.aclose()
        assert clients.all_gone()
        assert await store.get("key-0") == b""
        await store.aclose()

    asyncio.run(use())


def test_a_store_that_is_forgotten(empty_valkey: RedisServer, clients: Clients) -> None:
    """It closes what it opened, while its loop goes on."""

    async def use() -> None:
        for _ in range(3):
            await native(empty_valkey.url()).put("key", b"1")
            gc.collect()
        while clients.count():  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0)

    asyncio.run(use())


def test_cancelled_in_the_middle(proxy: Proxy) -> None:
    """The answer that is on its way reaches nobody else."""

    async def use() -> None:
        store = native(f"redis://{HOST}:{proxy.port}?deadline=20")
        await store.put("one", b"1")
        await store.put("two", b"2")
        for call in (
            lambda: store.get("one"),
            lambda: store.get_many(["one"]),
            lambda: store.stat("one"),
            lambda: store.put("one", b"1"),
            lambda: store.keys(),
        ):
            proxy.open.clear()
            proxy.asked.clear()
            task = asyncio.ensure_future(call())
            while not proxy.asked.is_set():  # noqa: ASYNC110  # it is set by a thread
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            proxy.open.set()
            assert await store.get("two") == b"2"
            assert await store.get("one") == b"1"
        await store.aclose()

    asyncio.run(use())


def test_cancelled_at_any_moment(empty_valkey: RedisServer) -> None:
    """Before, while and after something is sent: who comes next gets its own answer."""

    async def use() -> None:
        store = native(empty_valkey.url(deadline=20))
        for number in range(10):
            await store.put(f"key-{number}", b"%d" % number)
        for steps in range(40):
            task = asyncio.ensure_future(store.get("key-0"))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            got = await asyncio.gather(*(store.get(f"key-{number}") for number in range(10)))
            assert got == [b"%d" % number for number in range(10)]
        await store.aclose()

    asyncio.run(use())


def test_a_time_out_of_the_caller(proxy: Proxy) -> None:
    """``asyncio.timeout`` ends a call, and the store goes on."""

    async def use() -> None:
        store = native(f"redis://{HOST}:{proxy.port}?deadline=20")
        await store.put("key", b"1")
        proxy.open.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await store.get("key")
        proxy.open.set()
        assert await store.get("key") == b"1"
        await store.aclose()

    asyncio.run(use())


def test_decorators_start_no_thread(
    empty_valkey: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred operations through a prefix and signatures are made in the loop's own thread."""
    stack = HMACDecorator(SECRET, PrefixDecorator("a-", store_from_url(empty_valkey.url())))
    store = async_store(stack)
    assert store.capabilities.native_async
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", started.append)

    async def use() -> None:
        for number in range(25):
            key = f"key-{number}"
            await store.put(key, b"%d" % number, 60)
            assert await store.get(key) == b"%d" % number
            assert (await store.stat(key)).size >= 0
            await store.delete(key)
        await store.aclose()

    asyncio.run(use())
    assert started == []


def test_fifty_wait_together(proxy: Proxy) -> None:
    """While one waits for an answer the others are on their way, too."""

    async def use() -> None:
        store = async_store(
            HMACDecorator(
                SECRET, PrefixDecorator("a-", store_from_url(f"redis://{HOST}:{proxy.port}"))
            )
        )
        await asyncio.gather(*(store.put(f"key-{number}", b"1") for number in range(50)))
        proxy.open.clear()
        before = proxy.requests
        gets = [asyncio.ensure_future(store.get(f"key-{number}")) for number in range(50)]
        # All fifty are asked before one is answered.
        while proxy.requests < before + 50:  # noqa: ASYNC110  # counted by a thread
            await asyncio.sleep(0)
        proxy.open.set()
        assert await asyncio.gather(*gets) == [b"1"] * 50
        await store.aclose()

    asyncio.run(use())


def test_connections_are_bounded(proxy: Proxy) -> None:
    """More tasks than connections take turns."""

    async def use() -> None:
        store = native(f"redis://{HOST}:{proxy.port}?max_connections=3&deadline=20")
        await store.put("key", b"1")
        assert await asyncio.gather(*(store.get("key") for _ in range(50))) == [b"1"] * 50
        await store.aclose()

    asyncio.run(use())
    assert proxy.connections <= 3


def test_where_no_greenlets_are(monkeypatch: pytest.MonkeyPatch, empty_valkey: RedisServer) -> None:
    """Without the library the store is awaited in threads, and says so."""
    monkeypatch.setattr("kvcore.backends.redis.server.can_wait", lambda: False)
    store: Any = store_from_url(empty_valkey.url())
    assert isinstance(store, RedisStore)
    assert not store.capabilities.native_async
    assert not isinstance(async_store(store), NativeStore)


def test_a_large_value_does_not_hold_up_the_loop(
    empty_valkey: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its etag is computed beside the loop; that of a small one is not worth it."""
    hashed: dict[int, bool] = {}

    def seen(data: bytes) -> str:
        hashed[len(data)] = threading.current_thread() is threading.main_thread()
        return etag_of(data)

    monkeypatch.setattr("kvcore.backends.redis.server.etag_of", seen)

    async def use() -> None:
        store = native(empty_valkey.url())
        for size in (1000, 4_000_000):
            await store.put("key", bytes(size))
            assert (await store.fetch("key")).stat.etag == etag_of(bytes(size))
        await store.aclose()

    asyncio.run(use())
    assert hashed == {1000: True, 4_000_000: False}
