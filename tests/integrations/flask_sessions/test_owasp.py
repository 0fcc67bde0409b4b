"""What OWASP's checklist asks of an application on Flask; docs/sessions.md has all its rows."""

import logging

import flask
import pytest
from flask import Flask, request
from kvcore_flask import current_sessions, session

from kvcore import DictStore
from kvcore.sessions import handle_of
from tests.integrations.flask_sessions.apps import cookie_of, new_app, set_cookies, value_of

MOST = 3
"""How many places somebody may be signed in at."""


@pytest.fixture
def strict_app() -> Flask:
    """An application that does what is left to applications."""
    app = new_app(DictStore())

    @app.get("/login/<user>")
    def login(user: str) -> str:
        session["user_id"] = user
        session.notes["browser"] = request.headers["User-Agent"]
        for oldest in current_sessions().sessions_for(user)[MOST - 1 :]:
            current_sessions().revoke(oldest.handle)
        return "in"

    @app.get("/logout")
    def logout() -> flask.Response:
        session.destroy()
        return flask.Response("out", headers={"Clear-Site-Data": '"cache", "storage"'})

    @app.before_request
    def end_what_looks_stolen() -> None:
        if "user_id" in session and session.notes["browser"] != request.headers["User-Agent"]:
            session.destroy()

    @app.after_request
    def keep_nothing(response: flask.Response) -> flask.Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    return app


def test_the_absolute_time_out() -> None:
    """However busy the session is: it counts from the beginning."""
    store = DictStore()
    app = new_app(store, KVCORE_SESSION_POLICY={"absolute_secs": 1000})
    client = app.test_client()
    client.get("/set/a/1")
    for aged_secs, left in ((900, {"a": "1"}), (101, {})):
        [key] = store.keys()
        first, facts, content = store.get(key).split(b"\n")
        created, rest = facts.split(b" ", 1)
        facts = b"%r %b" % (float(created) - aged_secs, rest)
        store.put(key, b"\n".join([first, facts, content]))
        assert client.get("/all").json == left


def test_the_log_tells_the_whole_life_without_an_id(
    strict_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """Begin, log-in, log-out, replay and a forged cookie, each with the handle at most."""
    client = strict_app.test_client()
    cookies = []
    with caplog.at_level(logging.INFO, "kvcore.sessions"):
        for path in ("/set/secret/hunter2", "/login/7"):
            client.get(path)
            cookies.append(value_of(client))
        client.get("/logout")
        for sent in (cookies[-1], "forged"):
            client.set_cookie("session", sent)
            client.get("/all")
    ids = [cookie.partition(".")[0] for cookie in cookies]
    began, logged_in = (handle_of(one)[:12] for one in ids)
    assert [record.getMessage() for record in caplog.records] == [
        f"session {began} was created",
        f"session {logged_in} took the place of another: {handle_of(ids[0])}",
        f"session {logged_in} was ended",
        f"session {logged_in} is not there",
        "a session was asked for with a cookie that is not ours",
    ]
    assert not [word for word in ("hunter2", "forged", *ids) if word in caplog.text]


def test_a_log_out_ends_both_sides(strict_app: Flask) -> None:
    """The record is gone, the cookie is deleted, and no page stays in a cache."""
    client = strict_app.test_client()
    client.get("/login/7")
    before = value_of(client)
    answer = client.get("/logout")
    assert cookie_of(answer)["max-age"] == "0"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert answer.headers["Cache-Control"] == "no-store"  # stronger than what a cookie asks
    client.set_cookie("session", before)
    assert client.get("/all").json == {}


def test_a_limit_of_places_to_be_signed_in(strict_app: Flask) -> None:
    """The one that was not used for longest is signed out."""
    clients = [strict_app.test_client() for _ in range(MOST + 1)]
    for client in clients:
        client.get("/login/7")
    there = [client.get("/has/user_id").text for client in clients]
    assert there == ["False", *["True"] * MOST]


def test_a_cookie_in_another_browser_is_noticed(strict_app: Flask) -> None:
    """By a note of the session; it is ended for both, as nobody knows who is who."""
    client, thief = strict_app.test_client(), strict_app.test_client()
    client.get("/login/7")
    thief.set_cookie("session", value_of(client))
    answer = thief.get("/all", headers={"User-Agent": "another"})
    assert answer.json == {}
    assert len(set_cookies(answer)) == 1
    assert client.get("/all").json == {}
