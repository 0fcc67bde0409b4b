"""Typed usage of the integrations, for type checkers: checked by pyright, never run."""

from __future__ import annotations

from typing import assert_type

import kvcore_django
import kvcore_flask
import kvcore_starlette
from django.core.files.uploadedfile import UploadedFile as DjangoUpload
from django.db.models import FileField
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from fastapi import FastAPI
from flask import Flask, Response
from kvcore_django.storage import KVStorage
from kvcore_django.views import aserve, serve
from kvcore_starlette import StoreMiddleware, StoreResponse
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.websockets import WebSocket
from werkzeug.datastructures import FileStorage

from kvcore import (
    AsyncKeyValueStore,
    AsyncStore,
    AsyncStores,
    DictStore,
    KeyValueStore,
    StoredFile,
    Uploader,
)


def in_django(request: HttpRequest, file: DjangoUpload[bytes]) -> None:
    assert_type(kvcore_django.save_upload(file), str)
    kvcore_django.save_upload(file, store=DictStore(), content_types={"image/*"}, max_bytes=10)
    kvcore_django.save_upload(file, max_size=10)  # pyright: ignore[reportCallIssue]
    assert_type(kvcore_django.current_store("media"), KeyValueStore)
    assert_type(serve(request, "key", as_attachment=True), HttpResponseBase)
    serve(request, "key", permission=lambda asker, key: key != asker.path)
    storage = KVStorage(url="memory://", location="media", allow_overwrite=True)
    assert_type(storage.store, KeyValueStore)
    FileField(upload_to=kvcore_django.generate_key("a/{id}{ext}"), storage=storage)
    assert_type(kvcore_django.save_upload(file, store=storage), str)


async def in_async_django(request: HttpRequest) -> None:
    async def may_have(asker: HttpRequest, key: str) -> bool:
        return key.startswith("public/")

    assert_type(await aserve(request, "key", permission=may_have), HttpResponseBase)
    await aserve(request, "key", permission=lambda asker, key: key != asker.path)
    serve(request, "key", permission=may_have)  # pyright: ignore[reportArgumentType] # nobody awaits


def in_flask(file: FileStorage) -> None:
    kvcore_flask.KVCore(Flask("app")).init_app(Flask("other"))
    assert_type(kvcore_flask.save_upload(file, template="a/{id}{ext}"), str)
    assert_type(kvcore_flask.current_store(), KeyValueStore)
    assert_type(kvcore_flask.send_from_store("default", "key", filename="a.png"), Response)


async def in_starlette(request: Request, file: UploadFile) -> None:
    Starlette().add_middleware(StoreMiddleware, stores={"default": "memory://"})
    store = AsyncStore(DictStore())
    assert_type(await kvcore_starlette.save_upload(file, request=request), str)
    assert_type(await kvcore_starlette.save_upload(file, store=store), str)
    await kvcore_starlette.save_upload(
        file,
        store=DictStore(),  # pyright: ignore[reportArgumentType] # an awaited one is needed
    )
    assert_type(StoreResponse(store, "key"), StoreResponse)


async def in_fastapi(
    request: Request, websocket: WebSocket, store: kvcore_starlette.StoreDep
) -> None:
    assert_type(store, AsyncKeyValueStore)
    assert_type(kvcore_starlette.current_store(request), AsyncKeyValueStore)
    assert_type(kvcore_starlette.current_store(websocket, "media"), AsyncKeyValueStore)
    assert_type(await kvcore_starlette.NamedStore("media")(request), AsyncKeyValueStore)
    stores = AsyncStores({"default": "memory://", "ready": store})
    assert_type(stores["default"], AsyncKeyValueStore)
    Starlette().add_middleware(StoreMiddleware, stores=stores)
    FastAPI().add_middleware(StoreMiddleware, stores={"default": store})


async def sessions_in_fastapi(request: Request, session: kvcore_starlette.SessionDep) -> None:
    assert_type(session, kvcore_starlette.KVSession)
    assert_type(await session.load(), kvcore_starlette.KVSession)
    assert_type(kvcore_starlette.current_session(request, "admin"), kvcore_starlette.KVSession)
    sessions = kvcore_starlette.current_sessions(request)
    assert_type(await sessions.revoke_user(7, keep=session), int)
    await sessions.revoke_user(7, keep=kvcore_starlette.current_session(request))
    Starlette().add_middleware(
        kvcore_starlette.SessionMiddleware, secret_key=["old", b"new"], absolute_secs=60.0
    )
    FastAPI().add_middleware(
        kvcore_starlette.SessionMiddleware,
        secret_key="x",
        mode="lazy",  # pyright: ignore[reportArgumentType] # such a mode there is not
    )


def without_a_framework(store: KeyValueStore) -> None:
    stored = Uploader(store, max_bytes=10).save(iter([b"a", b"b"]), name="a.txt")
    assert_type(stored, StoredFile)
    assert_type(stored.content_type, str)
