"""What Flask-KVSession did: an application that was written for it changes its import."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from kvcore_flask import KVSession, KVSessionExtension, KVSessionInterface
from markupsafe import Markup

from kvcore import DictStore
from kvcore.testing import Clock
from tests.integrations.flask_sessions.apps import cookie_of, new_app, set_cookies
from tests.sessions.visitors import WatchedStore


def test_the_life_of_a_session(client: FlaskClient, store: WatchedStore) -> None:
    """Set, changed, deleted, renamed, destroyed."""
    client.get("/set/k1/v1")
    client.get("/set/k2/v2")
    assert client.get("/all").json == {"k1": "v1", "k2": "v2"}
    client.get("/set/k1/v3")
    client.get("/delete/k2")
    assert client.get("/all").json == {"k1": "v3"}
    [key] = store.keys()
    assert len(set_cookies(client.get("/call/regenerate"))) == 1
    [renamed] = store.keys()
    assert renamed != key
    assert client.get("/all").json == {"k1": "v3"}
    assert cookie_of(client.get("/call/destroy"))["max-age"] == "0"
    assert store.keys() == []
    assert client.get("/all").json == {}
    assert client.get_cookie("session") is None


@pytest.mark.parametrize("name", ["destroy", "regenerate", "clear"])
def test_ending_what_has_not_begun(client: FlaskClient, store: WatchedStore, name: str) -> None:
    """Is nothing: no cookie, no operation."""
    assert set_cookies(client.get(f"/call/{name}")) == []
    assert store.calls == []


def test_new_and_modified(client: FlaskClient) -> None:
    """As they were: a session is new until it is saved, and not modified by looking."""
    assert client.get("/attribute/new").text == "True"
    assert client.get("/attribute/modified").text == "False"
    client.get("/set/a/1")
    assert client.get("/attribute/new").text == "False"
    assert client.get("/attribute/modified").text == "False"


def test_a_session_that_vanished_is_a_new_one(client: FlaskClient, store: WatchedStore) -> None:
    """And of the same class."""
    client.get("/set/a/1")
    store.delete(store.keys()[0])
    assert client.get("/all").json == {}
    assert client.get("/attribute/__class__").text == str(KVSession)


def test_expired_sessions() -> None:
    """By the app's lifetime, which may be changed at any time; also of those not permanent."""
    clock = Clock()
    app = new_app(DictStore(clock=clock))
    app.permanent_session_lifetime = timedelta(seconds=100)
    client = app.test_client()
    client.get("/set/a/1")
    clock.advance(99)
    assert client.get("/all").json == {"a": "1"}
    clock.advance(99)
    assert client.get("/all").json == {"a": "1"}
    clock.advance(101)
    assert client.get("/attribute/new").text == "True"
    assert client.get("/permanent/1").status_code == 200


def test_cleanup_sessions(client: FlaskClient, app: Flask, store: WatchedStore) -> None:
    """Removes what has expired, and only that; of an app, or of the current one."""
    client.get("/set/a/1")
    extension = KVSessionExtension(store)
    assert extension.cleanup_sessions(app) == (0, 1, 0)
    [key] = store.keys()
    first, _, content = store.get(key).split(b"\n")
    store.put(key, b"\n".join([first, b"1.0 1.0 2.0 {}", content]))
    with app.app_context():
        assert extension.cleanup_sessions() == (1, 0, 0)
    assert store.keys() == []


def test_types_that_json_does_not_have(app: Flask, client: FlaskClient) -> None:
    """Those of Flask's sessions, and a datetime as it was."""
    values = {
        "tuple": (1, 2),
        "bytes": b"\x80",
        "markup": Markup("<b>bold</b>"),
        "datetime": datetime(2011, 8, 10, 15, 46, 0, 1, tzinfo=UTC),
        "numbers": {1: "one"},
    }

    @app.get("/put")
    def put() -> str:
        session.update(values)
        return "done"

    @app.get("/compare")
    def compare() -> str:
        return str(dict(session) == values and type(session["markup"]) is Markup)

    client.get("/put")
    assert client.get("/compare").text == "True"


def test_an_old_application_changes_its_import() -> None:
    """The names, the arguments and the attribute of the app are those of Flask-KVSession."""
    store, other = DictStore(), DictStore()
    extension = KVSessionExtension()
    with pytest.raises(ValueError, match="store"):
        extension.init_app(new_app(None))
    first, second = new_app(None), new_app(None)
    extension.init_app(first, session_kvstore=store)
    KVSessionExtension(other).init_app(second)
    first.test_client().get("/set/a/1")
    assert len(store.keys()) == 1
    assert other.keys() == []
    assert first.kvsession_store is store  # type: ignore[attr-defined]  # it was there always
    assert isinstance(second.session_interface, KVSessionInterface)
    third = new_app(None)
    KVSessionExtension(app=third)  # without a store: for init_app
    third.kvsession_store = store  # type: ignore[attr-defined]
    third.session_interface = KVSessionInterface()
    third.test_client().get("/set/a/1")
    assert len(store.keys()) == 2
