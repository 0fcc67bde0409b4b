"""Several middlewares: around each other, in a mounted application, one after the other."""

from typing import Any

import pytest
from kvcore_starlette import SessionMiddleware, current_session, current_sessions
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from kvcore import ConfigError, DictStore
from tests.integrations.starlette_sessions.apps import SECRET, new_app


async def count(request: Request) -> Response:
    request.session["count"] = request.session.get("count", 0) + 1
    return PlainTextResponse(str(request.session["count"]))


def test_a_mounted_application_has_sessions_of_its_own() -> None:
    """Both are saved under their cookies, and neither sees the other's."""
    inside, outside = DictStore(), DictStore()

    async def both(request: Request) -> Response:
        outer = current_session(request, "session")
        inner = current_session(request, "inner")
        assert request.session is inner is current_session(request)
        outer["seen"] = len(await current_sessions(request, "inner").list_sessions())
        return await count(request)

    app = new_app(
        outside,
        Mount("/inside", new_app(inside, Route("/", both), session_cookie="inner", path="/inside")),
        Route("/count", count),
    )
    client = TestClient(app)
    assert client.get("/count").text == "1"
    assert client.get("/inside/").text == "1"
    assert client.get("/inside/").text == "2"
    assert client.get("/all").json() == {"count": 1, "seen": 1}
    assert client.get("/inside/all").json() == {"count": 2}
    assert (len(inside.keys()), len(outside.keys())) == (1, 1)


@pytest.mark.parametrize("is_mounted", [False, True])
def test_two_middlewares_with_the_same_cookie(is_mounted: bool) -> None:
    """They would overwrite each other's cookies: an error says which, and what to do."""
    inside, outside = DictStore(), DictStore()
    inner: Any = new_app(inside)
    if is_mounted:
        client = TestClient(new_app(outside, Mount("/inside", inner)))
    else:
        client = TestClient(SessionMiddleware(inner, SECRET, store=outside))
    path = "/inside/plain" if is_mounted else "/plain"
    with pytest.raises(ConfigError, match=r"'session'.*session_cookie="):
        client.get(path)
    assert inside.keys() == outside.keys() == []


def test_applications_that_are_asked_one_after_the_other() -> None:
    """With the same connection and cookie, but not around each other: each has its sessions."""
    first = new_app(DictStore(), Route("/count", count))
    second = new_app(DictStore(), Route("/count", count))

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        async def unheard(_: Message) -> None:
            pass

        await first(scope, receive, unheard)
        await second(scope, receive, send)

    assert TestClient(both).get("/count").text == "1"
