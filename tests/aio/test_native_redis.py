"""Redis awaited without threads: decorated, all at once, in loop after loop, broken off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from asgiref.sync import async_to_sync

from kvcore import (
    AsyncKeyValueStore,
    HMACDecorator,
    KeyExists,
    KeyValueStore,
    PrefixDecorator,
    async_store,
    store_from_url,
)
from kvcore.aio.native import NativeStore
from tests.aio.cancelling import WAYS, Way
from tests.contract.stacks import SECRET
from tests.faults.proxy import Proxy
from tests.redis_servers import RedisServer
from tests.soak import count


def stack(port: int) -> KeyValueStore:
    """Two decorators over Redis."""
    redis = store_from_url(f"redis://127.0.0.1:{port}?max_connections=60&deadline=60")
    return PrefixDecorator("a-", HMACDecorator(SECRET, redis))


def native(port: int) -> AsyncKeyValueStore:
    """The same, awaited."""
    store = async_store(stack(port))
    assert type(store) is NativeStore
    return store


@pytest.fixture
def proxy(empty_valkey: RedisServer) -> Iterator[Proxy]:
    """A proxy before an empty server."""
    with Proxy("127.0.0.1", empty_valkey.port) as proxy:
        yield proxy


async def until(happened: Callable[[], bool]) -> None:
    """Let the event loop run until something outside of it has happened."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110  # it happens in a thread
            await asyncio.sleep(0)


def test_a_hundred_operations_start_no_thread(
    empty_valkey: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through Prefix and HMAC: reads, writes, conditions, listings and streams."""

    def refuse(thread: threading.Thread) -> None:
        raise AssertionError(f"{thread} was started")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield bytes(100_000)

    async def main() -> None:
        async with native(empty_valkey.port) as store:
            for number in range(20):
                key = f"key{number}"
                await store.put(key, b"value", if_absent=True)
                with pytest.raises(KeyExists):
                    await store.put(key, b"other", if_absent=True)
                data, stat = await store.fetch(key)
                await store.put(key, data + b"s", 60, if_match=stat.etag)
                assert await store.get(key) == b"values"
                await store.move(key, "moved")
            await store.put_file("stream", blocks())
            async with await store.open("stream") as reader:
                assert sum([len(block) async for block in reader.blocks()]) == 1_000_000
            assert {key async for key in store} == {"moved", "stream"}

    asyncio.run(main())


def test_fifty_calls_are_under_way_at_once(proxy: Proxy) -> None:
    """While the server has answered none of them."""
    expected = [b"%d" % number for number in range(50)]
    keys = [f"key{number}" for number in range(50)]
    stack(proxy.port).put_many(dict(zip(keys, expected, strict=True)))
    before = proxy.connections

    async def main() -> None:
        async with native(proxy.port) as store:
            proxy.open.clear()
            getting = [asyncio.create_task(store.get(key)) for key in keys]
            try:
                await until(lambda: proxy.connections - before == 50)
                assert not any(task.done() for task in getting)
            finally:
                proxy.open.set()
            assert await asyncio.gather(*getting) == expected

    asyncio.run(main())


def test_one_store_serves_loop_after_loop(empty_valkey: RedisServer) -> None:
    """As Django's `async_to_sync` makes one for each call; and two at the same time."""
    store = native(empty_valkey.port)
    async_to_sync(store.put)("key", b"value")
    assert async_to_sync(store.get)("key") == b"value"

    async def many(found: list[bytes]) -> None:
        found += await asyncio.gather(*(store.get("key") for _ in range(20)))

    found: list[bytes] = []
    threads = [threading.Thread(target=asyncio.run, args=[many(found)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [b"value"] * 40
    async_to_sync(store.aclose)()
    assert async_to_sync(store.get)("key") == b"value"
    async_to_sync(store.aclose)()


@pytest.mark.parametrize("way", WAYS)
def test_no_answer_is_taken_for_another(proxy: Proxy, way: Way) -> None:
    """After calls were broken off while their answers were on the way, each gets its own."""
    keys = [f"key{number}" for number in range(10)]
    stack(proxy.port).put_many({key: key.encode() for key in keys})

    async def main() -> None:
        async with native(proxy.port) as store:
            assert await store.get(keys[0]) == b"key0"
            for _ in range(count(3, 100)):
                proxy.open.clear()
                asked = proxy.requests

                async def broken_off() -> None:
                    await asyncio.gather(*(store.get(key) for key in keys))

                async def sent() -> None:
                    await until(lambda: proxy.requests > asked)  # noqa: B023  # called at once

                try:
                    await way(broken_off(), sent)
                finally:
                    proxy.open.set()
                found = await asyncio.gather(*(store.get(key) for key in keys))
                assert found == [key.encode() for key in keys]

    asyncio.run(main())
