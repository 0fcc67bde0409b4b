"""Django's sessions: a request in WSGI, of a session with three small keys"""

from collections.abc import Callable
from functools import partial
from http.cookies import SimpleCookie
from importlib.util import find_spec
from io import BytesIO
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.bare_sessions import in_folder
from benchmarks.django_project import set_up
from benchmarks.measure import OURS, RAW, Contest, timed
from benchmarks.places import ANY, TMPFS, Place
from benchmarks.redis_clients import server_of
from benchmarks.row import Row
from kvcore import KeyValueStore, store_from_url

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_RECORD = bytes(250)  # about what a session takes
_LIFETIME_SECS = 14 * 86400
_DJANGOS = "django.contrib.sessions.backends."


class Kind(NamedTuple):
    """Who takes part."""

    store: KeyValueStore
    read: Callable[[], object]
    """What a view would call to read a session."""
    write: Callable[[], object]
    engines: dict[str, dict[str, Any]]
    """The settings of each peer."""
    settings: dict[str, Any]


def views(kind: Kind) -> ModuleType:
    """Addresses: a view for each use of a session, and those with the bare calls."""
    from django.http import HttpResponse
    from django.urls import path

    def plain(_: "HttpRequest") -> "HttpResponse":
        return HttpResponse("plain")

    def begin(request: "HttpRequest") -> "HttpResponse":
        request.session.update({"name": "ann", "visits": 1, "theme": "dark"})
        return HttpResponse("begun")

    def read(request: "HttpRequest") -> "HttpResponse":
        return HttpResponse(f"{request.session['visits']}")

    def write(request: "HttpRequest") -> "HttpResponse":
        request.session["visits"] += 1
        return HttpResponse("written")

    def bare_read(_: "HttpRequest") -> "HttpResponse":
        kind.read()
        return HttpResponse("read")

    def bare_write(_: "HttpRequest") -> "HttpResponse":
        kind.write()
        return HttpResponse("written")

    table = {"plain": plain, "begin": begin, "read": read, "write": write}
    bare = {"bare/plain": plain, "bare/read": bare_read, "bare/write": bare_write}
    urls = ModuleType("urls")
    urls.urlpatterns = [path(*entry) for entry in {**table, **bare}.items()]  # type: ignore[attr-defined]
    return urls


def handler(**overridden: Any) -> Callable[..., Any]:
    """A WSGI application, with the engine that the settings name at this moment."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    with override_settings(**overridden):
        return WSGIHandler()


def visitor(
    app: Callable[..., Any], path: str, cookie: str | None = None, alias: str = ""
) -> Callable[[int], str]:
    """Asks for a path, past everything but the app; returns the cookie that is set, if any."""
    from django.conf import settings

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }
    if cookie is not None:
        environ["HTTP_COOKIE"] = cookie
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        answer[:] = [status, headers]

    def ask(_number: int) -> str:
        if alias:  # Django's engine looks for its cache at each request
            settings.SESSION_CACHE_ALIAS = alias
        response = app(dict(environ), start_response)
        b"".join(response)
        response.close()
        assert answer[0] == "200 OK", answer[0]
        return next((value for name, value in answer[1] if name == "Set-Cookie"), "")

    return ask


def requests(place: Place, kind: Callable[[Place], Kind], path: str, *, cookie: bool) -> Contest:
    """Our sessions, those of Django's engines, and a view that makes the bare calls."""
    set_up()
    from django.test import override_settings

    found = kind(place)
    base = override_settings(
        ROOT_URLCONF=views(found),
        KVCORE_STORES={"sessions": found.store},
        KVCORE_SESSION_STORE="sessions",
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        **found.settings,
    )
    base.enable()
    place.at_the_end(base.disable)
    contest = {RAW: visitor(handler(MIDDLEWARE=[]), f"/bare{path}")}
    ours = {OURS: {"SESSION_ENGINE": "kvcore_django.sessions"}}
    for name, engine in {**ours, **found.engines}.items():
        app, alias = handler(**engine), engine.get("SESSION_CACHE_ALIAS", "")
        sent = None
        if cookie:
            [morsel] = SimpleCookie(visitor(app, "/begin", alias=alias)(0)).values()
            sent = f"{morsel.key}={morsel.coded_value}"
        contest[name] = visitor(app, path, sent, alias)
    numbers = range(place.operations)
    return {name: timed(ask, numbers) for name, ask in contest.items()}


def _redis(place: Place) -> Kind:
    server = server_of(place)
    client = server.client(socket_timeout=5)
    place.at_the_end(client.close)
    client.set("bare", _RECORD)

    def write() -> None:
        client.get("bare")
        client.set("bare", _RECORD, ex=_LIFETIME_SECS, xx=True)

    store = store_from_url(server.url())
    place.at_the_end(store.close)
    caches = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}
    peers = {"Django's cache": "default"}
    if find_spec("django_redis") is not None:
        caches["django_redis"] = {"BACKEND": "django_redis.cache.RedisCache"}
        peers["django-redis"] = "django_redis"
    for cache in caches.values():
        cache["LOCATION"] = server.url()
    engines = {
        name: {"SESSION_ENGINE": f"{_DJANGOS}cache", "SESSION_CACHE_ALIAS": alias}
        for name, alias in peers.items()
    }
    return Kind(store, partial(client.get, "bare"), write, engines, {"CACHES": caches})


def _folder(place: Place) -> Kind:
    from django.contrib.sessions.backends.file import SessionStore
    from django.contrib.sessions.models import Session
    from django.db import connection

    SessionStore._storage_path = place.folder("django")  # type: ignore[attr-defined]  # it keeps the first
    if Session._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Session)
    read, write = in_folder(place, _RECORD)
    store = store_from_url(f"fs://{place.folder('kvcore')}?durability=atomic")
    place.at_the_end(store.close)
    engines = {
        "Django's files": {"SESSION_ENGINE": f"{_DJANGOS}file"},
        "SQLite in memory": {"SESSION_ENGINE": f"{_DJANGOS}db"},
    }
    return Kind(store, read, write, engines, {})


def _rows(name: str, kind: Callable[[Place], Kind], place: str) -> list[Row]:
    plain, bare = "a plain view", "a view with the bare calls"
    uses = [
        ("no cookie, untouched", "/plain", False, plain),
        ("untouched", "/plain", True, plain),
        ("read", "/read", True, bare),
        ("write", "/write", True, bare),
    ]
    return [
        Row(
            f"Django session, {name}: {use}",
            partial(requests, kind=kind, path=path, cookie=cookie),
            {place: None},
            against,
            operations=200,
        )
        for use, path, cookie, against in uses
    ]


ROWS = (*_rows("Redis", _redis, ANY), *_rows("files", _folder, TMPFS))
