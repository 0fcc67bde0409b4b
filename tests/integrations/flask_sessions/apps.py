"""Applications with views for most that one does with a session, and what responses say of it."""

from http.cookies import SimpleCookie
from typing import Any

import flask
from flask import Flask, jsonify, session
from flask.testing import FlaskClient
from kvcore_flask import KVSessionExtension
from werkzeug.test import TestResponse

from kvcore import KeyValueStore
from tests.sessions.visitors import SECRET as SECRET


def new_app(store: KeyValueStore | None, **config: object) -> Flask:
    """An application with views for most that one does with a session."""
    app = Flask(__name__)
    app.secret_key = SECRET
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


def value_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value
