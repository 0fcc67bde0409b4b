"""The app in FastAPI."""

import gc

from fastapi import FastAPI, Request, UploadFile
from fastapi.responses import PlainTextResponse
from kvcore_starlette import StoreDep, StoreMiddleware, StoreResponse, save_upload

from kvcore import KeyValueStore
from tests.http.files.apps import RULES
from tests.http.files.apps.starlette import Signed


def create_app(store: KeyValueStore | None = None) -> FastAPI:
    """Over a store, or those of the environment."""
    api = FastAPI()
    api.add_middleware(
        StoreMiddleware,  # type: ignore[arg-type]  # of Starlette's protocol for classes
        stores=None if store is None else {"default": store},
    )
    api.add_middleware(Signed)  # type: ignore[arg-type]

    @api.head("/files/{key:path}")
    @api.get("/files/{key:path}", response_class=StoreResponse)
    async def download(key: str, store: StoreDep, request: Request) -> StoreResponse:
        return StoreResponse(store, key, as_attachment="download" in request.query_params)

    @api.get("/keys")
    async def keys(store: StoreDep) -> list[str]:
        return sorted(await store.keys())

    @api.get("/collect")
    async def collect() -> int:
        return gc.collect()

    @api.post("/{rules}", response_class=PlainTextResponse, status_code=201)
    async def upload(rules: str, file: UploadFile, store: StoreDep) -> str:
        return await save_upload(file, store=store, **RULES[rules])

    return api
