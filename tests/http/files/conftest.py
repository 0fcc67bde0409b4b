"""Fixtures: a store of each kind, each app over it, and the apps under real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from json import dumps
from pathlib import Path
from typing import NamedTuple

import pytest

from kvcore import DictStore, FilesystemStore, KeyValueStore, store_from_url
from tests import servers
from tests.http.files import apps
from tests.http.files.clients import App, ServedApp, in_process
from tests.redis_servers import RedisServer

FRAMEWORKS = ("django", "fastapi", "flask", "starlette")
STORES = ("fs", "memory", "redis")

_FLASK = f"{apps.__name__}.flask:create_app()"
_STARLETTE = f"{apps.__name__}.starlette:create_app"
_FASTAPI = f"{apps.__name__}.fastapi:create_app"
SERVERS: dict[str, Callable[..., servers.Running]] = {
    "flask-sync": partial(servers.gunicorn, _FLASK),
    "flask-gthread": partial(servers.gunicorn, _FLASK, threads=4),
    "starlette-h11": partial(servers.uvicorn, _STARLETTE, factory=True),
    "starlette-httptools": partial(servers.uvicorn, _STARLETTE, factory=True, http="httptools"),
    "fastapi-h11": partial(servers.uvicorn, _FASTAPI, factory=True),
}
OVER_OTHERS = (
    *("flask-sync-memory", "flask-gthread-redis"),
    *("starlette-h11-redis", "fastapi-h11-memory"),
)
"""What is not tried in all combinations."""


class Served(NamedTuple):
    """An app under a server."""

    app: ServedApp
    is_fastapi: bool
    folder: Path
    """All that the server writes lies below: what a folder stores, and temporary files."""

    @property
    def server(self) -> servers.Server:
        return self.app.server


@contextmanager
def opened(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[KeyValueStore]:
    """An empty store of a kind, with keys as paths."""
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("empty_valkey")
        with store_from_url(server.url(keys="path")) as store:
            yield store
    elif kind == "memory":
        yield DictStore(keys="path")
    else:
        with FilesystemStore(folder / "store", keys="path") as store:
            yield store


@contextmanager
def served(kind: str, folder: Path, url: str) -> Iterator[Served]:
    """The app under a server, over the store of a URL."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    env = {"KVCORE_STORES": dumps({"default": url}), "TMPDIR": temporary}
    with SERVERS[kind](env=env) as server:
        yield Served(ServedApp(server), kind.startswith("fastapi"), folder)


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str, str], Served]]:
    """Servers that run for all tests, each started when first asked for."""
    found: dict[tuple[str, str], Served] = {}
    with ExitStack() as stack:

        def start(kind: str, over: str) -> Served:
            if (kind, over) not in found:
                folder = tmp_path_factory.mktemp(f"{kind}-{over}")
                url = {"fs": f"fs://{folder}/stored", "memory": "memory://"}.get(over)
                if url is None:
                    url = request.getfixturevalue("valkey").url()
                found[kind, over] = stack.enter_context(served(kind, folder, url))
            return found[kind, over]

        yield start


@pytest.fixture(params=[*(f"{kind}-fs" for kind in SERVERS), *OVER_OTHERS])
def site(request: pytest.FixtureRequest, running: Callable[[str, str], Served]) -> Served:
    """Each of the apps under its server; it has served other tests before."""
    kind, _, over = request.param.rpartition("-")
    return running(kind, over)


@pytest.fixture(
    params=[*(f"{one}-{kind}" for one in FRAMEWORKS for kind in STORES), *SERVERS],
)
def app_and_store(
    request: pytest.FixtureRequest, tmp_path: Path, running: Callable[[str, str], Served]
) -> Iterator[tuple[App, KeyValueStore]]:
    """Each app: in this process over each store, and under a server over a folder."""
    if request.param in SERVERS:
        site = running(request.param, "fs")
        with FilesystemStore(site.folder / "stored", keys="path") as store:
            yield site.app, store
        return
    framework, _, kind = request.param.partition("-")
    with opened(kind, tmp_path, request) as store, in_process(framework, store) as app:
        yield app, store


@pytest.fixture
def app(app_and_store: tuple[App, KeyValueStore]) -> App:
    """Each app."""
    return app_and_store[0]


@pytest.fixture
def store(app_and_store: tuple[App, KeyValueStore]) -> KeyValueStore:
    """The store of `app`, with keys as paths; in a folder it may hold what other tests put."""
    return app_and_store[1]
