"""A server that hangs, dies, comes back; a network that cuts, delays and dribbles."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from kvcore import RedisStore, StoreError, StoreTimeout, store_from_url
from kvcore.aio.native import NativeStore
from kvcore.testing import BlockingStore
from tests.backends.redis.test_errors import VERBS
from tests.faults.proxy import Proxy
from tests.redis_servers import HOST, RedisServer, running

DEADLINE_SECS = 0.3
SLACK_SECS = 0.5
TRIES = 5  # a busy machine may lose more than the slack, but not each time


@pytest.fixture(scope="module")
def own_server() -> Iterator[RedisServer]:
    """A server of its own, as it is stopped and killed."""
    with running("valkey") as server:
        yield server


@pytest.fixture
def server(own_server: RedisServer) -> RedisServer:
    """The server, running and empty whatever the last test did."""
    if not own_server.is_running:
        own_server.start()
    own_server.flush()
    return own_server


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[Proxy]:
    """A network that can be disturbed."""
    server.flush()
    with Proxy(HOST, server.port) as proxy:
        yield proxy


def by_url(port: int, deadline: float = DEADLINE_SECS) -> RedisStore:
    """A store from a URL."""
    store = store_from_url(f"redis://{HOST}:{port}?deadline={deadline}")
    assert isinstance(store, RedisStore)
    return store


@pytest.fixture(params=["sync", "native"])
def form(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """The store as it is, or awaited without threads."""
    if request.param == "sync":
        return lambda store: store
    return lambda store: BlockingStore(NativeStore(store))


def tries(call: Callable[[], object]) -> float:
    """The shortest time after which the call told that it had no answer."""
    times = []
    for _ in range(TRIES):
        start = time.monotonic()
        with pytest.raises(StoreError) as refused:
            call()
        times.append(time.monotonic() - start)
        errors = getattr(refused.value, "errors", {"": refused.value})
        assert all(type(error) is StoreTimeout for error in errors.values())
        if times[-1] < DEADLINE_SECS + SLACK_SECS:
            break
    return min(times)


@pytest.mark.parametrize("name", ["get", "put", "put if_match", "increment", "put_many", "keys"])
def test_a_stopped_server(name: str, server: RedisServer, form: Callable[[Any], Any]) -> None:
    """A call ends in a StoreTimeout, not much after the deadline, and the store works again."""
    server.flush()
    for is_connected in (True, False):
        with form(by_url(server.port)) as store:
            if is_connected:
                store.keys()
            with server.stopped():
                assert tries(lambda store=store: VERBS[name](store)) < DEADLINE_SECS + SLACK_SECS
            store.delete("key")
            store.put("key", b"1")
            assert store.get("key") == b"1"


def test_a_stopped_server_and_a_client_passed_in(server: RedisServer) -> None:
    """Its time-out holds, once; redis-py itself would wait ten times as long."""
    with redis.Redis(port=server.port, socket_timeout=DEADLINE_SECS) as client:
        store = RedisStore(client)
        store.put("key", b"1")
        with server.stopped():
            assert tries(lambda: store.get("key")) < DEADLINE_SECS + SLACK_SECS


def test_a_pause(server: RedisServer, form: Callable[[Any], Any]) -> None:
    """A server that keeps all clients waiting for a while is waited for."""
    with form(by_url(server.port, deadline=20)) as store:
        store.put("key", b"1")
        server.direct.client_pause(200)
        store.put("key", b"2")
        assert store.get("key") == b"2"


@pytest.mark.parametrize("number", [9, 15])
def test_a_restart(number: int, server: RedisServer, form: Callable[[Any], Any]) -> None:
    """While the server is away every call is an error of ours; afterwards none is."""
    with form(by_url(server.port, deadline=20)) as store:
        store.put("key", b"1")
        for _ in range(3):
            server.send_signal(number)
            server.stop()
            for call in (store.get, store.stat, store.increment):
                with pytest.raises(StoreError):
                    call("key")
            server.start()
            assert store.increment("key") == 1
            store.put("new", b"1", if_absent=True)
            assert store.get_many(["key", "new"]) == {"key": b"1", "new": b"1"}


def test_a_restart_that_nobody_noticed(server: RedisServer, form: Callable[[Any], Any]) -> None:
    """All connections in the pool are dead; whatever comes next works, exactly once."""
    with form(by_url(server.port, deadline=20)) as store:
        store.put("key", b"1")
        server.stop()
        server.start()
        assert store.increment("count") == 1
        server.stop()
        server.start()
        store.put("new", b"1", if_absent=True)
        assert store.get("new") == b"1"


def test_a_lost_answer_is_asked_for_again(proxy: Proxy, form: Callable[[Any], Any]) -> None:
    """Where nothing was to change: one lost connection is not noticed by who reads."""
    with form(by_url(proxy.port, deadline=20)) as store:
        store.put("key", b"1")
        for verb in (
            lambda: store.get("key"),
            lambda: store.stat("key"),
            lambda: store.fetch("key"),
            lambda: store.get_many(["a", "b"]),
            lambda: store.keys(),
        ):
            _lose_next_answer(proxy)
            verb()


WRITES: dict[str, Callable[[Any], object]] = {
    "put": lambda s: s.put("key", b"1"),
    "put with a time": lambda s: s.put("key", b"1", 60),
    "put if_absent": lambda s: s.put("new", b"1", if_absent=True),
    "put if_match": lambda s: s.put("key", b"1", if_match=s.stat("key").etag),
    "put_many": lambda s: s.put_many({"key": b"1", "other": b"1"}),
    "delete": lambda s: s.delete("key"),
    "delete_many": lambda s: s.delete_many(["key", "other"]),
    "move": lambda s: s.move("source", "key"),
    "copy": lambda s: s.copy("source", "key"),
    "increment": lambda s: s.increment("count"),
    "increment with a time": lambda s: s.increment("count", ttl_secs=60),
    "touch": lambda s: s.touch("key", 60),
    "touch for ever": lambda s: s.touch("key", None),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_lost_answer_is_not_guessed(
    name: str, proxy: Proxy, server: RedisServer, form: Callable[[Any], Any]
) -> None:
    """A write may have been done, and others may have written since: it is never sent again."""
    with form(by_url(proxy.port, deadline=20)) as store:
        for key in ("key", "source", "other"):
            store.put(key, b"0")
        WRITES["increment with a time"](store)  # the server knows the scripts
        WRITES["copy"](store)
        WRITES["move"](store)
        store.put("source", b"0")
        WRITES["put if_match"](store)
        if name == "put if_match":
            etag = store.stat("key").etag
            write = lambda: store.put("key", b"2", if_match=etag)  # noqa: E731
        else:
            write = lambda: WRITES[name](store)  # noqa: E731
        server.direct.config_resetstat()
        proxy.open.clear()
        refused: list[BaseException] = []
        thread = threading.Thread(target=_raised_by, args=(write, refused))
        thread.start()
        while not _written(server):
            pass  # pytest's time-out ends what never is
        server.direct.set("key", b"of another client")
        proxy.cut()
        proxy.open.set()
        thread.join(20)
        assert [error for error in refused if not isinstance(error, StoreError)] == []
        assert len(refused) == 1
        assert server.direct.get("key") == b"of another client"
        assert server.direct.ttl("key") == -1
        assert (server.direct.get("count") or b"1") in (b"1", b"2")
        assert store.get("key") == b"of another client"


def _raised_by(call: Callable[[], object], raised: list[BaseException]) -> None:
    try:
        call()
    except BaseException as error:  # noqa: BLE001  # the test looks at it
        raised.append(error)


def _written(server: RedisServer) -> bool:
    """Whether the server has run a write since its counts were reset."""
    ran = server.direct.info("commandstats")
    asked = {"cmdstat_info", "cmdstat_config|resetstat"}
    return bool(set(ran) - asked)


def test_what_could_not_be_sent_is_sent_again(
    proxy: Proxy, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server cannot have run it, so even an increment may go out a second time."""
    store = by_url(proxy.port, deadline=20)
    assert store.increment("count") == 1
    link: Any = store._server._link
    pool, get_connection = link._pool
    cut: list[bool] = []

    def cut_once() -> Any:
        connection = get_connection()
        if not cut:
            cut.append(True)
            connection._sock.shutdown(socket.SHUT_WR)
        return connection

    monkeypatch.setattr(link, "_pool", (pool, cut_once))
    assert store.increment("count") == 2
    assert server.direct.get("count") == b"2"
    store.close()


def test_what_could_not_be_sent_is_sent_again_awaited(
    proxy: Proxy, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in an event loop."""
    redis_store: Any = by_url(proxy.port, deadline=20)
    store = BlockingStore(NativeStore(redis_store))
    assert store.increment("count") == 1
    pools = redis_store._server._awaited._pools
    get = pools.get
    cut: list[bool] = []

    def cut_once() -> Any:
        made = get()

        async def get_connection() -> Any:
            connection = await made.get_connection()
            if not cut:
                cut.append(True)
                connection._writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
            return connection

        return made._replace(get_connection=get_connection)

    monkeypatch.setattr(pools, "get", cut_once)
    assert store.increment("count") == 2
    assert server.direct.get("count") == b"2"
    store.close()


def test_a_client_passed_in_does_nothing_twice(proxy: Proxy, server: RedisServer) -> None:
    """Though redis-py's own way would send the command again, up to ten times."""
    with redis.Redis(port=proxy.port, socket_timeout=20) as client:
        store = RedisStore(client)
        store.put("key", b"1")
        _lose_next_answer(proxy)
        with pytest.raises(StoreError):
            store.increment("count")
        assert (server.direct.get("count") or b"1") == b"1"


def _lose_next_answer(proxy: Proxy) -> None:
    """The connections end when the next request has been handed on and before it is answered."""
    proxy.open.clear()
    proxy.asked.clear()

    def cut() -> None:
        proxy.asked.wait(20)
        proxy.cut()
        proxy.open.set()

    threading.Thread(target=cut, daemon=True).start()


@pytest.mark.parametrize("cut_after", [1, 4, 5, 100, 70_000])
def test_an_answer_cut_in_the_middle(
    cut_after: int, proxy: Proxy, form: Callable[[Any], Any]
) -> None:
    """Never a part of a value: the whole, or an error."""
    with by_url(proxy.port, deadline=20) as store:
        store.put("key", bytes(200_000))
    proxy.cut_after = cut_after
    with form(by_url(proxy.port, deadline=20)) as store:
        with pytest.raises(StoreError):
            store.get("key")
        proxy.cut_after = None
        assert store.get("key") == bytes(200_000)


def test_answers_in_crumbs(proxy: Proxy, form: Callable[[Any], Any]) -> None:
    """A value that comes byte by byte is whole."""
    with form(by_url(proxy.port, deadline=20)) as store:
        store.put("key", bytes(range(256)) * 4)
        proxy.dribble_bytes = 1
        assert store.get("key") == bytes(range(256)) * 4
        assert store.fetch("key").stat.size == 1024
        assert store.keys() == ["key"]


def test_a_slow_network(proxy: Proxy, form: Callable[[Any], Any]) -> None:
    """Each block of an answer may take a while, as long as it comes."""
    with form(by_url(proxy.port, deadline=20)) as store:
        proxy.delay_secs = 0.01
        store.put("key", b"value")
        assert store.get("key") == b"value"


def test_late_answers_go_to_nobody(proxy: Proxy, form: Callable[[Any], Any]) -> None:
    """The answer to a call that ran out of time is never taken for that of the next call."""
    with form(by_url(proxy.port, deadline=0.3)) as store:
        store.put("one", b"1")
        store.put("two", b"2")
        for _ in range(3):
            proxy.open.clear()
            with pytest.raises(StoreTimeout):
                store.get("one")
            proxy.open.set()
            assert store.get("two") == b"2"
            assert store.get("one") == b"1"


def test_many_keys_and_a_dead_server(server: RedisServer) -> None:
    """One deadline for all of them, not one for each block."""
    with by_url(server.port) as store:
        store.put("key", b"1")
        items = {f"key-{number}": b"" for number in range(5000)}
        with server.stopped():
            assert tries(lambda: store.put_many(items)) < DEADLINE_SECS + SLACK_SECS
            assert tries(lambda: store.delete_many(items)) < DEADLINE_SECS + SLACK_SECS
