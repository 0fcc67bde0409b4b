"""Stores that fail, below sessions of Django."""

import pytest
from django.test import Client
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from kvcore import SessionUnavailable, StoreError
from tests.sessions.visitors import WatchedStore


def test_a_store_that_is_down(client: Client, project: Settings, store: WatchedStore) -> None:
    """A page that needs no session works; others fail, or see an empty one that takes nothing."""
    client.get("/set/a/1")
    cookie = client.cookies["sessionid"].value
    store.fail_next("fetch", times=100)
    assert client.get("/plain").status_code == 200
    assert Client(SERVER_NAME="localhost").get("/has/a").status_code == 200
    assert client.get("/has/a").status_code == 500
    with pytest.raises(StoreError):
        SessionStore(cookie).load()
    project.KVCORE_SESSION_POLICY = {"on_store_error": "empty"}
    response = client.get("/has/a")
    assert (response.content, response.cookies) == (b"False", {})  # the cookie is kept
    assert client.get("/set/a/2").status_code == 500
    project.SESSION_SAVE_EVERY_REQUEST = True
    assert [client.get(page).status_code for page in ("/plain", "/has/a")] == [200, 200]
    assert client.cookies["sessionid"].value == cookie
    assert client.get("/set/a/2").status_code == 500
    session = SessionStore(cookie)
    session["a"] = 2
    with pytest.raises(SessionUnavailable):
        session.save()
