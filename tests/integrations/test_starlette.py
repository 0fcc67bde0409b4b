"""What is Starlette's own: the middleware, the lifespan, `StoreResponse`, FastAPI."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from fastapi import UploadFile as FastAPIUploadFile
from kvcore_starlette import StoreMiddleware, StoreResponse, save_upload
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from kvcore import AsyncStore, ConfigError, DictStore, StoreError, UploadRefused

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


def test_a_response_may_be_changed_like_any_other() -> None:
    """Headers, cookies and background tasks of the endpoint are sent, in place of ours."""
    done = []

    async def view(_: Request) -> Response:
        response = StoreResponse(
            AsyncStore(DictStore({"key": PNG})),
            "key",
            filename="my cat.png",
            as_attachment=True,
            headers={"Cache-Control": "no-store"},
            background=BackgroundTask(done.append, True),
        )
        response.set_cookie("seen", "yes")
        return response

    answer = TestClient(Starlette(routes=[Route("/", view)])).get("/")
    assert answer.content == PNG
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers["content-disposition"] == 'attachment; filename="my cat.png"'
    assert answer.headers.get_list("content-length") == [str(len(PNG))]
    assert answer.cookies["seen"] == "yes"
    assert done == [True]


class Cut(DictStore):
    """Promises more than there is: what a failing disk does."""

    def __init__(self) -> None:
        super().__init__({"key": PNG})
        self.opened: list[Any] = []

    def _open(self, key: str) -> Any:
        reader = super()._open(key)
        reader.stat = reader.stat._replace(size=reader.stat.size + 1)
        self.opened.append(reader)
        return reader


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
def test_a_value_that_ends_early_breaks_the_connection(spec_version: str) -> None:
    """The store's own error reaches the server, which then cuts the connection; all is closed."""
    store = Cut()
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await anyio.sleep_forever()

    scope = {
        "type": "http",
        "method": "GET",
        "headers": [],
        "asgi": {"version": "3.0", "spec_version": spec_version},
    }

    async def serve() -> None:
        async with AsyncStore(store) as awaited:
            await StoreResponse(awaited, "key")(scope, receive, send)

    with pytest.raises(StoreError, match="1 bytes too early"):
        anyio.run(serve)
    assert sent[-1]["more_body"]
    assert store.opened[0].closed


def test_a_client_that_goes_away_leaves_nothing_open() -> None:
    """The reader is closed when the sending is given up."""
    store = Cut()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}

    async def serve() -> None:
        async with AsyncStore(store) as awaited:
            await StoreResponse(awaited, "key")(scope, receive, send)

    with pytest.raises(ClientDisconnect):
        anyio.run(serve)
    assert store.opened[0].closed


def test_fastapi_uploads_and_serves() -> None:
    """The same middleware, function and response."""
    api = FastAPI()
    api.add_middleware(StoreMiddleware, stores={"default": "memory://"})

    @api.post("/pictures")
    async def upload(request: FastAPIRequest, picture: FastAPIUploadFile) -> str:
        return await save_upload(picture, template="pictures/{id}{ext}", request=request)

    @api.api_route("/{key:path}", methods=["GET", "HEAD"], response_class=StoreResponse)
    async def view(key: str) -> StoreResponse:
        return StoreResponse("default", key)

    with TestClient(api) as client:
        key = client.post("/pictures", files={"picture": ("x.html", PNG)}).json()
        assert client.get(f"/{key}").content == PNG
        assert client.head(f"/{key}").headers["content-length"] == str(len(PNG))
        assert client.get("/nope").status_code == 404


def test_fastapi_describes_the_response() -> None:
    """As a `response_class` it stands in the OpenAPI document, without a JSON schema."""
    api = FastAPI()

    @api.get("/pictures/{key}", response_class=StoreResponse)
    async def view(key: str) -> StoreResponse:
        return StoreResponse("default", key)

    answer = TestClient(api).get("/openapi.json")
    assert answer.status_code == 200
    described = answer.json()["paths"]["/pictures/{key}"]["get"]["responses"]["200"]
    assert "application/json" not in described.get("content", {})
    with pytest.raises(ValueError, match="follows from the request"):
        StoreResponse("default", "key", status_code=404)


REFUSED = [
    ({"max_bytes": 9}, ("a.png", PNG), 413, "this upload has more than 9 bytes"),
    ({"content_types": {"image/*"}}, ("a.png", b"<html>"), 415, None),
]


@pytest.mark.parametrize(("rules", "picture", "status", "detail"), REFUSED)
def test_a_refused_upload_is_the_clients_fault(
    rules: dict[str, Any], picture: tuple[str, bytes], status: int, detail: str | None
) -> None:
    """An endpoint that catches nothing answers 413 or 415, in FastAPI as JSON."""
    caught: list[UploadRefused] = []

    async def upload(request: FastAPIRequest, picture: FastAPIUploadFile) -> str:
        return await save_upload(picture, request=request, **rules)

    async def explain(request: FastAPIRequest, picture: FastAPIUploadFile) -> str:
        try:
            return await save_upload(picture, request=request, **rules)
        except UploadRefused as error:
            caught.append(error)
            return "explained"

    api = FastAPI()
    api.add_middleware(StoreMiddleware, stores={"default": "memory://"})
    api.post("/")(upload)
    api.post("/explain")(explain)
    client = TestClient(api)
    answer = client.post("/", files={"picture": picture})
    assert answer.status_code == status
    assert detail is None or answer.json() == {"detail": detail}
    assert client.post("/explain", files={"picture": picture}).json() == "explained"
    again = pickle.loads(pickle.dumps(caught[0]))
    assert (type(again), vars(again)) == (type(caught[0]), vars(caught[0]))


def test_a_form_without_a_file_is_the_clients_fault() -> None:
    """400: the browser sends a part without a name and without a byte."""

    async def upload(request: Request) -> Response:
        async with request.form() as form:
            return PlainTextResponse(await save_upload(form["picture"], request=request))  # type: ignore[arg-type]

    client = TestClient(new_app({"default": "memory://"}, Route("/", upload, methods=["POST"])))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="picture"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/", content=body, headers=headers)
    assert (answer.status_code, answer.text) == (400, "no file was chosen")
