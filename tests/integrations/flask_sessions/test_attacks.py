"""Cookies that are not ours, what lies in the store that is no session, stores that fail."""

import pickle
from collections.abc import Callable
from typing import Any, Literal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from kvcore_flask import KVSessionInterface

from kvcore import DictStore, StoreError, store_from_url
from kvcore.sessions import SignedIds
from tests.integrations.flask_sessions.apps import (
    SECRET,
    cookie_of,
    new_app,
    set_cookies,
    value_of,
)
from tests.redis_servers import running
from tests.sessions.visitors import WatchedStore, hostile


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


@pytest.mark.parametrize("case", hostile(SignedIds(SECRET).cookie_for("A" * 43)))
def test_hostile_cookies(case: str) -> None:
    """Whatever is sent in their place: the store is not asked, and the answer has a new id."""
    store = WatchedStore(DictStore())
    app = new_app(store)
    owner = app.test_client()
    owner.get("/set/a/1")
    sent = hostile(value_of(owner))[case].encode().decode("latin-1")
    store.calls.clear()
    attacker = app.test_client(use_cookies=False)
    answer = attacker.get("/all", environ_base={"HTTP_COOKIE": f"session={sent}"})
    assert (answer.status_code, answer.json, set_cookies(answer)) == (200, {}, [])
    assert store.calls == []
    answer = attacker.get("/set/a/2", environ_base={"HTTP_COOKIE": f"session={sent}"})
    [header] = set_cookies(answer)
    assert not sent or sent not in header
    assert owner.get("/all").json == {"a": "1"}


def test_the_cookie_of_one_app_opens_nothing_in_another() -> None:
    """Though both keep their sessions in one store: their secret keys differ."""
    store = DictStore()
    one, other = new_app(store), new_app(store, SECRET_KEY="another")
    owner, attacker = one.test_client(), other.test_client()
    owner.get("/set/a/1")
    attacker.set_cookie("session", value_of(owner))
    assert attacker.get("/all").json == {}


def test_an_id_comes_by_its_cookie_only(client: FlaskClient, app: Flask) -> None:
    """In an address, a form, another header or a cookie of nearly that name it is nothing."""
    client.get("/set/a/1")
    value = value_of(client)
    thief = app.test_client(use_cookies=False)
    tries = [
        {"query_string": {"session": value}},
        {"data": {"session": value}},
        {"headers": {"Session": value, "X-Session": value, "Authorization": f"Bearer {value}"}},
        {"path": f"/all;session={value}"},
        {
            "environ_base": {
                "HTTP_COOKIE": f"\xa0session={value}; Session={value}; xsession={value}"
            }
        },
    ]
    for wrong in tries:
        answer = thief.get(**{"path": "/all", **wrong})
        assert answer.json in ({}, None)
        assert value not in answer.text
        assert set_cookies(answer) == []


def test_a_huge_header_of_cookies_costs_nothing(client: FlaskClient, store: WatchedStore) -> None:
    """A hundred thousand cookies, or a long one: ours is found, nothing else is asked for."""
    client.get("/set/a/1")
    mine, store.calls = f"session={value_of(client)}", []
    other = client.application.test_client(use_cookies=False)
    for header, found in (
        (f"{'a=b; ' * 100_000}{mine}", {"a": "1"}),
        (f"a={'b' * 1_000_000}; {mine}", {"a": "1"}),
        (f"session={'A' * 1_000_000}", {}),
        ("session=" * 100_000, {}),
    ):
        assert other.get("/all", environ_base={"HTTP_COOKIE": header}).json == found
    assert store.calls == ["fetch", "fetch"]


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


@pytest.mark.parametrize(("policy", "status"), [("raise", 500), ("empty", 200)])
def test_a_server_that_is_killed(policy: Literal["raise", "empty"], status: int) -> None:
    """Between two requests: strangers and pages without session go on, and all do afterwards."""
    with running("valkey") as server, store_from_url(server.url(deadline=1)) as store:
        app = new_app(store, KVCORE_SESSION_POLICY={"on_store_error": policy})
        client = app.test_client()
        client.get("/set/a/1")
        server.kill()
        assert client.get("/plain").status_code == 200
        assert app.test_client().get("/all").json == {}
        answer = client.get("/all")
        assert (answer.status_code, set_cookies(answer)) == (status, [])
        assert client.get("/set/a/2").status_code == 500
        server.start()
        assert client.get("/all").json == {}  # this one kept nothing
        client.get("/set/a/3")
        assert client.get("/all").json == {"a": "3"}


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


def test_a_cookie_of_another_application_is_none_of_ours() -> None:
    """The same secret and the same store, but another name: no shop's id opens the back office."""
    store = DictStore()
    shop = new_app(store, SESSION_COOKIE_NAME="shop").test_client()
    admin = new_app(store, SESSION_COOKIE_NAME="admin").test_client()
    admin.set_cookie("admin", cookie_of(shop.get("/set/role/shopper")).value)
    assert admin.get("/all").json == {}
    assert shop.get("/all").json == {"role": "shopper"}
