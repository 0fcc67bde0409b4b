"""Sessions in asynchronous views: Django's ``a...`` methods."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.test import AsyncClient, Client
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from kvcore import DictStore, KeyValueStore, store_from_url
from tests.redis_servers import RedisServer
from tests.sessions.visitors import WatchedStore


def test_views_that_await(client: Client) -> None:
    """Under WSGI, each in an event loop of its own; twice in a row."""
    assert client.get("/async").content == b"2"
    assert client.get("/async").content == b"4"


def test_views_that_await_under_asgi(project: Settings) -> None:
    """All in one event loop."""

    async def requests() -> list[bytes]:
        client = AsyncClient(SERVER_NAME="localhost")
        return [(await client.get("/async")).content for _ in range(2)]

    assert asyncio.run(requests()) == [b"2", b"4"]


async def life() -> None:
    """All that an engine does, awaited."""
    session = SessionStore()
    await session.aset("a", 1)
    await session.asave()
    first = session.session_key
    assert await session.aexists(first)
    with pytest.raises(CreateError):
        await SessionStore(first).asave(must_create=True)
    await session.acycle_key()
    assert session.session_key != first
    assert not await session.aexists(first)
    again = SessionStore(session.session_key)
    assert await again.aload() == {"a": 1}
    await again.aset("_auth_user_id", "7")
    await again.asave()
    late, later = SessionStore(again.session_key), SessionStore(again.session_key)
    await late.aset("b", 2)
    await later.aset("b", 3)
    await again.aflush()
    with pytest.raises(UpdateError):
        await late.asave()
    with pytest.raises(SessionInterrupted):
        await later.acycle_key()
    created = SessionStore()
    await created.acreate()
    await created.adelete(created.session_key)
    assert not await created.aexists(created.session_key)
    await SessionStore.aclear_expired()


def test_everything_awaited(project: Settings, store: WatchedStore) -> None:
    """In several event loops, one after another."""
    for _ in range(2):
        async_to_sync(life)()
    assert store.keys() == []


@pytest.fixture(params=["memory", "redis"])
def quick_store(request: pytest.FixtureRequest) -> Iterator[KeyValueStore]:
    """A store that needs no threads to be awaited."""
    if request.param == "memory":
        yield DictStore()
        return
    server: RedisServer = request.getfixturevalue("empty_valkey")
    with store_from_url(server.url()) as store:
        yield store


def test_no_thread_is_needed(
    project: Settings, quick_store: KeyValueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store has an async client, or lies in memory."""
    project.KVCORE_STORES = {"sessions": quick_store}

    def refuse(thread: threading.Thread) -> None:
        raise AssertionError(f"{thread} was to be started")

    async def alone() -> None:
        await SessionStore("a" * 32).aload()  # asyncio looks up the server's name in a thread
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            await life()

    asyncio.run(alone())
