"""What is Django's own: fields with generated keys, the view, the app's check, ASGI."""

import asyncio
import re

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db.migrations.writer import MigrationWriter
from django.http import Http404
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import include, path
from kvcore_django import current_store, generate_key, save_upload
from kvcore_django.views import serve
from pytest_django import Settings

from kvcore import ConfigError, DictStore, Reader

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000


# Fields


def test_a_field_gets_generated_keys() -> None:
    """Neither the name nor the extension of a client's file gets where it could do harm."""
    make = generate_key("pictures/{id}{ext}")
    assert re.fullmatch(r"pictures/[0-9a-z]{26}\.jpg", make(None, "My Cat.JPEG"))
    assert re.fullmatch(r"pictures/[0-9a-z]{26}\.bin", make(None, "../../evil.html"))
    assert make(None, "a.png") != make(None, "a.png")


def test_generated_keys_stand_in_migrations() -> None:
    """As a call that gives an equal object, so no new migration is made for nothing."""
    text, imports = MigrationWriter.serialize(generate_key("p/{id}{ext}"))
    assert (text, imports) == (
        "kvcore_django.uploads.generate_key('p/{id}{ext}')",
        {"import kvcore_django.uploads"},
    )
    assert generate_key("p/{id}") == generate_key("p/{id}")
    assert generate_key("p/{id}") != generate_key("q/{id}")
    assert len({generate_key("p/{id}"), generate_key("p/{id}")}) == 1


@pytest.mark.parametrize(
    "template",
    [
        "fixed",
        "{id}/{name}",
        "a" * 70 + "{id}{ext}",
        "{unknown}{id}",
        "../{id}",
        "/{id}",
        "a//{id}",
    ],
)
def test_templates_that_cannot_serve_a_field_are_told(template: str) -> None:
    """When the model is loaded: no id, unknown places, too long for a field, no legal key."""
    with pytest.raises((ConfigError, ValueError), match="template"):
        generate_key(template)


@pytest.mark.django_db
def test_the_site_has_all_its_migrations(settings: Settings) -> None:
    """What the models say is what the migrations make."""
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


# The setting


def test_stores_are_one_per_process(settings: Settings) -> None:
    """A name gives the same store to everybody, with keys as paths."""
    settings.KVCORE_STORES = {"default": "memory://"}
    current_store().put("a/b", b"value")
    assert current_store("default").get("a/b") == b"value"
    own = DictStore()
    current_store(own).put("a/b", b"own")
    assert own.with_keys("path").get("a/b") == b"own"


def test_the_check_reads_the_setting(settings: Settings) -> None:
    """`manage.py check` tells what is wrong, and where; nothing is opened for it."""
    settings.KVCORE_STORES = {"default": "memory://", "media": "fs:///no/such/folder"}
    call_command("check")
    for wrong in ({"default": "memry://"}, ["memory://"], {"default": "fs:///a?colour=red"}):
        settings.KVCORE_STORES = wrong
        with pytest.raises(SystemCheckError, match=r"kvcore\.E001"):
            call_command("check")


def test_the_check_reads_the_storages(settings: Settings) -> None:
    """A name that `KVCORE_STORES` does not have, a wrong URL, an unknown option; others pass."""
    settings.KVCORE_STORES = {"default": "memory://"}
    backend = "kvcore_django.storage.KVStorage"
    others = {
        "default": {"BACKEND": backend, "OPTIONS": {"url": "fs:///no/such/folder"}},
        "named": {"BACKEND": backend},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "gone": {"BACKEND": "no.such.Storage"},
    }
    settings.STORAGES = others
    call_command("check")
    for options, told in (
        ({"store": "nope"}, "'nope'"),
        ({"url": "memry://"}, "memry"),
        ({"stor": "default"}, "stor"),
        ({"store": "default2", "url": "memory://"}, "not both"),
    ):
        settings.STORAGES = {**others, "media": {"BACKEND": backend, "OPTIONS": options}}
        with pytest.raises(SystemCheckError, match=rf"(?s)kvcore\.E002.*media.*{told}"):
            call_command("check")


@pytest.mark.urls(__name__)
def test_the_check_reads_the_urls(settings: Settings) -> None:
    """A store that is served, and that nobody configured, is told before the first request."""
    settings.KVCORE_STORES = {"default": "memory://", "private": "memory://"}
    call_command("check")
    settings.KVCORE_STORES = {"default": "memory://"}
    with pytest.raises(SystemCheckError, match=r"(?s)kvcore\.E003.*private/"):
        call_command("check")
    settings.KVCORE_STORES = {"default": "memory://", "private": "memory://"}
    settings.STORAGES = {"default": {**STORAGE_OF_ITS_OWN, "OPTIONS": {"url": "memry://"}}}
    with pytest.raises(SystemCheckError, match=r"kvcore\.E002"):
        call_command("check")
    settings.KVCORE_STORES = {}
    settings.STORAGES = {"default": STORAGE_OF_ITS_OWN}
    with pytest.raises(SystemCheckError, match=r"(?s)kvcore\.E003.*media/.*'default'"):
        call_command("check")


# The view

STORAGE_OF_ITS_OWN = {
    "BACKEND": "kvcore_django.storage.KVStorage",
    "OPTIONS": {"url": "memory://"},
}
urlpatterns = [
    path("media/", include("kvcore_django.urls")),
    path("private/", include("kvcore_django.urls"), {"store": "private"}),
    path("storage/", include("kvcore_django.urls"), {"store": default_storage}),
]


@pytest.mark.urls(__name__)
def test_a_storage_stands_for_its_store(settings: Settings, client: Client) -> None:
    """One with a URL of its own needs no `KVCORE_STORES`: uploads and URLs take the storage."""
    settings.STORAGES = {
        "default": STORAGE_OF_ITS_OWN,
        "plain": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    settings.KVCORE_STORES = {}
    key = save_upload(ContentFile(PNG), store=default_storage)
    assert default_storage.exists(key)
    answer = client.get(f"/storage/{key}", SERVER_NAME="localhost")
    assert b"".join(answer) == PNG
    with pytest.raises(TypeError, match="InMemoryStorage has no store"):
        current_store(storages["plain"])


@pytest.mark.urls(__name__)
def test_each_store_has_its_addresses(settings: Settings, client: Client) -> None:
    """The URLs can be included once for each store."""
    settings.KVCORE_STORES = {"default": DictStore({"x": b"one"}), "private": DictStore({"x": PNG})}
    host = {"SERVER_NAME": "localhost"}
    assert b"".join(client.get("/media/x", **host)) == b"one"
    assert b"".join(client.get("/private/x", **host)) == PNG
    assert client.get("/media/y", **host).status_code == 404
    assert client.post("/media/x", **host).status_code == 405


@pytest.mark.django_db  # closing a response looks after database connections
def test_the_view_may_be_called_by_others() -> None:
    """A view that asks who may see the file passes it a store and a name for the download."""
    request, store = RequestFactory().get("/"), DictStore({"x": PNG})
    response = serve(
        request, "x", store=store, filename="ü.png", as_attachment=True, cache_control="no-store"
    )
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Disposition"] == (
        "attachment; filename=\"u.png\"; filename*=UTF-8''%C3%BC.png"
    )
    assert b"".join(response) == PNG
    response.close()
    with pytest.raises(Http404):
        serve(request, "y", store=store)


@pytest.mark.urls(__name__)
def test_a_value_is_streamed_under_asgi(settings: Settings) -> None:
    """In several blocks, without the warning (and the memory) of Django's own way."""
    settings.KVCORE_STORES = {"default": DictStore({"x": PNG})}
    settings.MIDDLEWARE = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/media/x",
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


@pytest.mark.django_db  # closing a response looks after database connections
def test_what_is_not_read_is_closed_under_asgi() -> None:
    """A client that goes away leaves no file open."""
    opened = []

    class Watched(DictStore):
        def _open(self, key: str) -> Reader:
            opened.append(super()._open(key))
            return opened[-1]

    response = serve(AsyncRequestFactory().get("/"), "x", store=Watched({"x": PNG}))
    assert response.is_async
    response.close()
    assert [reader.closed for reader in opened] == [True]
