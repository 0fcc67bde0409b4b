"""FastAPI's."""

import time

from fastapi import FastAPI
from fastapi.responses import FileResponse
from kvcore_starlette import StoreMiddleware, StoreResponse

from benchmarks.apps import FOLDER, KEY, PATH
from kvcore import FilesystemStore

app = FastAPI()
app.add_middleware(StoreMiddleware, stores={"default": FilesystemStore(FOLDER)})


@app.get("/raw", response_class=FileResponse)
async def raw() -> FileResponse:
    return FileResponse(PATH)


@app.get("/kvcore", response_class=StoreResponse)
async def kvcore() -> StoreResponse:
    return StoreResponse("default", KEY)


@app.get("/cpu")
async def cpu() -> float:
    return time.process_time()
