"""Fixtures: a store of each kind, each app over it, and the apps under real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from json import dumps
from pathlib import Path
from typing import NamedTuple

import pytest

from kvcore import DictStore, FilesystemStore, KeyValueStore
from tests import servers
from tests.http.files import apps
from tests.http.files.clients import App, ServedApp, in_process

FRAMEWORKS = ("django", "fastapi", "flask", "starlette")
STORES = ("fs", "memory")

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


class Served(NamedTuple):
    """An app under a server, and what it stores to."""

    app: App
    server: servers.Server
    store: KeyValueStore
    folder: Path
    """All that is written lies below: the values of ``store`` and temporary files."""


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[KeyValueStore]:
    """An empty store of a kind, with keys as paths."""
    if kind == "memory":
        yield DictStore(keys="path")
        return
    with FilesystemStore(folder / "store", keys="path") as store:
        yield store


@contextmanager
def served(kind: str, folder: Path) -> Iterator[Served]:
    """The app under a server, over a folder."""
    stored, temporary = folder / "stored", folder / "temporary"
    temporary.mkdir(exist_ok=True)
    env = {"KVCORE_STORES": dumps({"default": f"fs://{stored}"}), "TMPDIR": temporary}
    with FilesystemStore(stored, keys="path") as store, SERVERS[kind](env=env) as server:
        yield Served(ServedApp(server), server, store, folder)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Served]]:
    """Servers that run for all tests of a module, each started when first asked for."""
    found: dict[str, Served] = {}
    with ExitStack() as stack:

        def start(kind: str) -> Served:
            if kind not in found:
                found[kind] = stack.enter_context(served(kind, tmp_path_factory.mktemp(kind)))
            return found[kind]

        yield start


@pytest.fixture(params=SERVERS)
def site(request: pytest.FixtureRequest, running: Callable[[str], Served]) -> Served:
    """Each of the apps under its server; it has served other tests before."""
    return running(request.param)


@pytest.fixture(
    params=[*(f"{one}-{kind}" for one in FRAMEWORKS for kind in STORES), *SERVERS],
)
def app_and_store(
    request: pytest.FixtureRequest, tmp_path: Path, running: Callable[[str], Served]
) -> Iterator[tuple[App, KeyValueStore]]:
    """Each app: in this process over each store, and under a server over a folder."""
    if request.param in SERVERS:
        found = running(request.param)
        yield found.app, found.store
        return
    framework, _, kind = request.param.partition("-")
    with opened(kind, tmp_path) as store, in_process(framework, store) as app:
        yield app, store


@pytest.fixture
def app(app_and_store: tuple[App, KeyValueStore]) -> App:
    """Each app."""
    return app_and_store[0]


@pytest.fixture
def store(app_and_store: tuple[App, KeyValueStore]) -> KeyValueStore:
    """The store of `app`, with keys as paths; in a folder it may hold what other tests put."""
    return app_and_store[1]
