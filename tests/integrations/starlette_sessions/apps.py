"""An application with endpoints for most that one does with a session, and ways to ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from kvcore_starlette import KVSession, SessionMiddleware, current_session
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

_T = TypeVar("_T")

Endpoint = Callable[[Request], Awaitable[Response]]
SECRET = "not-a-secret"


async def plain(_: Request) -> Response:
    return PlainTextResponse("plain")


async def loaded(request: Request) -> KVSession:
    return await current_session(request).load()


async def show_all(request: Request) -> Response:
    await loaded(request)
    return JSONResponse(request.session)


async def has(request: Request) -> Response:
    await loaded(request)
    return PlainTextResponse(str(request.path_params["key"] in request.session))


async def set_one(request: Request) -> Response:
    await loaded(request)
    request.session[request.path_params["key"]] = request.path_params["value"]
    return PlainTextResponse("set")


async def call(request: Request) -> Response:
    getattr(await loaded(request), request.path_params["name"])()
    return PlainTextResponse("done")


ROUTES = (
    Route("/plain", plain),
    Route("/all", show_all),
    Route("/has/{key}", has),
    Route("/set/{key}/{value}", set_one),
    Route("/call/{name}", call),
)


def new_app(store: Any, *routes: BaseRoute, **options: Any) -> Starlette:
    """An application whose sessions lie in this store."""
    options = {"secret_key": SECRET, "store": store, **options}
    return Starlette(
        routes=[*routes, *ROUTES], middleware=[Middleware(SessionMiddleware, **options)]
    )


def one_route(endpoint: Endpoint, store: Any, **options: Any) -> Starlette:
    """An application with one endpoint of its own, at ``/``."""
    return new_app(store, Route("/", endpoint), **options)


class Answer(NamedTuple):
    """What was answered."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        """The values of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def cookie(self) -> str:
        """The cookie that was set."""
        [value] = self.all("set-cookie")
        return value.partition(";")[0]


async def ask(app: ASGIApp, path: str, cookie: str | None = None) -> Answer:
    """Ask an application in this event loop, together with whatever else runs there."""
    answer: list[Any] = []
    body = b""

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal body
        if message["type"] == "http.response.start":
            answer.append(message)
        else:
            body += message["body"]

    headers = [(b"host", b"testserver")]
    if cookie is not None:
        headers.append((b"cookie", cookie.encode()))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    await app(scope, receive, send)
    [start] = answer
    found = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return Answer(start["status"], found, body.decode())


def run(coro: Coroutine[Any, Any, _T]) -> _T:
    """Run it, and fail rather than hang."""

    async def in_time() -> _T:
        async with asyncio.timeout(30):
            return await coro

    return asyncio.run(in_time())
