"""What a view does to the session while its response is sent."""

from collections.abc import Iterator

import pytest
from flask import Flask, Response, session, stream_with_context
from flask.testing import FlaskClient

from kvcore import SessionTooLate
from tests.integrations.flask_sessions.apps import set_cookies
from tests.sessions.visitors import WatchedStore


@pytest.fixture(autouse=True)
def streaming(app: Flask) -> None:
    """A view that acts between two pieces of its body."""

    @app.get("/stream/<act>")
    def stream(act: str) -> Response:
        def body() -> Iterator[str]:
            yield "first,"
            if act == "set":
                session["late"] = "1"
            elif act in ("read", "touch"):
                yield f"{session['a']},"
            elif act == "append":
                session["list"].append(2)
            elif act != "nothing":
                getattr(session, act)()
            yield "last"

        if act == "touch":
            session.get("a")
        return Response(stream_with_context(body()))


def test_a_change_is_kept(client: FlaskClient) -> None:
    """Of a session that its visitor has; also one deep inside."""
    with client.session_transaction() as prepared:
        prepared["list"] = [1]
    for act in ("set", "append"):
        with client.get(f"/stream/{act}") as response:
            assert response.text == "first,last"
            assert set_cookies(response) == []
    assert client.get("/all").json == {"list": [1, 2], "late": "1"}


@pytest.mark.parametrize("act", ["clear", "destroy"])
def test_an_end_is_one(client: FlaskClient, store: WatchedStore, act: str) -> None:
    """Though the cookie stays in the browser, nothing is behind it any more."""
    client.get("/set/a/1")
    with client.get(f"/stream/{act}") as response:
        assert response.text == "first,last"
    assert store.keys() == []
    assert client.get("/all").json == {}


@pytest.mark.parametrize("act", ["set", "regenerate"])
def test_what_needs_a_cookie_is_refused(client: FlaskClient, act: str) -> None:
    """Loudly: its visitor would never have it."""
    if act == "regenerate":
        client.get("/set/a/1")
    with pytest.raises(SessionTooLate), client.get(f"/stream/{act}") as response:
        assert response.text


def test_a_stream_that_reads_first_is_too_late_for_vary(client: FlaskClient) -> None:
    """Headers went out: who streams what depends on the session touches it in the view."""
    client.get("/set/a/1")
    with client.get("/stream/read") as response:
        assert (response.text, response.headers.get("Vary")) == ("first,1,last", None)
    with client.get("/stream/touch") as response:
        assert (response.text, response.headers.get("Vary")) == ("first,1,last", "Cookie")


def test_a_stream_that_does_not_use_it_costs_nothing(
    client: FlaskClient, store: WatchedStore
) -> None:
    """Neither an operation nor a header."""
    client.get("/set/a/1")
    store.calls.clear()
    with client.get("/stream/nothing") as response:
        assert response.text == "first,last"
        assert "Vary" not in response.headers
    assert store.calls == []
