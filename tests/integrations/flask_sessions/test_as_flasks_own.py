"""What Flask's own sessions do, those in a store do."""

import asyncio

from flask import Flask, flash, get_flashed_messages, render_template_string, session
from flask.testing import FlaskClient
from kvcore_flask import KVSession, current_sessions
from markupsafe import Markup

from kvcore import DictStore
from tests.integrations.flask_sessions.apps import new_app


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
