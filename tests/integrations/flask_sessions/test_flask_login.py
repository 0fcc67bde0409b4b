"""Flask-Login on sessions in a store, without extra code."""

import flask_login
import pytest
from flask import Flask, session
from kvcore_flask import current_sessions

from tests.integrations.flask_sessions.apps import value_of
from tests.sessions.visitors import WatchedStore


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
