"""Starlette's sessions: a request in ASGI, of a session with three small keys"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import NamedTuple

from kvcore_starlette import SessionMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware as SignedCookie
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from benchmarks.measure import OURS, RAW, Contest, Sample, undisturbed
from benchmarks.places import ANY, Place
from benchmarks.redis_clients import server_of
from benchmarks.row import Row
from kvcore import DictStore, store_from_url
from kvcore.sessions import LoadMode

_RECORD = bytes(200)  # about what a session takes
_LIFETIME_SECS = 14 * 86400
_SECRET = "a secret of this measurement"

Call = Callable[[], Awaitable[object]]


class Kind(NamedTuple):
    """Who takes part."""

    read: Call | None
    """What a view would call to read a session, if it is held against one that does."""
    write: Call | None
    middlewares: dict[str, list[Middleware]]


async def plain(_: Request) -> Response:
    return PlainTextResponse("plain")


async def begin(request: Request) -> Response:
    request.session.update(name="ann", visits=1, theme="dark")
    return PlainTextResponse("begun")


async def read(request: Request) -> Response:
    return PlainTextResponse(f"{request.session['visits']}")


async def write(request: Request) -> Response:
    request.session["visits"] += 1
    return PlainTextResponse("written")


def new_app(middleware: list[Middleware]) -> Starlette:
    """An app with a view for each use of a session."""
    views = {"/plain": plain, "/begin": begin, "/read": read, "/write": write}
    return Starlette(routes=[Route(*view) for view in views.items()], middleware=middleware)


def bare_app(kind: Kind) -> Starlette:
    """The same views, without sessions."""

    def calling(call: Call | None) -> Callable[[Request], Awaitable[Response]]:
        async def view(_: Request) -> Response:
            if call is not None:
                await call()
            return PlainTextResponse("done")

        return view

    views = {"/plain": plain, "/read": calling(kind.read), "/write": calling(kind.write)}
    return Starlette(routes=[Route(*view) for view in views.items()])


def visitor(app: Starlette, path: str, cookie: str | None = None) -> Callable[[], Awaitable[str]]:
    """Asks for a path, past everything but the app; returns the cookie that is set, if any."""
    headers = [(b"host", b"localhost"), (b"accept", b"*/*")]
    if cookie is not None:
        headers.append((b"cookie", cookie.encode()))
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "root_path": "",
        "headers": headers,
    }
    started: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started[:] = [message]

    async def ask() -> str:
        await app(dict(scope), receive, send)
        assert started[0]["status"] == 200, started
        for name, value in started[0]["headers"]:
            if name == b"set-cookie":
                return str(value.decode().partition(";")[0])
        return ""

    return ask


def requests(place: Place, kind: Callable[..., Kind], path: str, *, cookie: bool) -> Contest:
    """Our sessions, those of the peers, and a view that makes the bare calls."""
    runner = asyncio.Runner()
    place.at_the_end(runner.close)
    found = kind(place, runner)
    asking = {RAW: visitor(bare_app(found), path)}
    for name, middleware in found.middlewares.items():
        app = new_app(middleware)
        sent = runner.run(visitor(app, "/begin")()) if cookie else None
        asking[name] = visitor(app, path, sent)
    return {name: _sample(runner, ask, place.operations) for name, ask in asking.items()}


def _sample(runner: asyncio.Runner, ask: Callable[[], Awaitable[str]], operations: int) -> Sample:
    async def ask_all() -> float:
        start = perf_counter()
        for _ in range(operations):
            await ask()
        return perf_counter() - start

    def sample() -> float:
        with undisturbed():
            return runner.run(ask_all()) / operations

    return sample


def _starsessions(store: object) -> dict[str, list[Middleware]]:
    if find_spec("starsessions") is None:
        return {}
    import starsessions

    keeps = Middleware(
        starsessions.SessionMiddleware,
        store=store,
        lifetime=_LIFETIME_SECS,
        rolling=True,
        cookie_https_only=False,
    )
    return {"starsessions": [keeps, Middleware(starsessions.SessionAutoloadMiddleware)]}


def _signed_cookie() -> dict[str, list[Middleware]]:
    return {"signed cookie": [Middleware(SignedCookie, secret_key=_SECRET)]}


def _redis(place: Place, runner: asyncio.Runner, *, mode: LoadMode) -> Kind:
    """Inline sessions beside a client that blocks, the others beside one that is awaited."""
    from redis.asyncio import Redis

    server = server_of(place)
    client = server.client(socket_timeout=5)
    awaited = Redis.from_url(server.url(), socket_timeout=5)
    client.set("bare", _RECORD)
    store = store_from_url(server.url())
    for end in (client.close, lambda: runner.run(awaited.aclose()), store.close):
        place.at_the_end(end)

    async def read_inline() -> None:
        client.get("bare")

    async def write_inline() -> None:
        client.get("bare")
        client.set("bare", _RECORD, ex=_LIFETIME_SECS, xx=True)

    async def write_awaited() -> None:
        await awaited.get("bare")
        await awaited.set("bare", _RECORD, ex=_LIFETIME_SECS, xx=True)

    peers = {}
    if find_spec("starsessions") is not None:
        from starsessions.stores.redis import RedisStore

        peers = _starsessions(RedisStore(connection=awaited))
    ours = Middleware(SessionMiddleware, secret_key=_SECRET, store=store, mode=mode)
    is_inline = mode == "inline"
    return Kind(
        read_inline if is_inline else partial(awaited.get, "bare"),
        write_inline if is_inline else write_awaited,
        {OURS: [ours], **peers, **_signed_cookie()},
    )


def _memory(place: Place, runner: asyncio.Runner) -> Kind:
    peers = {}
    if find_spec("starsessions") is not None:
        from starsessions import InMemoryStore

        peers = _starsessions(InMemoryStore())
    ours = Middleware(SessionMiddleware, secret_key=_SECRET, store=DictStore())
    return Kind(None, None, {OURS: [ours], **peers, **_signed_cookie()})


def _rows(
    name: str,
    kind: Callable[..., Kind],
    against: str,
    *reaches: float | None,
) -> list[Row]:
    plain = "a plain view"
    uses = [
        ("no cookie, untouched", "/plain", False, plain),
        ("untouched", "/plain", True, plain),
        ("read", "/read", True, against),
        ("write", "/write", True, against),
    ]
    return [
        Row(
            f"session, {name}: {use}",
            partial(requests, kind=kind, path=path, cookie=cookie),
            {ANY: reach},
            held_against,
            operations=400,
        )
        for (use, path, cookie, held_against), reach in zip(uses, reaches, strict=True)
    ]


_BARE = "a view with the bare calls"
ROWS = (
    *_rows("Redis inline", partial(_redis, mode="inline"), _BARE, 1.6, 2.0, 1.5, 1.5),
    *_rows("Redis eager", partial(_redis, mode="eager"), _BARE, 1.6, None, 1.5, 1.5),
    *_rows("memory, ASGI", _memory, "a plain view", 1.6, 2.0, 4.5, 4.5),
)
