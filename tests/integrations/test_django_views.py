"""The views that serve a store through Django, asked in its ways, synchronous and not."""

import asyncio
from collections.abc import Callable
from threading import Event

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import include, path, reverse
from kvcore_django import current_store, save_upload
from kvcore_django.storage import KVStorage
from kvcore_django.views import aserve, serve
from pytest_django import Settings

from kvcore import DictStore, FilesystemStore, KeyValueStore, Reader

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000
HTML = b"<html><script>alert(1)</script>"
HOST = {"SERVER_NAME": "localhost"}


def admins_only(request: HttpRequest, key: str) -> bool:
    return request.headers.get("X-User") == "admin" and key != "never"


async def admins_only_awaited(request: HttpRequest, key: str) -> bool:
    await asyncio.sleep(0)
    return admins_only(request, key)


class AdminsOnly:
    """A permission that is an object, and awaited."""

    async def __call__(self, request: HttpRequest, key: str) -> bool:
        return admins_only(request, key)


urlpatterns = [
    path("media/", include("kvcore_django.urls")),
    path("private/", include(("kvcore_django.urls", "private")), {"permission": admins_only}),
    path("storage/", include(("kvcore_django.urls", "storage")), {"store": default_storage}),
    path("async/<path:key>", aserve),
    path("async-private/<path:key>", aserve, {"permission": admins_only_awaited}),
    path("async-threads/<path:key>", aserve, {"permission": admins_only}),
    path("async-object/<path:key>", aserve, {"permission": AdminsOnly()}),
    path("mistaken/", include(("kvcore_django.urls", "m")), {"permission": admins_only_awaited}),
    path("mistaken-too/", include(("kvcore_django.urls", "n")), {"permission": AdminsOnly()}),
]
pytestmark = [
    pytest.mark.urls(__name__),
    pytest.mark.django_db,  # closing a response looks after database connections
]


@pytest.fixture(autouse=True)
def store(any_store: KeyValueStore, settings: Settings) -> KeyValueStore:
    """That of the setting, with some values."""
    settings.KVCORE_STORES = {"default": any_store}
    store = any_store.with_keys("path")
    store.put_many({"a/cat.png": PNG, "page.html": HTML, "empty": b"", "never": b"..."})
    return store


@pytest.fixture(params=["/media/", "/async/"])
def base(request: pytest.FixtureRequest) -> str:
    """Where the synchronous view and the asynchronous one answer."""
    base: str = request.param
    return base


def body_of(response: HttpResponseBase) -> bytes:
    """Read to its end, and closed."""
    try:
        if not response.streaming:
            return response.content
        if not response.is_async:
            return b"".join(response)

        async def read() -> bytes:
            return b"".join([part async for part in response])

        return async_to_sync(read)()
    finally:
        response.close()


def test_a_value_is_shown(client: Client, base: str) -> None:
    """With its type, its size and what keeps browsers from running anything."""
    response = client.get(f"{base}a/cat.png", **HOST)
    assert response.status_code == 200
    assert body_of(response) == PNG
    assert response["Content-Type"] == "image/png"
    assert response["Content-Length"] == str(len(PNG))
    assert response["Content-Disposition"] == 'inline; filename="cat.png"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_what_could_run_is_a_download(client: Client, base: str) -> None:
    """As bytes without a type, whatever the key says."""
    response = client.get(f"{base}page.html", **HOST)
    assert body_of(response) == HTML
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["X-Content-Type-Options"] == "nosniff"


def test_parts_and_conditions(client: Client, base: str) -> None:
    """A range is 206, one beyond the end 416, an unchanged copy 304, HEAD has no body."""
    whole = client.get(f"{base}a/cat.png", **HOST)
    assert body_of(whole) == PNG
    part = client.get(f"{base}a/cat.png", headers={"Range": "bytes=2-5"}, **HOST)
    assert (part.status_code, body_of(part)) == (206, PNG[2:6])
    assert part["Content-Range"] == f"bytes 2-5/{len(PNG)}"
    first = client.get(f"{base}a/cat.png", headers={"Range": "bytes=0-3"}, **HOST)
    assert (first.status_code, body_of(first)) == (206, PNG[:4])
    beyond = client.get(f"{base}a/cat.png", headers={"Range": "bytes=9999999-"}, **HOST)
    assert (beyond.status_code, body_of(beyond)) == (416, b"")
    assert "Content-Type" not in beyond
    if "ETag" in whole:
        same = client.get(f"{base}a/cat.png", headers={"If-None-Match": whole["ETag"]}, **HOST)
        assert (same.status_code, body_of(same)) == (304, b"")
    head = client.head(f"{base}a/cat.png", **HOST)
    assert (head.status_code, body_of(head)) == (200, b"")
    assert head["Content-Length"] == str(len(PNG))
    assert body_of(client.get(f"{base}empty", **HOST)) == b""


@pytest.mark.parametrize(
    "key", ["nope", "a", "a/", "a//cat.png", ".kvcore-x", "%00", "a%5Ccat.png"]
)
def test_what_is_not_there_is_404(client: Client, base: str, key: str) -> None:
    """A missing key, and what cannot be one."""
    assert client.get(f"{base}{key}", **HOST).status_code == 404


@pytest.mark.parametrize("key", ["../a", "a/../never", "%2e%2e/%2e%2e/etc/passwd"])
def test_keys_are_not_paths(store: KeyValueStore, key: str) -> None:
    """None is ever normalised, so none leads elsewhere than it says."""
    with pytest.raises(Http404):
        serve(RequestFactory().get("/"), key)


def test_only_reading_is_allowed(client: Client, base: str) -> None:
    """Everything else is 405, and tells so."""
    for method in (client.post, client.put, client.delete, client.options):
        response = method(f"{base}a/cat.png", **HOST)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"


def test_names_of_urls() -> None:
    """Templates and views can ask for the address of a key."""
    assert reverse("kvcore:serve", args=["a/ü.png"]) == "/media/a/%C3%BC.png"


def test_a_storage_stands_for_its_store(settings: Settings, client: Client) -> None:
    """One with a URL of its own needs no `KVCORE_STORES`: uploads and URLs take the storage."""
    backend = "kvcore_django.storage.KVStorage"
    settings.STORAGES = {
        "default": {"BACKEND": backend, "OPTIONS": {"url": "memory://", "location": "media"}},
        "plain": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    settings.KVCORE_STORES = {}
    key = save_upload(ContentFile(PNG), store=default_storage)
    assert default_storage.exists(key)
    assert body_of(client.get(f"/storage/{key}", **HOST)) == PNG
    assert client.get(f"/storage/media/{key}", **HOST).status_code == 404
    with pytest.raises(TypeError, match="InMemoryStorage has no store"):
        current_store(storages["plain"])


# Permissions


@pytest.mark.parametrize("base", ["private", "async-private", "async-threads", "async-object"])
def test_a_permission_is_asked_first(client: Client, base: str) -> None:
    """For what is not there as well, so that nobody learns what is."""
    admin = {"X-User": "admin"}
    assert body_of(client.get(f"/{base}/a/cat.png", headers=admin, **HOST)) == PNG
    assert client.get(f"/{base}/never", headers=admin, **HOST).status_code == 403
    assert client.get(f"/{base}/nope", headers=admin, **HOST).status_code == 404
    for key in ("a/cat.png", "nope", "a//b"):
        for ask in (client.get, client.head):
            response = ask(f"/{base}/{key}", **HOST)
            assert response.status_code == 403
            assert "ETag" not in response


@pytest.mark.parametrize("base", ["mistaken", "mistaken-too"])
def test_a_permission_that_nobody_awaits_lets_nobody_in(client: Client, base: str) -> None:
    """A coroutine is true; the synchronous view says which one to use."""
    with pytest.raises(TypeError, match="aserve"):
        client.get(f"/{base}/a/cat.png", headers={"X-User": "admin"}, **HOST)


def test_a_permission_may_raise(store: KeyValueStore) -> None:
    """What it raises is the answer: a 404 hides that there is something."""

    def hide(request: HttpRequest, key: str) -> bool:
        raise Http404("There is nothing.")

    with pytest.raises(Http404, match=r"There is nothing\."):
        serve(RequestFactory().get("/"), "a/cat.png", permission=hide)
    with pytest.raises(PermissionDenied):
        serve(RequestFactory().get("/"), "a/cat.png", permission=lambda *_: False)


def test_the_view_may_be_called_by_others(store: KeyValueStore) -> None:
    """A view that asks who may see the file passes it a store and a name for the download."""
    request = RequestFactory().get("/")
    response = serve(
        request,
        "cat.png",
        store=KVStorage(store, location="a"),
        filename="ü.png",
        as_attachment=True,
        cache_control="no-store",
    )
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Disposition"] == (
        "attachment; filename=\"u.png\"; filename*=UTF-8''%C3%BC.png"
    )
    assert body_of(response) == PNG
    with pytest.raises(Http404):
        serve(request, "y", store=store)


# Streams


def test_local_files_are_handed_to_the_server(any_store: KeyValueStore) -> None:
    """Whole ones: `wsgi.file_wrapper` may then have the kernel send them; others are streamed."""
    is_local = isinstance(any_store, FilesystemStore)
    whole = serve(RequestFactory().get("/"), "a/cat.png")
    assert isinstance(whole, FileResponse) == is_local
    if is_local:
        assert whole.file_to_stream.fileno() > 0
    part = serve(RequestFactory().get("/", headers={"Range": "bytes=2-5"}), "a/cat.png")
    assert not isinstance(part, FileResponse)
    assert max(len(block) for block in whole) <= 256 * 1024
    whole.close()
    part.close()


@pytest.mark.parametrize("path_", ["/media/a/cat.png", "/async/a/cat.png"])
def test_a_value_is_streamed_under_asgi(settings: Settings, path_: str) -> None:
    """In several blocks, without the warning (and the memory) of Django's own way."""
    settings.MIDDLEWARE = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path_,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "server": ("localhost", 80),
    }

    async def ask() -> list[dict[str, object]]:
        communicator = ApplicationCommunicator(get_asgi_application(), scope)
        await communicator.send_input({"type": "http.request", "body": b""})
        messages = [await communicator.receive_output(30)]
        while not messages[1:] or messages[-1].get("more_body"):
            messages.append(await communicator.receive_output(30))
        await communicator.wait(30)
        return messages

    start, *body = asyncio.run(ask())
    assert start["status"] == 200
    assert dict(start["headers"])[b"Content-Type"] == b"image/png"
    assert b"".join(message.get("body", b"") for message in body) == PNG
    assert max(len(message.get("body", b"")) for message in body) <= 256 * 1024


class Watched(DictStore):
    """Remembers the readers that it gave."""

    def __init__(self, values: dict[str, bytes]) -> None:
        super().__init__(values)
        self.opened: list[Reader] = []

    def _open(self, key: str) -> Reader:
        self.opened.append(super()._open(key))
        return self.opened[-1]


@pytest.mark.parametrize("view", [serve, aserve])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("range_", [None, "bytes=5-9", "bytes=9999999-"])
@pytest.mark.parametrize("factory", [RequestFactory, AsyncRequestFactory])
def test_what_is_not_read_is_closed(
    view: Callable[..., object], factory: type[RequestFactory], method: str, range_: str | None
) -> None:
    """A client that goes away, or that asked for no body, leaves nothing open."""
    store = Watched({"x": PNG})
    headers = {} if range_ is None else {"Range": range_}
    answer = async_to_sync(view) if view is aserve else view
    answer(factory().generic(method, "/", headers=headers), "x", store=store).close()
    assert [reader.closed for reader in store.opened] == [True]


def test_a_cancelled_request_leaves_nothing_open() -> None:
    """The client may vanish while a thread is opening the value for it."""
    go_on = Event()

    class Slow(Watched):
        def _open(self, key: str) -> Reader:
            loop.call_soon_threadsafe(opening.set)
            assert go_on.wait(30)
            return super()._open(key)

    store = Slow({"x": PNG})

    async def vanish() -> None:
        task = asyncio.ensure_future(aserve(AsyncRequestFactory().get("/"), "x", store=store))
        await opening.wait()
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    with asyncio.Runner() as runner:
        loop, opening = runner.get_loop(), asyncio.Event()
        runner.run(vanish())
    assert [reader.closed for reader in store.opened] == [True]


def test_a_part_is_never_compressed(rf: RequestFactory) -> None:
    """Django's GZipMiddleware leaves a range alone: it is one of the bytes that are stored."""
    store = DictStore({"text": b"word " * 1000})
    headers = {"Accept-Encoding": "gzip", "Range": "bytes=0-2999"}
    answer = GZipMiddleware(lambda request: serve(request, "text", store=store))
    response = answer(rf.get("/", headers=headers))
    assert response.status_code == 206
    assert response["Content-Encoding"] == "identity"
    assert body_of(response) == b"word " * 600
