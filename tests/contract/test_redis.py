"""The suite on RedisStore: Valkey and Redis, by URL and by client, awaited, and in stacks."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from kvcore import (
    AsyncStore,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    RedisStore,
    async_store,
    store_from_url,
)
from kvcore.aio.native import NativeStore
from kvcore.testing import BlockingStore, Clock, StoreContract, StoreMachine
from tests.contract.stacks import SECRET
from tests.redis_servers import RedisServer, ServerClock, running
from tests.soak import count

PASSWORD = "a-password-to-hide"


class OnServer(StoreContract):
    """Subclasses say how the store gets to the server."""

    many_keys = 1200  # more than a block of every verb
    keys = "strict"

    @pytest.fixture
    def server(self, empty_valkey: RedisServer) -> RedisServer:
        """An empty server."""
        return empty_valkey

    @pytest.fixture
    def clock(self, server: RedisServer) -> Clock:
        """The time of the values in it."""
        return ServerClock(server)

    @pytest.fixture
    def store(self, server: RedisServer) -> Iterator[KeyValueStore]:
        """An empty store."""
        self._server = server
        with self.open(server) as store:
            yield store

    def open(self, server: RedisServer) -> Any:
        return store_from_url(server.url(keys=self.keys))

    def reopen(self, store: KeyValueStore) -> Any:
        return self.open(self._server)

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        """A foreign string, one that is no text, and a foreign list."""
        self._server.direct.set(name.encode(), data)
        self._server.direct.set(b"\xff\xfe", data)
        self._server.direct.rpush("list", data)


class TestRedis(OnServer):
    pass


class TestRedisByClientInThreads(OnServer):
    keys = "path"
    pickles = False

    def open(self, server: RedisServer) -> Any:
        return BlockingStore(AsyncStore(RedisStore(server.client(), keys=self.keys)))

    def reopen(self, store: Any) -> Any:
        return self.open(self._server)


@pytest.fixture(scope="module")
def debian() -> Iterator[RedisServer]:
    """Redis itself, as the system has it, behind a password."""
    with running("redis") as server:
        server.direct.config_set("requirepass", PASSWORD)
        server.direct.auth(PASSWORD)
        yield server


class TestRedisOfSystem(OnServer):
    secrets = (PASSWORD,)

    @pytest.fixture
    def server(self, debian: RedisServer) -> RedisServer:
        debian.flush()
        return debian

    def open(self, server: RedisServer) -> Any:
        url = server.url(keys="path").replace("//", f"//default:{PASSWORD}@")
        return store_from_url(url)


class TestNativeRedis(OnServer):
    """Awaited, without threads."""

    keys = "path"

    def open(self, server: RedisServer) -> Any:
        return BlockingStore(self.awaited(server))

    def reopen(self, store: Any) -> Any:
        return BlockingStore(self.awaited(self._server), store._runner)

    def awaited(self, server: RedisServer) -> NativeStore:
        awaited = async_store(self.around(super().open(server)))
        assert isinstance(awaited, NativeStore)
        return awaited

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return inner


class TestNativeStack(TestNativeRedis):
    """The same with signatures and a prefix."""

    increments = False
    secrets = (SECRET,)

    def around(self, inner: KeyValueStore) -> KeyValueStore:
        return HMACDecorator(SECRET, PrefixDecorator("media/", inner))


SETTINGS = hypothesis.settings(
    max_examples=count(6, 10_000),
    stateful_step_count=count(25, 50),
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.mark.parametrize("keys", ["strict", "path"])
def test_redis_is_a_dict(keys: str, empty_valkey: RedisServer) -> None:
    """Whatever is done with it, and in what order."""

    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__()
            self.clock = self.model._clock = ServerClock(empty_valkey)

        def make_store(self, clock: Clock) -> KeyValueStore:
            empty_valkey.flush()
            return store_from_url(empty_valkey.url(keys=keys))

        def reopen(self, store: KeyValueStore) -> KeyValueStore:
            return store_from_url(empty_valkey.url(keys=keys))

    hypothesis.stateful.run_state_machine_as_test(Machine, settings=SETTINGS)
