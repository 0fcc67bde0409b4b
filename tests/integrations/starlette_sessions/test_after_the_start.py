"""What is written when headers have gone out: WebSockets, streams, background tasks; failures."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from kvcore_starlette import current_session
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from kvcore import DictStore
from kvcore.errors import SessionTooLarge, SessionTooLate
from tests.integrations.starlette_sessions.apps import loaded, one_route
from tests.sessions.visitors import WatchedStore

Make = Any


@pytest.fixture(params=["memory", "redis"])
def any_store(request: pytest.FixtureRequest) -> Any:
    """Two kinds are enough here."""
    if request.param == "memory":
        yield DictStore()
    else:
        from kvcore import store_from_url

        with store_from_url(request.getfixturevalue("empty_valkey").url()) as store:
            yield store


# WebSockets


async def talk(websocket: WebSocket) -> None:
    """Sets what it is told to, and saves when it is told to."""
    await websocket.accept()
    session: Any = await loaded(websocket)  # type: ignore[arg-type]
    await websocket.send_json(dict(session))
    async for text in websocket.iter_text():
        if text == "save":
            await session.save()
        elif text == "break":
            raise RuntimeError("broken")
        elif text == "leave":
            raise WebSocketDisconnect
        else:
            session[text] = session.get(text, 0) + 1
        await websocket.send_text("done")


def tell(websocket: Any, *texts: str) -> None:
    for text in texts:
        websocket.send_text(text)
        websocket.receive_text()


def test_what_a_websocket_sets_is_saved(make: Make) -> None:
    """When its handler ends; every later one sees it."""
    client = TestClient(make(WebSocketRoute("/talk", talk)))
    client.get("/set/a/1")
    for times in (1, 2):
        with client.websocket_connect("/talk") as websocket:
            websocket.receive_json()
            tell(websocket, "n")
        assert client.get("/all").json() == {"a": "1", "n": times}


def test_a_websocket_saves_when_it_wants_to(make: Make) -> None:
    """Others see it at once, and what they set meanwhile is not lost."""
    client = TestClient(make(WebSocketRoute("/talk", talk)))
    client.get("/set/a/1")
    with client.websocket_connect("/talk") as websocket:
        websocket.receive_json()
        tell(websocket, "n", "save")
        assert client.get("/all").json() == {"a": "1", "n": 1}
        client.get("/set/b/2")
        tell(websocket, "n", "save", "save", "n")
        assert client.get("/all").json() == {"a": "1", "b": "2", "n": 2}
    assert client.get("/all").json() == {"a": "1", "b": "2", "n": 3}


@pytest.mark.parametrize("end", ["break", "leave"])
def test_a_websocket_that_breaks_saves(make: Make, end: str) -> None:
    """There is no answer that could say that nothing was kept."""
    client = TestClient(make(WebSocketRoute("/talk", talk)))
    client.get("/set/a/1")
    with pytest.raises((RuntimeError, WebSocketDisconnect)):
        with client.websocket_connect("/talk") as websocket:
            websocket.receive_json()
            tell(websocket, "n")
            websocket.send_text(end)
            websocket.receive_text()
    assert client.get("/all").json() == {"a": "1", "n": 1}


def test_a_log_out_ends_a_session_that_a_websocket_has_open(make: Make) -> None:
    """What it sets afterwards brings nothing back."""
    client = TestClient(make(WebSocketRoute("/talk", talk)))
    client.get("/set/a/1")
    cookies = dict(client.cookies)
    with client.websocket_connect("/talk") as websocket:
        websocket.receive_json()
        client.get("/call/destroy")
        tell(websocket, "n", "save")
    assert TestClient(client.app, cookies=cookies).get("/all").json() == {}


def test_a_session_begins_before_a_websocket_is_accepted(make: Make, store: WatchedStore) -> None:
    """Its cookie goes with the acceptance; what needs one later is refused, and stores nothing."""

    async def begin(websocket: WebSocket) -> None:
        session: Any = await loaded(websocket)  # type: ignore[arg-type]
        session["a"] = "1"
        await websocket.accept(headers=[(b"x-more", b"1")])
        await websocket.close()

    client = TestClient(make(WebSocketRoute("/begin", begin), WebSocketRoute("/talk", talk)))
    with pytest.raises(SessionTooLate, match="begun"):
        with client.websocket_connect("/talk") as websocket:
            websocket.receive_json()
            tell(websocket, "n")
    assert store.keys() == []
    with client.websocket_connect("/begin") as websocket:
        headers = dict(websocket.extra_headers or [])
        assert headers[b"x-more"] == b"1"
        cookie = headers[b"set-cookie"].decode().partition(";")[0]
    later = TestClient(client.app, headers={"cookie": cookie})
    assert later.get("/all").json() == {"a": "1"}


# Streams, background tasks


@pytest.mark.parametrize("is_touched_before", [False, True])
def test_a_stream_that_reads_first_is_too_late_for_vary(
    make: Make, is_touched_before: bool
) -> None:
    """Headers went out: who streams what depends on the session touches it in the endpoint."""

    async def stream(request: Request) -> Response:
        session = await loaded(request)
        if is_touched_before:
            session.get("a")

        async def blocks() -> AsyncIterator[str]:
            yield str(session.get("a"))

        return StreamingResponse(blocks())

    client = TestClient(make(Route("/", stream)))
    client.get("/set/a/1")
    answer = client.get("/")
    assert answer.text == "1"
    assert answer.headers.get("vary") == ("Cookie" if is_touched_before else None)


def test_what_a_stream_sets_is_saved(make: Make) -> None:
    """Also what is set when the whole body has gone out."""

    async def stream(request: Request) -> Response:
        session = await loaded(request)

        async def blocks() -> AsyncIterator[str]:
            session["first"] = 1
            yield "first"
            session["second"] = 2
            yield "second"

        def afterwards() -> None:
            session["third"] = 3

        return StreamingResponse(blocks(), background=BackgroundTask(afterwards))

    client = TestClient(make(Route("/stream", stream)))
    client.get("/set/a/1")
    assert client.get("/stream").text == "firstsecond"
    assert client.get("/all").json() == {"a": "1", "first": 1, "second": 2, "third": 3}


def test_a_list_that_was_set_is_changed_later(make: Make) -> None:
    """Whoever put it into the session may go on with it, also when it was saved already."""

    async def stream(request: Request) -> Response:
        session = await loaded(request)
        log: list[str] = []
        session["log"] = log
        default = session.setdefault("default", [])

        async def blocks() -> AsyncIterator[str]:
            yield "first"
            log.append("sent")
            default.append("sent")

        return StreamingResponse(blocks())

    client = TestClient(make(Route("/stream", stream)))
    client.get("/set/a/1")
    client.get("/stream")
    assert client.get("/all").json() == {"a": "1", "log": ["sent"], "default": ["sent"]}


@pytest.mark.parametrize("change", ["begin", "log in", "regenerate"])
def test_what_needs_a_cookie_is_refused_then(make: Make, store: WatchedStore, change: str) -> None:
    """Loudly, and nothing is stored that nobody could come back to."""

    async def stream(request: Request) -> Response:
        session = await loaded(request)

        async def blocks() -> AsyncIterator[str]:
            yield "first"
            if change == "regenerate":
                session.regenerate()
            else:
                session["user_id" if change == "log in" else "a"] = 7

        return StreamingResponse(blocks())

    client = TestClient(make(Route("/stream", stream)))
    if change != "begin":
        client.get("/set/a/1")
    before = store.keys()
    with pytest.raises(SessionTooLate, match="cookie"):
        client.get("/stream")
    assert store.keys() == before
    assert client.get("/all").json() == ({} if change == "begin" else {"a": "1"})


def test_a_session_can_be_ended_by_a_stream(make: Make, store: WatchedStore) -> None:
    """Its cookie stays, and leads to nothing."""

    async def stream(request: Request) -> Response:
        session = await loaded(request)

        async def blocks() -> AsyncIterator[str]:
            yield "first"
            session.destroy()

        return StreamingResponse(blocks())

    client = TestClient(make(Route("/stream", stream)))
    client.get("/set/a/1")
    client.get("/stream")
    assert store.keys() == []
    assert client.get("/all").json() == {}


def test_saved_by_hand(make: Make) -> None:
    """Before the response starts; its cookie is not forgotten, whatever is set afterwards."""

    async def begin(request: Request) -> Response:
        session = await loaded(request)
        session["a"] = 1
        assert (await session.save()).issued
        assert (await session.save()).issued
        if request.query_params.get("more"):
            session["b"] = 2
        return PlainTextResponse("begun")

    async def end(request: Request) -> Response:
        session = await loaded(request)
        session.destroy()
        await session.save()
        return PlainTextResponse("ended")

    for more in ("", "yes"):
        client = TestClient(make(Route("/begin", begin), Route("/end", end)))
        client.get("/begin", params={"more": more})
        assert client.get("/all").json() == ({"a": 1, "b": 2} if more else {"a": 1})
        assert "Max-Age=0" in client.get("/end").headers["set-cookie"]


# Failures


def test_an_error_page_saves_nothing(make: Make, store: WatchedStore) -> None:
    """What an endpoint set before it broke is not kept."""

    async def broken(request: Request) -> Response:
        (await loaded(request))["a"] = 1
        raise RuntimeError("broken")

    client = TestClient(make(Route("/broken", broken)), raise_server_exceptions=False)
    answer = client.get("/broken")
    assert (answer.status_code, "set-cookie" in answer.headers) == (500, False)
    assert store.keys() == []


def test_a_session_that_cannot_be_saved(store: WatchedStore) -> None:
    """Is an error; an endpoint that can explain it saves by itself."""

    async def fill(request: Request) -> Response:
        request.session["a"] = "x" * 1000
        if "explain" in request.query_params:
            try:
                await current_session(request).save()
            except SessionTooLarge as error:
                request.session.clear()
                return PlainTextResponse(str(error), 413)
        return PlainTextResponse("filled")

    client = TestClient(one_route(fill, store, max_bytes=500), raise_server_exceptions=False)
    assert client.get("/").status_code == 500
    answer = client.get("/?explain")
    assert (answer.status_code, "500" in answer.text) == (413, True)
    assert (answer.headers["vary"], "set-cookie" in answer.headers) == ("Cookie", False)
    assert store.keys() == []


def test_below_a_middleware_of_another_kind(make: Make) -> None:
    """`BaseHTTPMiddleware` runs endpoints in a task of their own; both use one session."""

    async def dispatch(request: Request, call_next: Any) -> Response:
        session = await loaded(request)
        session["before"] = True
        response: Response = await call_next(request)
        session["after"] = session["a"]
        return response

    app: Starlette = make()
    app.user_middleware.append(Middleware(BaseHTTPMiddleware, dispatch=dispatch))
    client = TestClient(app)
    client.get("/set/a/1")
    assert client.get("/all").json() == {"a": "1", "before": True, "after": "1"}
