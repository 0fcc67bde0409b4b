"""Starlette's."""

import time

from kvcore_starlette import StoreMiddleware, StoreResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.apps import FOLDER, KEY, PATH
from kvcore import FilesystemStore


async def raw(_: Request) -> Response:
    return FileResponse(PATH)


async def kvcore(_: Request) -> Response:
    return StoreResponse("default", KEY)


async def cpu(_: Request) -> Response:
    return PlainTextResponse(str(time.process_time()))


app = Starlette(
    routes=[Route("/raw", raw), Route("/kvcore", kvcore), Route("/cpu", cpu)],
    middleware=[Middleware(StoreMiddleware, stores={"default": FilesystemStore(FOLDER)})],
)
