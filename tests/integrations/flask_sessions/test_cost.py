"""What a session on Flask costs the store, and says to caches."""

import flask
from flask import Flask, render_template_string, session
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integrations.flask_sessions.apps import set_cookies
from tests.sessions.visitors import WatchedStore


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
        response.headers["CDN-Cache-Control"] = response.headers["Surrogate-Control"] = "max-age=9"
        return response

    response = app.test_client().get("/cached")
    assert response.headers["Cache-Control"] == "max-age=60, private"
    assert response.headers["Vary"] == "Accept, Cookie"
    assert not {"CDN-Cache-Control", "Surrogate-Control"} & set(response.headers.keys())


def test_each_of_several_headers_counts(app: Flask, client: FlaskClient) -> None:
    """A header that was added beside another is not lost when they become one."""

    @app.get("/twice")
    def twice() -> flask.Response:
        session["a"] = 1
        response = flask.Response("twice")
        response.headers.add("Cache-Control", "max-age=60")
        response.headers.add("Cache-Control", "no-store")
        return response

    assert client.get("/twice").headers.getlist("Cache-Control") == ["max-age=60, no-store"]


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
