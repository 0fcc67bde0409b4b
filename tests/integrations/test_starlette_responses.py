"""`StoreResponse` and forms: what breaks off, and what an endpoint may change."""

from typing import Any

import anyio
import pytest
from kvcore_starlette import StoreMiddleware, StoreResponse, save_upload
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from kvcore import AsyncStore, DictStore, StoreError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000


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


def test_a_form_without_a_file_is_the_clients_fault() -> None:
    """400: the browser sends a part without a name and without a byte."""

    async def upload(request: Request) -> Response:
        async with request.form() as form:
            return PlainTextResponse(await save_upload(form["picture"], request=request))  # type: ignore[arg-type]

    stores = Middleware(StoreMiddleware, stores={"default": "memory://"})
    routes = [Route("/", upload, methods=["POST"])]
    client = TestClient(Starlette(routes=routes, middleware=[stores]))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="picture"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/", content=body, headers=headers)
    assert (answer.status_code, answer.text) == (400, "no file was chosen")
