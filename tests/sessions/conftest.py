"""Stores of each kind, with clocks that can be moved."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import DictStore, FilesystemStore, store_from_url
from kvcore.testing import Clock
from tests.contract.minimal import FourMethods
from tests.redis_servers import RedisServer, ServerClock
from tests.sessions.visitors import Application, Visitor

Maker = Callable[..., Application]


@pytest.fixture(params=["memory", "folder", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    """Makes applications on one empty store: with and without time to live, in another process."""
    if request.param == "memory":
        clock = Clock()
        dict_store = DictStore(clock=clock)
        yield lambda **options: Application(dict_store, clock, **options)
    elif request.param == "folder":
        store, wall = FilesystemStore(tmp_path / "sessions"), Clock()
        yield lambda **options: Application(store, wall, **options)
    else:
        server: RedisServer = request.getfixturevalue("empty_valkey")
        server_clock = ServerClock(server)
        with store_from_url(server.url()) as redis:
            yield lambda **options: Application(redis, server_clock, **options)


@pytest.fixture
def application(make: Maker) -> Application:
    """One with the usual policy, and time-outs that are easy to count with."""
    return make(idle_secs=1000, absolute_secs=5000)


@pytest.fixture
def visitor(application: Application) -> Visitor:
    """Somebody without a cookie."""
    return Visitor(application)


@pytest.fixture
def bare() -> Application:
    """An application on a store that has neither conditions nor time to live."""
    return Application(FourMethods())


@pytest.fixture
def memory() -> Callable[..., Application]:
    """Makes applications on a new store in memory."""

    def make(**options: Any) -> Application:
        clock = Clock()
        return Application(DictStore(clock=clock), clock, **options)

    return make
