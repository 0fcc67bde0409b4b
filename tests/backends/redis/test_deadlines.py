"""One deadline for a call: all that comes before its answer together, then each piece of it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kvcore import StoreError, StoreTimeout, async_store, store_from_url
from kvcore.aio.native import NativeStore
from kvcore.testing import BlockingStore
from tests.backends.redis.test_errors import VERBS
from tests.faults.proxy import Proxy
from tests.redis_servers import HOST, RedisServer, running

LARGE = bytes(range(256)) * 4096


@pytest.fixture
def proxy(empty_valkey: RedisServer) -> Iterator[Proxy]:
    """A network that can be slow."""
    with Proxy(HOST, empty_valkey.port) as proxy:
        yield proxy


@pytest.fixture(params=["sync", "native"])
def opened(request: pytest.FixtureRequest, proxy: Proxy) -> Iterator[Callable[..., Any]]:
    """Opens stores behind that network: as they are, or awaited without threads."""
    stores: list[Any] = []

    def opened(**options: object) -> object:
        query = "&".join(f"{name}={value}" for name, value in options.items())
        store: Any = store_from_url(f"redis://{HOST}:{proxy.port}/1?{query}")
        stores.append(store if request.param == "sync" else BlockingStore(NativeStore(store)))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


def test_a_slow_introduction(proxy: Proxy, opened: Callable[..., Any]) -> None:
    """Each step of connecting is in time, and all together are not."""
    proxy.delay_secs = 0.9
    store = opened(deadline=1)
    waited = []
    for _ in range(3):  # the machine may be busy with something else
        start = time.monotonic()
        with pytest.raises(StoreTimeout):
            store.get("key")
        waited.append(time.monotonic() - start)
        if waited[-1] < 1.5:  # the second answer alone would take until 1.8
            break
    assert min(waited) < 1.5
    proxy.delay_secs = 0
    store.put("key", b"1")
    assert store.get("key") == b"1"


def test_a_script_that_is_new_to_the_server(
    proxy: Proxy, opened: Callable[..., Any], empty_valkey: RedisServer
) -> None:
    """Its name and its text have one deadline."""
    store = opened(deadline=0.8)
    store.put("key", b"1")
    empty_valkey.direct.script_flush()
    proxy.delay_secs = 0.5
    with pytest.raises(StoreTimeout):
        store.stat("key")
    proxy.delay_secs = 0
    assert store.stat("key").size == 1


def test_a_large_value_comes_slowly(proxy: Proxy, opened: Callable[..., Any]) -> None:
    """As long as something comes there is time."""
    store = opened(deadline=0.4)
    store.put("key", LARGE)
    proxy.delay_secs, proxy.dribble_bytes = 0.02, 16 * 1024
    assert store.get("key") == LARGE


def test_a_large_value_comes_half(proxy: Proxy, opened: Callable[..., Any]) -> None:
    """Then there is a deadline for the next piece."""
    store = opened(deadline=0.4)
    store.put("key", LARGE)
    proxy.hold_after = len(LARGE) // 2
    with pytest.raises(StoreTimeout):
        store.get("key")
    proxy.hold_after = None
    assert store.get("key") == LARGE


def test_a_large_value_goes_slowly(proxy: Proxy, opened: Callable[..., Any]) -> None:
    """As long as something goes there is time."""
    store = opened(deadline=3)
    value = LARGE * 20
    store.put("key", b"1")
    proxy.request_delay_secs = 0.01
    store.put("key", value)
    proxy.request_delay_secs = 0
    assert store.get("key") == value


@pytest.fixture
def stopped() -> Iterator[RedisServer]:
    """A server of its own, that can be stopped."""
    with running("valkey") as server:
        yield server


def test_who_waits_for_a_connection_waits_no_longer(stopped: RedisServer) -> None:
    """One after the other gets the only connection, whose server hangs: all end in time."""
    with store_from_url(stopped.url(deadline=1, max_connections=1)) as store:
        store.put("key", b"1")
        refused: list[str] = []
        waited: list[float] = []

        def get() -> None:
            start = time.monotonic()
            try:
                store.get("key")
            except StoreTimeout as error:
                refused.append(error.message)
            waited.append(time.monotonic() - start)

        for _ in range(3):  # the machine may be busy with something else
            refused.clear()
            waited.clear()
            threads = [threading.Thread(target=get) for _ in range(4)]
            with stopped.stopped():
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join(20)
            assert len(refused) == 4
            assert not [text for text in refused if "write" in text]
            if max(waited) < 1.5:  # whoever came second would need until 2
                break
        assert max(waited) < 1.5
        assert store.get("key") == b"1"


def test_who_awaits_a_connection_is_told(proxy: Proxy) -> None:
    """That there were too few."""

    async def use() -> None:
        store = async_store(
            store_from_url(f"redis://{HOST}:{proxy.port}?max_connections=1&deadline=0.4")
        )
        await store.put("key", b"1")
        proxy.open.clear()
        refused = await asyncio.gather(
            *(store.get("key") for _ in range(3)), return_exceptions=True
        )
        proxy.open.set()
        assert [type(error) for error in refused] == [StoreTimeout] * 3
        assert any("raise max_connections" in str(error) for error in refused)
        assert await store.get("key") == b"1"
        await store.aclose()

    asyncio.run(use())


@pytest.mark.parametrize(
    ("name", "is_said"),
    [
        *(("get", False), ("stat", False), ("keys", False), ("get_many", False)),
        *(("put", True), ("delete_many", True), ("move", True), ("increment", True)),
    ],
)
def test_only_a_write_may_have_taken_effect(name: str, is_said: bool, proxy: Proxy) -> None:
    """Who reads is not told of writes."""
    with store_from_url(f"redis://{HOST}:{proxy.port}?deadline=0.1") as store:
        proxy.open.clear()
        with pytest.raises(StoreError) as refused:
            VERBS[name](store)
        error = next(iter(getattr(refused.value, "errors", {}).values()), refused.value)
        assert type(error) is StoreTimeout
        assert ("write may have taken effect" in str(error)) == is_said
        proxy.open.set()
