"""The settings: of Flask-KVSession, of Flask's cookie, and those of kvcore's extension."""

import pickle

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from kvcore_flask import KVCore, KVSessionExtension, KVSessionInterface, current_sessions

from kvcore import ConfigError, DictStore
from kvcore.sessions.weak_secrets import tell_once
from tests.integrations.flask_sessions.apps import cookie_of, new_app, set_cookies

GOOD_SECRET = "5b1d9f04c7e83a62b1f0d7a85c2e9364"


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


@pytest.mark.parametrize(
    ("secret", "config", "lines"),
    [
        ("dev", {}, 1),
        ("dev", {"DEBUG": True}, 0),
        ("dev", {"TESTING": True}, 0),
        (GOOD_SECRET, {}, 0),
        (GOOD_SECRET, {"SECRET_KEY_FALLBACKS": ["dev"]}, 1),
    ],
)
def test_a_weak_secret_is_told(
    caplog: pytest.LogCaptureFixture, secret: str, config: dict[str, object], lines: int
) -> None:
    """Once, unless the app is developed or tested; and it works in any case."""
    tell_once.cache_clear()
    app = Flask(__name__)
    app.config.update(SECRET_KEY=secret, **config)
    KVSessionExtension(DictStore(), app)

    @app.get("/")
    def count() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    client = app.test_client()
    assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]
    assert len([line for line in caplog.messages if "SECRET_KEY" in line]) == lines


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
