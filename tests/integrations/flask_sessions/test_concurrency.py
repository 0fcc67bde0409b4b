"""Requests of one visitor that run at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from tests.integrations.flask_sessions.apps import set_cookies, value_of
from tests.sessions.visitors import WatchedStore


def same_browser(client: FlaskClient) -> FlaskClient:
    """Another tab: it has the cookie, and gets no new one."""
    tab = client.application.test_client()
    tab.set_cookie("session", value_of(client))
    return tab


@pytest.mark.parametrize("end", ["clear", "destroy"])
def test_a_slow_request_does_not_undo_a_logout(
    app: Flask, client: FlaskClient, store: WatchedStore, end: str
) -> None:
    """It ends after the log-out and wants to save: nothing of the session comes back."""

    @app.get("/slow")
    def slow() -> str:
        seen = session["a"]
        tab.get(f"/call/{end}")
        session["b"] = 2
        return str(seen)

    client.get("/set/a/1")
    tab = same_browser(client)
    answer = client.get("/slow")
    assert (answer.text, set_cookies(answer)) == ("1", [])
    assert client.get("/all").json == {}
    assert store.keys() == []


def test_fifty_threads_each_set_their_own_key(app: Flask, client: FlaskClient) -> None:
    """All have read the session before the first one writes it; fifty keys remain."""
    threads = 50
    together = Barrier(threads, timeout=60)

    @app.get("/together/<key>")
    def set_together(key: str) -> str:
        assert session["a"] == "1"
        together.wait()
        session[key] = key
        return key

    client.get("/set/a/1")
    keys = {f"key{number}" for number in range(threads)}
    with ThreadPoolExecutor(threads) as pool:
        answers = list(
            pool.map(lambda key: same_browser(client).get(f"/together/{key}").status_code, keys)
        )
    assert set(answers) == {200}
    assert client.get("/all").json == {"a": "1"} | {key: key for key in keys}
