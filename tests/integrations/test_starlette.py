"""What is Starlette's own: the middleware, the lifespan, `StoreResponse`, FastAPI."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from kvcore_starlette import StoreMiddleware, StoreResponse, current_store, save_upload
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from kvcore import AsyncStore, AsyncStores, ConfigError, DictStore
from tests.redis_servers import RedisServer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000


def new_app(stores: Mapping[str, Any] | None, *routes: Any, **options: Any) -> Starlette:
    return Starlette(
        routes=routes, middleware=[Middleware(StoreMiddleware, stores=stores)], **options
    )


class Closing(DictStore):
    """Counts how often it was closed."""

    closed = 0

    def _close(self) -> None:
        self.closed += 1


async def put(request: Request) -> Response:
    store = request.state.stores[request.query_params.get("store", "default")]
    return PlainTextResponse(await store.put("a/b", b"value"))


def test_stores_are_closed_with_the_application() -> None:
    """Those that the middleware built; one that was passed in ready stays its owner's."""
    built, ready = Closing(), Closing()
    app = new_app({"default": lambda: built, "ready": ready}, Route("/", put))
    with TestClient(app) as client:
        assert client.get("/").text == "a/b"
        assert client.get("/?store=ready").text == "a/b"
        assert (built.closed, ready.closed) == (0, 0)
    assert (built.closed, ready.closed) == (1, 0)


def test_stores_work_without_a_lifespan() -> None:
    """Some servers and tests run none; stores are built before the first request then."""
    store = DictStore()
    client = TestClient(new_app({"default": store}, Route("/", put)))
    assert client.get("/").text == "a/b"
    assert store.with_keys("path").get("a/b") == b"value"


@pytest.mark.parametrize("lifespan", [True, False])
def test_stores_are_built_beside_the_event_loop(lifespan: bool) -> None:
    """Building may connect or wait for a disk: other requests go on meanwhile. Once only."""
    built = []

    def build() -> DictStore:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        built.append(True)
        return DictStore()

    client = TestClient(new_app({"default": build}, Route("/", put)))
    if lifespan:
        with client:
            assert built == [True]
            assert client.get("/").text == "a/b"
    else:
        assert client.get("/").text == "a/b"
    assert client.get("/").text == "a/b"
    assert built == [True]


def test_a_store_that_cannot_be_built_is_told_at_the_start() -> None:
    """The server learns why the application does not start, and a request does not pass either."""

    def broken() -> DictStore:
        raise ConfigError("the disk is not mounted")

    app = new_app({"default": broken}, Route("/", put))
    with pytest.raises(ConfigError, match="not mounted"), TestClient(app):
        pass
    with pytest.raises(ConfigError, match="not mounted"):
        TestClient(app).get("/")
    sent = []

    async def start() -> None:
        async def receive() -> Any:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "lifespan", "app": app}, receive, send)

    with pytest.raises(ConfigError):
        anyio.run(start)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "not mounted" in sent[0]["message"]


def test_stores_with_an_async_client_start_no_threads(empty_valkey: RedisServer) -> None:
    """Uploads and downloads of Redis wait in the event loop, and are closed with the lifespan."""
    before = set(threading.enumerate())
    seen: set[threading.Thread] = set()

    async def upload(request: Request) -> Response:
        async with request.form() as form:
            key = await save_upload(form["picture"], request=request)  # type: ignore[arg-type]
        seen.update(threading.enumerate())
        return PlainTextResponse(key)

    async def download(request: Request) -> Response:
        assert current_store(request).capabilities.native_async
        return StoreResponse("default", request.path_params["key"])

    async def count(_: Request) -> Response:
        seen.update(threading.enumerate())
        return PlainTextResponse("")

    app = new_app(
        {"default": empty_valkey.url()},
        Route("/", upload, methods=["POST"]),
        Route("/count", count),
        Route("/{key}", download),
    )
    with TestClient(app) as client:
        for _ in range(3):
            key = client.post("/", files={"picture": ("a.png", PNG[:5000])}).text
            assert client.get(f"/{key}").content == PNG[:5000]
        client.get("/count")
    ours = {thread.name for thread in seen - before if thread.name.startswith("kvcore")}
    assert ours == set()


def test_the_server_is_told_which_store_it_is() -> None:
    """Also for an error that does not know that it has to do with a store."""
    sent = []

    def broken() -> DictStore:
        raise PermissionError("no entry")

    async def start() -> None:
        async def receive() -> Any:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        app = new_app({"default": DictStore, "media": broken})
        await app({"type": "lifespan", "app": app}, receive, send)

    with pytest.raises(PermissionError):
        anyio.run(start)
    assert sent[0]["message"] == "no entry; while the store 'media' was built"


def test_stores_of_mounted_applications_are_closed_with_the_outer_one() -> None:
    """No lifespan reaches them."""
    outer, inner = Closing(), Closing()

    def building(store: Closing) -> dict[str, Any]:
        return {"default": lambda: store}

    app = new_app(building(outer), Mount("/in", new_app(building(inner), Route("/", put))))
    with TestClient(app) as client:
        assert client.get("/in/").text == "a/b"
        assert client.get("/in/").text == "a/b"
        assert (outer.closed, inner.closed) == (0, 0)
    assert (outer.closed, inner.closed) == (1, 1)


def test_stores_may_be_used_outside_of_requests() -> None:
    """By the lifespan of the application, background tasks and scripts: make them beforehand."""
    stores = AsyncStores({"default": "memory://", "awaited": AsyncStore(DictStore())})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await stores["default"].put("greeting", b"hello")
        yield
        assert await stores["default"].get("greeting") == b"changed"

    async def change(request: Request) -> Response:
        assert await current_store(request).get("greeting") == b"hello"
        assert await current_store(request, "awaited").keys() == []
        await current_store(request).put("greeting", b"changed")
        return PlainTextResponse(await current_store(request).put("a/b", b""))

    app = new_app(stores, Route("/", change), lifespan=lifespan)
    with TestClient(app) as client:
        assert client.get("/").text == "a/b"


def test_an_endpoint_gets_a_store_with_its_type() -> None:
    """By name or ready; also of a websocket; what is wrong is told."""
    ready = AsyncStore(DictStore())

    async def show(request: Request) -> Response:
        assert current_store(request) is request.state.stores["default"]
        assert current_store(request, ready).keyspace.name == "path"
        with pytest.raises(ConfigError, match="default"):
            current_store(request, "defualt")
        with pytest.raises(TypeError, match=r"async_store\(store\)"):
            current_store(request, DictStore())  # type: ignore[arg-type]
        return PlainTextResponse("seen")

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(repr(current_store(websocket)))
        await websocket.close()

    app = new_app({"default": "memory://"}, Route("/", show), WebSocketRoute("/talk", talk))
    client = TestClient(app)
    assert client.get("/").text == "seen"
    with client.websocket_connect("/talk") as websocket:
        assert "memory://" in websocket.receive_text()
    with pytest.raises(RuntimeError, match="StoreMiddleware"):
        TestClient(Starlette(routes=[Route("/", show)])).get("/")


def test_a_mounted_application_has_its_own_stores() -> None:
    """What goes on around it, before and after, sees those of the outer application."""
    seen = []

    class Watching:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            seen.append(list(scope["state"]["stores"]))
            await self.app(scope, receive, send)
            seen.append(list(scope["state"]["stores"]))

    async def show(request: Request) -> Response:
        return PlainTextResponse(str(list(request.state.stores)))

    inner = new_app({"inner": "memory://"}, Route("/", show))
    outer = Starlette(
        routes=[Mount("/in", inner), Route("/", show)],
        middleware=[
            Middleware(StoreMiddleware, stores={"outer": "memory://"}),
            Middleware(Watching),
        ],
    )
    client = TestClient(outer)
    assert client.get("/in/").text == "['inner']"
    assert client.get("/").text == "['outer']"
    assert seen == [["outer"]] * 4


def test_the_applications_own_lifespan_goes_on() -> None:
    """Its state is there beside the stores."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, str]]:
        yield {"own": "state"}

    async def show(request: Request) -> Response:
        return PlainTextResponse(f"{request.state.own} {list(request.state.stores)}")

    app = new_app({"default": "memory://"}, Route("/", show), lifespan=lifespan)
    with TestClient(app) as client:
        assert client.get("/").text == "state ['default']"


def test_websockets_have_the_stores_too() -> None:
    """Not only requests of HTTP."""

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(str("default" in websocket.state.stores))
        await websocket.close()

    client = TestClient(new_app({"default": "memory://"}, WebSocketRoute("/", talk)))
    with client.websocket_connect("/") as websocket:
        assert websocket.receive_text() == "True"


def test_the_environment_names_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the argument, `KVCORE_STORES` is read as JSON."""
    monkeypatch.setenv("KVCORE_STORES", '{"default": "memory://"}')
    assert TestClient(new_app(None, Route("/", put))).get("/").text == "a/b"
    monkeypatch.delenv("KVCORE_STORES")
    with pytest.raises(ConfigError, match="KVCORE_STORES"):
        TestClient(new_app(None)).get("/")


def test_wrong_stores_are_told() -> None:
    """A misspelt URL at the start, a misspelt name with the nearest."""
    with pytest.raises(ConfigError, match="store 'default'"):
        TestClient(new_app({"default": "memry://"})).get("/")
    client = TestClient(new_app({"default": "memory://"}, Route("/", put)))
    with pytest.raises(ConfigError, match="default"):
        client.get("/?store=defualt")


def test_a_name_needs_the_middleware() -> None:
    """The error says what is missing; a store of the wrong kind as well."""

    async def view(_: Request) -> Response:
        return StoreResponse("default", "key")

    async def wrong(_: Request) -> Response:
        return StoreResponse(DictStore(), "key")  # type: ignore[arg-type]

    client = TestClient(Starlette(routes=[Route("/", view), Route("/wrong", wrong)]))
    with pytest.raises(RuntimeError, match="StoreMiddleware"):
        client.get("/")
    with pytest.raises(TypeError, match=r"not DictStore; wrap it in async_store\(store\)"):
        client.get("/wrong")
