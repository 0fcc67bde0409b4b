"""When sessions are read: what each mode costs, and that the event loop goes on."""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import redis
from fastapi import FastAPI, Request, WebSocket
from kvcore_starlette import (
    SessionDep,
    SessionMiddleware,
    StoreMiddleware,
    current_session,
    current_sessions,
)
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from kvcore import (
    AsyncStore,
    ConfigError,
    DictStore,
    FilesystemStore,
    KeyValueStore,
    PrefixDecorator,
    ReadOnlyDecorator,
    RedisStore,
    StoreTimeout,
    async_store,
    store_from_url,
)
from kvcore.contract import Fetched
from kvcore.errors import SessionNotLoaded
from kvcore.sessions import LoadMode, SessionOptions, SessionPolicy, Visits
from tests.integrations.starlette_sessions.apps import (
    ROUTES,
    ask,
    new_app,
    plain,
    run,
    show_all,
)
from tests.redis_servers import RedisServer
from tests.sessions.visitors import WatchedStore


def test_operations(app: Starlette, store: WatchedStore, mode: LoadMode) -> None:
    """None untouched (one where it is eager), one to read, two to write."""
    client = TestClient(app)

    def calls(path: str) -> list[str]:
        store.calls.clear()
        assert client.get(path).status_code == 200
        return list(store.calls)

    early = ["fetch"] if mode == "eager" else []
    assert calls("/plain") == []
    assert calls("/has/a") == []
    assert calls("/set/a/1") == ["put"]
    assert calls("/plain") == early
    assert calls("/has/a") == ["fetch"]
    assert calls("/set/a/1") == ["fetch"]
    assert calls("/set/a/2") == ["fetch", "put"]


def test_untouched_is_quiet(app: Starlette) -> None:
    """No header tells of the session unless it was touched; then caches are told."""
    client = TestClient(app)
    assert client.get("/has/a").headers["vary"] == "Cookie"
    client.get("/set/a/1")
    assert not {"vary", "set-cookie", "cache-control"} & set(client.get("/plain").headers)
    read = client.get("/has/a").headers
    assert (read["vary"], "set-cookie" in read) == ("Cookie", False)


def test_visitors_who_set_nothing_leave_nothing(app: Starlette, store: WatchedStore) -> None:
    """Fifty of them, without cookies."""
    for _ in range(50):
        answer = run(ask(app, "/has/a"))
        assert (answer.body, answer.all("set-cookie")) == ("False", [])
    assert (store.keys(), store.calls) == ([], ["iter_keys"])


# Which mode


def mode_of(store: Any) -> LoadMode:
    return Visits(store, "x").mode


def test_the_mode_follows_from_the_store(tmp_path: Path) -> None:
    """Inline for what is on this machine, awaited or decorated as it may be; eager otherwise."""
    memory, folder = DictStore(), FilesystemStore(tmp_path / "files")
    for local in (memory, folder, AsyncStore(memory), PrefixDecorator("a-", folder)):
        assert mode_of(local) == "inline"
    for url, mode in {
        "redis://127.0.0.1:1/0": "inline",
        "redis://localhost": "inline",
        "rediss://[::1]:6379/1": "inline",
        "redis+socket:///run/redis.sock": "inline",
        "redis://127.0.0.1.example.com": "eager",
        "redis://cache.example.com:6379/0": "eager",
    }.items():
        with store_from_url(url) as store:
            assert mode_of(store) == mode, url
            assert mode_of(async_store(store)) == mode
    assert ReadOnlyDecorator(memory).capabilities.local


def test_a_client_with_long_time_outs_is_not_waited_for() -> None:
    """They are its own, and the loop would stand still for as long."""
    for secs, mode in {0.5: "inline", 5: "eager"}.items():
        client = redis.Redis("127.0.0.1", 1, socket_timeout=secs)
        assert mode_of(RedisStore(client)) == mode
        client.close()


def test_a_server_that_hangs_is_not_waited_for_long() -> None:
    """The deadline of inline reads is a quarter of a second, whatever that of the store is."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with store_from_url(f"redis://127.0.0.1:{port}/0?deadline=30") as store:
            quick = store.with_deadline(0.1)
            assert "deadline=0.1" in repr(PrefixDecorator("a-", store).with_deadline(0.1))
            assert store.with_deadline(60) is store
            with pytest.raises(StoreTimeout):
                quick.get("a")


def test_closing_a_store_closes_its_quicker_views(empty_valkey: RedisServer) -> None:
    """Nobody else knows of them."""
    client = empty_valkey.client()
    before = client.info("clients")["connected_clients"]
    store = store_from_url(empty_valkey.url())
    quick = store.with_deadline(0.25)
    assert quick is not store
    quick.put("a", b"1")
    assert store.get("a") == b"1"
    assert client.info("clients")["connected_clients"] == before + 2
    store.close()
    assert client.info("clients")["connected_clients"] == before


# Eager and explicit


class Waiting(DictStore):
    """Answers a fetch when the event loop has let it; one that waits for the answer hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def _fetch(self, key: str) -> Fetched:
        self.asked.set()
        assert self.may_answer.wait(20), "the event loop stood still"
        return super()._fetch(key)


@pytest.mark.parametrize("mode", ["eager", "explicit"])
def test_a_slow_store_does_not_stop_the_loop(mode: LoadMode) -> None:
    """Other requests are answered while it takes its time."""
    store = Waiting()
    app = new_app(AsyncStore(store), mode=mode)

    async def visit() -> None:
        cookie = (await ask(app, "/set/a/1")).cookie
        store.may_answer.clear()
        store.asked.clear()
        slow = asyncio.create_task(ask(app, "/all", cookie))
        assert await asyncio.to_thread(store.asked.wait, 20)
        assert (await ask(app, "/plain")).body == "plain"
        store.may_answer.set()
        assert (await slow).body == '{"a":"1"}'

    run(visit())


async def touch(request: Request) -> Response:
    return PlainTextResponse(str(request.session.get("a")))


def test_explicit_loading_is_asked_for() -> None:
    """Touched without, a session raises, and says what to do; without a cookie it just begins."""
    app = new_app(DictStore(), Route("/", touch), mode="explicit")
    client = TestClient(app)
    assert client.get("/").text == "None"
    client.get("/set/a/1")
    with pytest.raises(SessionNotLoaded, match=r"await request\.session\.load\(\)"):
        client.get("/")
    forged = TestClient(app, cookies={"session": "forged"})
    assert forged.get("/").text == "None"


def test_loading_twice_asks_once(app: Starlette, store: WatchedStore, mode: LoadMode) -> None:
    """And it returns the session, in each mode, so that code need not know."""
    app.router.routes.insert(0, Route("/twice", twice))
    client = TestClient(app)
    client.get("/set/a/1")
    store.calls.clear()
    assert client.get("/twice").text == "1"
    assert store.calls == ["fetch"]


async def twice(request: Request) -> Response:
    session = await (await current_session(request).load()).load()
    return PlainTextResponse(session["a"])


def test_excluded_paths(store: WatchedStore) -> None:
    """Nothing is loaded for them eagerly; a session there is loaded as an explicit one."""
    routes = [Route(path, plain) for path in ("/static", "/static/a", "/static-not")]
    app = new_app(
        AsyncStore(store),
        *routes,
        Route("/static/touch", touch),
        Route("/static/all", show_all),
        mode="eager",
        exclude=["/static/"],
    )
    client = TestClient(app)
    client.get("/set/a/1")
    for path, calls in {"/static": [], "/static/a": [], "/static-not": ["fetch"]}.items():
        store.calls.clear()
        client.get(path)
        assert store.calls == calls, path
    assert client.get("/static/all").json() == {"a": "1"}
    with pytest.raises(SessionNotLoaded):
        client.get("/static/touch")


def test_sessions_are_parameters(store: WatchedStore, mode: LoadMode) -> None:
    """`SessionDep` is the session, loaded; endpoints without it cost nothing where it is lazy."""
    api = FastAPI()
    api.add_middleware(SessionMiddleware, secret_key="x", store=store, mode=mode)

    @api.get("/async")
    async def awaited(session: SessionDep, request: Request) -> int:
        assert session is request.session
        session["n"] = session.get("n", 0) + 1
        return int(session["n"])

    @api.get("/thread")
    def in_a_thread(session: SessionDep) -> int:
        session["n"] += 1
        return int(session["n"])

    @api.get("/dict")
    async def shown(session: SessionDep) -> dict[str, int]:
        return session

    @api.get("/others")
    async def others(request: Request) -> int:
        return (await current_sessions(request).prune()).kept

    @api.websocket("/talk")
    async def talk(websocket: WebSocket, session: SessionDep) -> None:
        await websocket.accept()
        await websocket.send_json(session["n"])
        await websocket.close()

    client = TestClient(api)
    assert [client.get(path).json() for path in ("/async", "/thread", "/async")] == [1, 2, 3]
    assert client.get("/dict").json() == {"n": 3}
    assert client.get("/others").json() == 1
    with client.websocket_connect("/talk") as websocket:
        assert websocket.receive_json() == 3
    assert "session" not in str(api.openapi()["paths"]["/async"])


# Stores by name


def test_a_store_by_its_name(store: KeyValueStore) -> None:
    """That of the `StoreMiddleware` around, built and closed by it; ``sessions`` by default."""
    app = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(StoreMiddleware, stores={"sessions": store, "default": "memory://"}),
            Middleware(SessionMiddleware, secret_key="x"),
        ],
    )
    with TestClient(app) as client:
        client.get("/set/a/1")
        assert client.get("/all").json() == {"a": "1"}
    assert len(store.keys()) == 1


def test_the_environment_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With ``KVCORE_STORES`` an application changes nothing but its import."""
    monkeypatch.setenv("KVCORE_STORES", f'{{"sessions": "fs://{tmp_path}/sessions"}}')
    app = Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, secret_key="x")])
    with TestClient(app) as client:
        client.get("/set/a/1")
        assert client.get("/all").json() == {"a": "1"}
    assert len(FilesystemStore(tmp_path / "sessions").keys()) == 1


def test_a_store_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint says how to name one."""
    monkeypatch.delenv("KVCORE_STORES", raising=False)
    app = Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, secret_key="x")])
    with pytest.raises(ConfigError, match=r"'sessions'.*StoreMiddleware"):
        TestClient(app).get("/plain")
    stores = Middleware(StoreMiddleware, stores={"session": "memory://"})
    named = Starlette(routes=ROUTES, middleware=[stores, *app.user_middleware])
    with pytest.raises(ConfigError, match="'session'"):
        TestClient(named).get("/plain")


def test_options_are_those_of_the_policy() -> None:
    """Each field has its argument, of the same type."""
    fields = SessionPolicy.__dataclass_fields__
    assert {name: str(field.type) for name, field in fields.items() if field.init} == {
        name: kind.__forward_arg__ for name, kind in SessionOptions.__annotations__.items()
    }


def test_a_sync_endpoint_may_touch_it(app: Starlette, mode: LoadMode) -> None:
    """It runs in a thread; the session was loaded before, or is loaded there."""

    def sync(request: Request) -> Response:
        return JSONResponse(dict(request.session))

    app.router.routes.insert(0, Route("/sync", sync))
    client = TestClient(app)
    client.get("/set/a/1")
    if mode == "explicit":
        with pytest.raises(SessionNotLoaded):
            client.get("/sync")
    else:
        assert client.get("/sync").json() == {"a": "1"}
