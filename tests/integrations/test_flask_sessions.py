"""Flask's sessions in a store: as Flask-KVSession, Flask's own sessions and Flask-Login expect."""

import asyncio
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import flask
import flask_login
import pytest
from flask import Flask, flash, get_flashed_messages, jsonify, render_template_string, session
from flask.testing import FlaskClient
from kvcore_flask import (
    KVCore,
    KVSession,
    KVSessionExtension,
    KVSessionInterface,
    current_sessions,
)
from markupsafe import Markup
from werkzeug.test import TestResponse

from kvcore import ConfigError, DictStore, KeyValueStore, StoreError
from kvcore.testing import Clock
from tests.sessions.visitors import WatchedStore

LIFETIME = timedelta(days=31)


def new_app(store: KeyValueStore | None, **config: object) -> Flask:
    """An application with views for most that one does with a session."""
    app = Flask(__name__)
    app.secret_key = "not-a-secret"
    app.config.update(config)
    if store is not None:
        KVSessionExtension(store, app)

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/set/<key>/<value>")
    def set_one(key: str, value: str) -> str:
        session[key] = value
        return "set"

    @app.get("/all")
    def show_all() -> flask.Response:
        return jsonify(dict(session))

    @app.get("/has/<key>")
    def has(key: str) -> str:
        return str(key in session)

    @app.get("/delete/<key>")
    def delete(key: str) -> str:
        del session[key]
        return "deleted"

    @app.get("/permanent/<int:value>")
    def permanent(value: int) -> str:
        session.permanent = bool(value)
        session["permanent"] = value
        return "done"

    @app.get("/call/<name>")
    def call(name: str) -> str:
        getattr(session, name)()
        return "done"

    @app.get("/attribute/<name>")
    def attribute(name: str) -> str:
        return str(getattr(session, name))

    return app


def set_cookies(response: TestResponse) -> list[str]:
    return response.headers.getlist("Set-Cookie")


def cookie_of(response: TestResponse) -> Any:
    [header] = set_cookies(response)
    [morsel] = SimpleCookie(header).values()
    return morsel


@pytest.fixture
def store(any_store: KeyValueStore) -> WatchedStore:
    """A store of each kind, that counts."""
    return WatchedStore(any_store)


@pytest.fixture
def app(store: WatchedStore) -> Flask:
    """An application on it."""
    return new_app(store)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A visitor."""
    with app.test_client() as client:
        yield client


# What a session costs


def test_operations(client: FlaskClient, store: WatchedStore) -> None:
    """None untouched, one to read, two to write; headers only where they are needed."""

    def calls(path: str) -> tuple[list[str], TestResponse]:
        store.calls.clear()
        response = client.get(path)
        assert response.status_code == 200
        return list(store.calls), response

    operations, response = calls("/plain")
    assert (operations, response.headers.get("Vary"), set_cookies(response)) == ([], None, [])
    operations, response = calls("/has/a")
    assert (operations, response.headers["Vary"], set_cookies(response)) == ([], "Cookie", [])
    operations, response = calls("/set/a/1")
    assert (operations, response.headers["Vary"]) == (["put"], "Cookie")
    assert response.headers["Cache-Control"] == "private"
    operations, response = calls("/plain")
    assert (operations, response.headers.get("Vary"), set_cookies(response)) == ([], None, [])
    assert "Cache-Control" not in response.headers
    operations, response = calls("/has/a")
    assert (operations, response.headers["Vary"]) == (["fetch"], "Cookie")
    assert set_cookies(response) == []
    assert calls("/set/a/1")[0] == ["fetch"]
    assert calls("/set/a/2")[0] == ["fetch", "put"]


def test_visitors_who_set_nothing_leave_nothing(app: Flask, store: WatchedStore) -> None:
    """Fifty of them, without cookies."""
    for _ in range(50):
        assert app.test_client().get("/has/a").text == "False"
    assert store.keys() == []


def test_what_a_view_says_to_caches_stays(app: Flask) -> None:
    """But no shared cache keeps a response that sets a cookie."""

    @app.get("/cached")
    def cached() -> flask.Response:
        session["a"] = 1
        response = flask.Response("cached")
        response.cache_control.public = True
        response.cache_control.max_age = 60
        response.vary.add("Accept")
        return response

    response = app.test_client().get("/cached")
    assert response.headers["Cache-Control"] == "max-age=60, private"
    assert response.headers["Vary"] == "Accept, Cookie"


def test_a_change_deep_inside_is_kept(app: Flask, client: FlaskClient) -> None:
    """Without ``session.modified = True``, which is allowed and does nothing."""

    @app.get("/append")
    def append() -> str:
        session.setdefault("cart", []).append(1)
        return str(session.modified)

    @app.get("/modified")
    def modified() -> str:
        session.modified = True
        return "done"

    for _ in range(3):
        assert client.get("/append").text == "True"
    assert client.get("/all").json == {"cart": [1, 1, 1]}
    assert set_cookies(client.get("/modified")) == []


# What Flask-KVSession did


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


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({"SESSION_KEY_BITS": 512}, "256"),
        ({"SESSION_RANDOM_SOURCE": object()}, "SESSION_RANDOM_SOURCE"),
        ({"SESSION_SET_TTL": False}, "SESSION_SET_TTL"),
        ({"SESSION_COOKIE_NAME": "__Host-session"}, "__Host-"),
        ({"SESSION_COOKIE_NAME": "__Secure-session"}, "__Secure-"),
        ({"SESSION_COOKIE_PARTITIONED": True}, "secure"),
        ({"SESSION_COOKIE_SAMESITE": "None"}, "secure"),
        ({"SESSION_COOKIE_SAMESITE": "never"}, "samesite"),
        ({"KVCORE_SESSION_POLICY": {"absolut_secs": 5}}, "absolute_secs"),
        ({"KVCORE_SESSION_POLICY": {"idle_secs": 5}}, "PERMANENT_SESSION_LIFETIME"),
        ({"KVCORE_SESSION_POLICY": {"on_store_error": "ignore"}}, "on_store_error"),
        ({"KVCORE_SESSION_POLICY": "absolute"}, "dict"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused_at_the_start(
    config: dict[str, object], hint: str
) -> None:
    """With a hint; nothing of the app is changed."""
    app = new_app(None, **config)
    before = app.session_interface
    with pytest.raises(ConfigError, match=hint):
        KVSessionExtension(DictStore(), app)
    assert app.session_interface is before


def test_settings_of_old_that_are_kept() -> None:
    """Fewer bits than there are, and the default source of randomness."""
    from random import SystemRandom

    app = new_app(
        DictStore(),
        SESSION_KEY_BITS=64,
        SESSION_RANDOM_SOURCE=SystemRandom(),
        SESSION_SET_TTL=True,
        KVCORE_SESSION_POLICY={"absolute_secs": 60},
    )
    client = app.test_client()
    client.get("/set/a/1")
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert len(cookie.value.split(".")[0]) == 43


def test_a_pickler_is_refused() -> None:
    """Whoever could write to the store could run code here."""

    class Old(KVSessionInterface):
        serialization_method = pickle

    with pytest.raises(ConfigError, match="pickle"):
        Old(DictStore())


def test_what_is_no_store_of_ours_is_refused() -> None:
    """A dict, or a store of simplekv."""
    with pytest.raises(ConfigError, match="dict"):
        KVSessionExtension({"a": 1}, new_app(None))  # type: ignore[arg-type]  # that is the point


def test_one_place_for_the_sessions_of_an_app() -> None:
    """Saying it twice is a mistake that would log everybody out."""
    with pytest.raises(ConfigError, match="once"):
        KVSessionExtension(DictStore(), new_app(DictStore()))


# What Flask's own sessions do


def test_every_cookie_setting() -> None:
    """On the cookie that is set and on the one that deletes it."""
    app = new_app(
        None,
        SESSION_COOKIE_NAME="__Secure-sid",
        SESSION_COOKIE_DOMAIN="example.org",
        SESSION_COOKIE_PATH="/app",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=False,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_PARTITIONED=True,
        SERVER_NAME="example.org",
        APPLICATION_ROOT="/app",
    )
    KVSessionExtension(DictStore(), app)
    client = app.test_client()
    base = "https://example.org/app"
    attributes = {
        "Domain=example.org",
        "Path=/app",
        "Secure",
        "SameSite=Strict",
        "Partitioned",
    }
    [first] = set_cookies(client.get("/set/a/1", base_url=base))
    assert set(first.split("; ")[1:]) == attributes
    [last] = set_cookies(client.get("/call/destroy", base_url=base))
    assert last.startswith("__Secure-sid=;")
    assert set(last.split("; ")[1:]) > attributes
    assert "Max-Age=0" in last


def test_the_cookie_of_an_app_that_sets_nothing() -> None:
    """Is Flask's: not for scripts, for this host, for the path of the app."""
    app = new_app(DictStore(), APPLICATION_ROOT="/foo")
    [header] = set_cookies(app.test_client().get("/set/a/1"))
    assert set(header.split("; ")[1:]) == {"HttpOnly", "Path=/foo"}


def test_permanent_sessions(client: FlaskClient, app: Flask) -> None:
    """Their cookie ends with the lifetime, and is put off by each touch, or by each write."""
    assert cookie_of(client.get("/set/a/1"))["expires"] == ""
    assert cookie_of(client.get("/permanent/1"))["expires"] != ""
    assert cookie_of(client.get("/has/a"))["expires"] != ""
    assert set_cookies(client.get("/plain")) == []
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    assert set_cookies(client.get("/has/a")) == []
    assert cookie_of(client.get("/set/a/2"))["expires"] != ""
    assert cookie_of(client.get("/permanent/0"))["expires"] == ""
    assert set_cookies(client.get("/set/a/3")) == []


def test_without_a_secret_key() -> None:
    """As Flask's: pages work, reading gives nothing, writing says what is missing."""
    app = new_app(DictStore())
    app.secret_key = None
    client = app.test_client()
    assert client.get("/plain").text == "plain"
    assert client.get("/has/a").text == "False"
    with pytest.raises(RuntimeError, match="secret key"), app.test_request_context():
        session["a"] = 1
    with app.app_context(), pytest.raises(ConfigError, match="SECRET_KEY"):
        current_sessions()
    app.secret_key = "late"
    client.get("/set/a/1")
    assert client.get("/has/a").text == "True"


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


def test_session_transaction(client: FlaskClient) -> None:
    """Tests prepare a session, and look into it."""
    with client.session_transaction() as prepared:
        assert isinstance(prepared, KVSession)
        prepared["a"] = "1"
    assert client.get("/all").json == {"a": "1"}
    client.get("/set/b/2")
    with client.session_transaction() as found:
        assert dict(found) == {"a": "1", "b": "2"}
    with client.session_transaction() as ended:
        ended.clear()
    assert client.get_cookie("session") is None


def test_flash(app: Flask, client: FlaskClient) -> None:
    """Messages with categories and markup, shown once."""

    @app.get("/flash")
    def flash_one() -> str:
        flash(Markup("<b>Saved</b>"), "info")
        return "done"

    @app.get("/messages")
    def messages() -> str:
        return render_template_string(
            "{% for kind, text in get_flashed_messages(with_categories=true) %}"
            "{{ kind }}: {{ text }}{% endfor %}"
        )

    @app.get("/both")
    def both() -> list[str]:
        flash("now")
        return get_flashed_messages()

    client.get("/flash")
    assert client.get("/messages").text == "info: <b>Saved</b>"
    assert client.get("/messages").text == ""
    assert client.get("/both").json == ["now"]
    assert client.get_cookie("session") is None


def test_a_template_that_does_not_use_the_session_does_not_touch_it(
    app: Flask, client: FlaskClient, store: WatchedStore
) -> None:
    """Flask hands it to every template; only what looks inside reads it."""

    @app.get("/template")
    def template() -> str:
        return render_template_string("static")

    client.get("/set/a/1")
    store.calls.clear()
    response = client.get("/template")
    assert store.calls == []
    assert "Vary" not in response.headers


def test_several_apps() -> None:
    """In one process, each with its own store, key and cookie."""
    apps = [
        new_app(DictStore(), SESSION_COOKIE_NAME=f"session{number}", SECRET_KEY=f"key{number}")
        for number in range(3)
    ]
    clients = [app.test_client() for app in apps]
    for number, client in enumerate(clients):
        client.get(f"/set/a/{number}")
    assert [client.get("/all").json for client in clients] == [{"a": str(n)} for n in range(3)]
    for app in apps:
        with app.app_context():
            assert len(current_sessions().list_sessions()) == 1


def test_async_views(app: Flask, client: FlaskClient) -> None:
    """Use the session as others do."""

    @app.get("/async")
    async def view() -> str:
        await asyncio.sleep(0)
        session["n"] = session.get("n", 0) + 1
        return str(session["n"])

    assert [client.get("/async").text for _ in range(2)] == ["1", "2"]


# By the main extension


def test_kvcore_keeps_sessions_in_a_named_store() -> None:
    """Or in a store; with the same settings as all."""
    store = DictStore()
    for setting in ("sessions", store):
        app = new_app(
            None,
            KVCORE_STORES={"default": "memory://", "sessions": store},
            KVCORE_SESSION_STORE=setting,
        )
        KVCore(app)
        store.d.clear()
        client = app.test_client()
        client.get("/set/a/1")
        assert client.get("/all").json == {"a": "1"}
        assert len(store.keys()) == 1


@pytest.mark.parametrize("setting", ["session", 5])
def test_a_store_that_is_not_there(setting: object) -> None:
    """Is found out at the start."""
    app = new_app(None, KVCORE_STORES={"sessions": "memory://"}, KVCORE_SESSION_STORE=setting)
    with pytest.raises(ConfigError, match="KVCORE_SESSION_STORE"):
        KVCore(app)


def test_without_the_setting_sessions_stay_where_they_are() -> None:
    """In Flask's cookie; and asking for them in a store says what to do."""
    app = new_app(None, KVCORE_STORES={"default": "memory://"})
    KVCore(app)
    client = app.test_client()
    client.get("/set/a/1")
    assert client.get("/all").json == {"a": "1"}
    with app.app_context(), pytest.raises(ConfigError, match="KVCORE_SESSION_STORE"):
        current_sessions()


# When things fail


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


def test_garbage_in_the_store(client: FlaskClient, store: WatchedStore) -> None:
    """A pickle, for example, is never run: the visitor has a new session."""
    client.get("/set/a/1")
    [key] = store.keys()
    store.put(key, pickle.dumps({"a": 1}))
    assert client.get("/all").json == {}


# Flask-Login


class User(flask_login.UserMixin):  # type: ignore[misc]  # it has no types
    def __init__(self, id: str) -> None:  # noqa: A002  # as Flask-Login calls it
        self.id = id


@pytest.fixture
def login_app(app: Flask) -> Flask:
    """With Flask-Login, as its documentation has it."""
    manager = flask_login.LoginManager(app)
    manager.user_loader(User)

    @app.get("/login/<user>")
    def login(user: str) -> str:
        flask_login.login_user(User(user))
        return "in"

    @app.get("/confirm")
    def confirm() -> str:
        flask_login.confirm_login()
        return "fresh"

    @app.get("/logout")
    def logout() -> str:
        flask_login.logout_user()
        return "out"

    @app.get("/who")
    def who() -> str:
        user = flask_login.current_user
        return str(user.get_id()) if user.is_authenticated else "nobody"

    @app.get("/elsewhere")
    def elsewhere() -> str:
        infos = current_sessions().sessions_for(session["_user_id"], current=session)
        return ",".join("here" if info.current else "there" for info in infos)

    @app.get("/everywhere/<int:keep>")
    def everywhere(keep: int) -> str:
        kept = session if keep else None
        return str(current_sessions().revoke_user(session["_user_id"], keep=kept))

    return app


def value_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def replay(app: Flask, value: str) -> str:
    thief = app.test_client()
    thief.set_cookie("session", value)
    return thief.get("/who").text


def test_flask_login(login_app: Flask, store: WatchedStore) -> None:
    """Anonymous costs nothing; a log-in has a fresh id, a log-out leaves nothing to replay."""
    client = login_app.test_client()
    assert client.get("/who").text == "nobody"
    assert store.calls == []

    client.get("/set/cart/tea")
    anonymous = value_of(client)
    client.get("/login/7")
    logged_in = value_of(client)
    assert logged_in != anonymous
    assert client.get("/who").text == "7"
    assert replay(login_app, anonymous) == "nobody"
    assert client.get("/all").json["cart"] == "tea"

    with client.session_transaction() as stale:
        stale["_fresh"] = False
    stale_value = value_of(client)
    client.get("/confirm")
    assert value_of(client) != stale_value
    assert replay(login_app, stale_value) == "nobody"

    fresh = value_of(client)
    client.get("/logout")
    assert client.get("/who").text == "nobody"
    for value in (anonymous, logged_in, stale_value, fresh):
        assert replay(login_app, value) == "nobody"


def test_a_planted_session_is_not_logged_in(login_app: Flask) -> None:
    """An attacker gets a session of ours and plants its cookie; the victim logs in with it."""
    attacker, victim = login_app.test_client(), login_app.test_client()
    attacker.get("/set/a/1")
    victim.set_cookie("session", value_of(attacker))
    victim.get("/login/7")
    assert victim.get("/who").text == "7"
    assert attacker.get("/who").text == "nobody"


def test_where_am_i_signed_in(login_app: Flask) -> None:
    """And sign out everywhere else, or everywhere."""
    clients = [login_app.test_client() for _ in range(3)]
    for client in clients:
        client.get("/login/7")
    other = login_app.test_client()
    other.get("/login/8")
    first = clients[0]
    assert sorted(first.get("/elsewhere").text.split(",")) == ["here", "there", "there"]
    assert first.get("/everywhere/1").text == "2"
    assert [client.get("/who").text for client in clients] == ["7", "nobody", "nobody"]
    assert first.get("/everywhere/0").text == "1"
    assert first.get("/who").text == "nobody"
    assert other.get("/who").text == "8"


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
