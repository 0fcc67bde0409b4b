"""Cookies that are not ours, what lies in the store that is no session, stores that fail."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from kvcore_flask import KVSessionInterface

from kvcore import DictStore, StoreError
from tests.integrations.flask_sessions.apps import new_app, set_cookies
from tests.sessions.visitors import WatchedStore


def test_a_manipulated_cookie_is_a_new_session(client: FlaskClient, store: WatchedStore) -> None:
    """Each character but the last of the cookie counts, and the store is not asked."""
    client.get("/set/a/1")
    cookie = client.get_cookie("session")
    assert cookie is not None
    store.calls.clear()
    for at in [*range(0, len(cookie.value) - 1, 7), None]:
        value = f"{cookie.value}x"
        if at is not None:
            other = "a" if cookie.value[at] != "a" else "b"
            value = f"{cookie.value[:at]}{other}{cookie.value[at + 1 :]}"
        client.set_cookie("session", value)
        assert client.get("/all").json == {}
    assert store.calls == []
    client.set_cookie("session", cookie.value)
    assert client.get("/all").json == {"a": "1"}


def test_secret_keys_are_rotated() -> None:
    """Cookies of the old key are good as long as it is listed, and are replaced when used."""
    app = new_app(DictStore())
    app.secret_key = "old"
    client = app.test_client()
    client.get("/set/a/1")
    app.secret_key = "new"
    app.config["SECRET_KEY_FALLBACKS"] = ["older", "old"]
    assert len(set_cookies(client.get("/has/a"))) == 1
    assert set_cookies(client.get("/has/a")) == []
    app.config["SECRET_KEY_FALLBACKS"] = None
    assert client.get("/has/a").text == "True"
    app.secret_key = "unrelated"
    assert client.get("/has/a").text == "False"


def test_garbage_in_the_store(client: FlaskClient, store: WatchedStore) -> None:
    """A pickle, for example, is never run: the visitor has a new session."""
    client.get("/set/a/1")
    [key] = store.keys()
    store.put(key, pickle.dumps({"a": 1}))
    assert client.get("/all").json == {}


def test_a_store_that_is_down(store: WatchedStore) -> None:
    """A page that needs no session works; others fail, or see an empty one that takes nothing."""
    for policy, status in (("raise", 500), ("empty", 200)):
        app = new_app(store, KVCORE_SESSION_POLICY={"on_store_error": policy})
        client = app.test_client()
        client.get("/set/a/1")
        store.fail_next("fetch", times=2)
        assert client.get("/plain").status_code == 200
        assert app.test_client().get("/has/a").text == "False"
        assert client.get("/all").status_code == status
        assert client.get("/set/b/2").status_code == 500
        assert client.get("/all").json == {"a": "1"}


def test_a_session_that_cannot_be_saved_is_told(app: Flask, store: WatchedStore) -> None:
    """By the error of the store, to the error handlers of the app's server."""
    app.testing = True
    store.fail_next("put")
    with pytest.raises(StoreError):
        app.test_client().get("/set/a/1")


def test_events_go_where_a_subclass_says(make_interface: Callable[..., Any]) -> None:
    """The life of sessions can be watched."""
    app, events = make_interface()
    client = app.test_client()
    client.get("/set/a/1")
    client.set_cookie("session", "forged")
    client.get("/has/a")
    assert [type(event).__name__ for event in events] == ["SessionCreated", "SessionRejected"]


@pytest.fixture
def make_interface() -> Callable[..., Any]:
    """Makes an application whose interface collects events."""

    def make() -> tuple[Flask, list[object]]:
        events: list[object] = []

        class Watching(KVSessionInterface):
            def on_event(self, event: object) -> None:
                events.append(event)

        app = new_app(None)
        app.session_interface = Watching(DictStore())
        return app, events

    return make
