"""What is FastAPI's own: dependencies, the OpenAPI document, errors as JSON."""

import pickle
import subprocess
import sys
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, UploadFile, WebSocket
from fastapi.testclient import TestClient
from kvcore_starlette import (
    NamedStore,
    StoreDep,
    StoreMiddleware,
    StoreResponse,
    current_store,
    save_upload,
)

from kvcore import AsyncKeyValueStore, ConfigError, DictStore, UploadRefused, async_store

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000

MediaStore = Annotated[AsyncKeyValueStore, Depends(NamedStore("media"))]


def new_api(**stores: Any) -> FastAPI:
    api = FastAPI()
    api.add_middleware(StoreMiddleware, stores=stores or {"default": "memory://"})
    return api


def test_stores_are_parameters() -> None:
    """The default one and others by name: in endpoints, in dependencies and for websockets."""
    default, media = DictStore(), DictStore()
    api = new_api(default=default, media=media)

    async def count(media: MediaStore) -> int:
        return len(await media.keys())

    @api.put("/{name}")
    async def put(name: str, store: StoreDep, media: MediaStore, request: Request) -> str:
        assert store is current_store(request)
        await media.put(f"media/{name}", b"")
        return await store.put(f"default/{name}", b"")

    @api.get("/count")
    async def counted(number: Annotated[int, Depends(count)]) -> int:
        return number

    @api.websocket("/talk")
    async def talk(websocket: WebSocket, store: StoreDep) -> None:
        await websocket.accept()
        await websocket.send_json(sorted(await store.keys()))
        await websocket.close()

    with TestClient(api) as client:
        assert client.put("/a").json() == "default/a"
        assert client.get("/count").json() == 1
        with client.websocket_connect("/talk") as websocket:
            assert websocket.receive_json() == ["default/a"]
    assert list(default.with_keys("path")) == ["default/a"]
    assert list(media.with_keys("path")) == ["media/a"]


def test_stores_do_not_show_in_the_openapi_document() -> None:
    """They are no parameters of the client's."""
    api = new_api(default="memory://", media="memory://")

    @api.get("/")
    async def show(store: StoreDep, media: MediaStore) -> str:
        return repr((store, media))

    described = api.openapi()["paths"]["/"]["get"]
    assert not {"parameters", "requestBody"} & set(described)
    assert set(described["responses"]) == {"200"}


def test_tests_put_another_store_in_place() -> None:
    """By FastAPI's own means, without the middleware."""
    api = FastAPI()

    @api.get("/")
    async def show(store: StoreDep, media: MediaStore) -> list[str]:
        return [*await store.keys(), *await media.keys()]

    fakes = {name: async_store(DictStore({name: b""})) for name in ("default", "media")}
    for name, fake in fakes.items():
        api.dependency_overrides[NamedStore(name)] = lambda fake=fake: fake
    assert TestClient(api).get("/").json() == ["default", "media"]


def test_a_name_that_is_not_there_is_told() -> None:
    """With the nearest; and what has to be set up is told where it is missing."""
    api = new_api()
    bare = FastAPI()
    for app in (api, bare):

        @app.get("/")
        async def show(media: MediaStore) -> str:
            return repr(media)

    with pytest.raises(ConfigError, match="there is no store 'media'"):
        TestClient(api).get("/")
    with pytest.raises(RuntimeError, match="StoreMiddleware"):
        TestClient(bare).get("/")


def test_starlette_alone_is_enough() -> None:
    """FastAPI is imported for `StoreDep` only, and an unknown name is an AttributeError."""
    code = """
import sys
sys.modules["fastapi"] = None
import kvcore_starlette
kvcore_starlette.NamedStore, kvcore_starlette.StoreResponse
for name, error in (("StoreDep", ImportError), ("StoreDap", AttributeError)):
    try:
        getattr(kvcore_starlette, name)
    except error:
        continue
    sys.exit(f"{name} is no {error}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_fastapi_uploads_and_serves() -> None:
    """The same middleware, function and response."""
    api = FastAPI()
    api.add_middleware(StoreMiddleware, stores={"default": "memory://"})

    @api.post("/pictures")
    async def upload(request: Request, picture: UploadFile) -> str:
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

    async def upload(request: Request, picture: UploadFile) -> str:
        return await save_upload(picture, request=request, **rules)

    async def explain(request: Request, picture: UploadFile) -> str:
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
