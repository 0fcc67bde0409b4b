"""A server of sessions that is stopped, and comes back: what Django's visitors notice of it."""

import asyncio
from collections.abc import Iterator

import pytest
from django.test import Client
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from kvcore import DictStore, KeyValueStore, SessionUnavailable, StoreError
from tests.redis_servers import RedisServer, running


@pytest.fixture
def any_store() -> KeyValueStore:
    """The project's, until it has the server's."""
    return DictStore()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of its own for the test."""
    with running("valkey") as server:
        yield server


@pytest.fixture(params=["raise", "empty"])
def policy(request: pytest.FixtureRequest, project: Settings, server: RedisServer) -> str:
    """A project with its sessions there, and what it does when they cannot be read."""
    project.KVCORE_STORES = {"default": "memory://", "sessions": server.url()}
    project.KVCORE_SESSION_POLICY = {"on_store_error": request.param}
    return str(request.param)


@pytest.fixture
def stranger() -> Client:
    """A visitor who has no cookie."""
    return Client(SERVER_NAME="localhost", raise_request_exception=False)


def test_a_server_that_is_stopped(
    client: Client, stranger: Client, server: RedisServer, policy: str
) -> None:
    """Who touches no session, or has none, never notices; others fail, or see an empty one.

    In no case is a change taken that is not stored, or a cookie taken away.
    """
    client.get("/set/a/1")
    cookie = client.cookies["sessionid"].value
    server.stop()
    assert not server.is_running

    for visitor in (client, stranger):
        response = visitor.get("/plain")
        assert (response.status_code, response.cookies) == (200, {})
    response = stranger.get("/has/a")
    assert (response.status_code, response.content, response.cookies) == (200, b"False", {})

    response = client.get("/has/a")
    assert response.cookies == {}
    if policy == "raise":
        assert response.status_code == 500
    else:
        assert (response.status_code, response.content) == (200, b"False")
    for visitor in (client, stranger):
        for path in ("/set/a/2", "/async"):
            response = visitor.get(path)
            assert (response.status_code, response.cookies) == (500, {}), path
    assert client.cookies["sessionid"].value == cookie

    server.start()  # empty: it keeps nothing on disk
    response = client.get("/has/a")
    assert (response.status_code, response.content) == (200, b"False")
    assert client.get("/set/a/3").cookies["sessionid"].value != cookie
    assert client.get("/all").json() == {"a": 3}


def test_what_is_raised_when_the_server_is_stopped(
    client: Client, server: RedisServer, policy: str
) -> None:
    """An error of ours, whether the session is awaited or not; a change is refused by both."""
    client.get("/set/a/1")
    cookie = client.cookies["sessionid"].value
    server.stop()
    expected = StoreError if policy == "raise" else SessionUnavailable

    session = SessionStore(cookie)
    if policy == "raise":
        with pytest.raises(StoreError):
            session.load()
    else:
        assert dict(session.items()) == {}
    with pytest.raises(expected):
        session["a"] = 2
        session.save()

    async def awaited() -> None:
        session = SessionStore(cookie)
        await session.aset("a", 2)
        await session.asave()

    with pytest.raises(expected):
        asyncio.run(awaited())
