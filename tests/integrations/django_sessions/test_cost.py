"""What a session on Django costs the store, and says to caches."""

import asyncio

import pytest
from django.http import HttpResponse
from django.test import Client
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from tests.sessions.visitors import WatchedStore


def test_operations(client: Client, store: WatchedStore) -> None:
    """None untouched, one to read, two to write; headers only where they are needed."""

    def calls(path: str) -> tuple[list[str], HttpResponse]:
        store.calls.clear()
        response = client.get(path)
        assert response.status_code == 200
        return list(store.calls), response

    operations, response = calls("/plain")
    assert (operations, response.has_header("Vary"), response.cookies) == ([], False, {})
    operations, response = calls("/has/a")
    assert (operations, response["Vary"], response.cookies) == ([], "Cookie", {})
    operations, response = calls("/set/a/1")
    assert (operations, response["Vary"]) == (["put"], "Cookie")
    operations, response = calls("/plain")
    assert (operations, response.has_header("Vary"), response.cookies) == ([], False, {})
    operations, response = calls("/has/a")
    assert (operations, response["Vary"], response.cookies) == (["fetch"], "Cookie", {})
    assert calls("/set/a/2")[0] == ["fetch", "put"]
    assert calls("/set/a/2")[0] == ["fetch", "put"]  # Django writes what is modified


def test_operations_awaited(project: Settings, store: WatchedStore) -> None:
    """The same, for views that await their session."""

    async def calls(key: str | None, value: int | None = None) -> tuple[list[str], str | None]:
        store.calls.clear()
        session = SessionStore(key)
        if value is None:
            await session.aget("a")
        else:
            await session.aset("a", value)
            await session.asave()
        return list(store.calls), session.session_key

    async def requests() -> None:
        assert (await calls(None))[0] == []
        operations, key = await calls(None, 1)
        assert operations == ["put"]
        assert (await calls(key))[0] == ["fetch"]
        assert (await calls(key, 2))[0] == ["fetch", "put"]

    asyncio.run(requests())


def test_visitors_who_set_nothing_leave_nothing(project: Settings, store: WatchedStore) -> None:
    """Fifty of them, without cookies."""
    for _ in range(50):
        assert Client(SERVER_NAME="localhost").get("/has/a").content == b"False"
    assert (store.keys(), store.calls) == ([], ["iter_keys"])


def test_what_is_modified_is_for_django_to_tell(client: Client) -> None:
    """A change deep inside is kept if Django is told of it, as its documentation has it."""
    client.get("/set/list/[]")
    client.get("/append")
    assert client.get("/all").json() == {"list": []}
    client.get("/append-and-tell")
    assert client.get("/all").json() == {"list": [1]}


def test_save_every_request(client: Client, project: Settings, store: WatchedStore) -> None:
    """Then each request writes the session, and its time begins anew."""
    client.get("/set/a/1")
    project.SESSION_SAVE_EVERY_REQUEST = True
    store.calls.clear()
    assert client.get("/plain").cookies["sessionid"]
    assert store.calls == ["fetch", "put"]


@pytest.mark.parametrize("key", ["", "short", "../../etc/passwd", "A" * 32, "é" * 32, "a" * 65])
def test_what_is_no_key_is_not_looked_up(client: Client, store: WatchedStore, key: str) -> None:
    """Nothing is asked, nothing stored; and its cookie is deleted, or replaced by a good one."""
    client.cookies["sessionid"] = key
    response = client.get("/has/a")
    assert store.calls == []
    if key:
        assert response.cookies["sessionid"]["max-age"] == 0
    client.cookies["sessionid"] = key
    assert len(client.get("/set/a/1").cookies["sessionid"].value) == 32
