"""The app in Starlette."""

from kvcore_starlette import StoreMiddleware, StoreResponse, current_store, save_upload
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kvcore import KeyValueStore
from tests.http.files.apps import RULES, process


async def upload(request: Request) -> Response:
    """Only here: the form is read by the endpoint."""
    async with request.form() as form:
        rules = RULES[request.path_params["rules"]]
        if "file" not in form:
            return PlainTextResponse("no field", 400)
        key = await save_upload(form["file"], request=request, **rules)  # type: ignore[arg-type]
        return PlainTextResponse(key, 201)


async def download(request: Request) -> Response:
    """By the name of the store."""
    return StoreResponse(
        "default", request.path_params["key"], as_attachment="download" in request.query_params
    )


async def keys(request: Request) -> Response:
    """By the typed way to a store."""
    return JSONResponse(sorted(await current_store(request).keys()))


class Signed:
    """Tells who answered. Pure ASGI, as every other kind changes how bodies are sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(k.encode(), v.encode()) for k, v in process().items()]
            await send(message)

        await self._app(scope, receive, signed)


def create_app(store: KeyValueStore | None = None) -> Starlette:
    """Over a store, or those of the environment."""
    stores = None if store is None else {"default": store}
    return Starlette(
        routes=[
            Route("/files/{key:path}", download),
            Route("/keys", keys),
            Route("/{rules}", upload, methods=["POST"]),
        ],
        middleware=[Middleware(Signed), Middleware(StoreMiddleware, stores=stores)],
    )
