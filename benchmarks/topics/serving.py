"""Serving 10 MiB: CPU of the server's process"""

import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from importlib.util import find_spec

from benchmarks.apps import KEY
from benchmarks.measure import OURS, RAW, Contest, Sample
from benchmarks.places import TMPFS, Missing, Place
from benchmarks.row import Row
from benchmarks.show import MIB
from tests import servers


def serve(start: Callable[..., servers.Running], needs: str, ours: str, place: Place) -> Contest:
    """A server that runs, asked for the same file in two ways; ``ours`` is the path of one."""
    for name in needs.split():
        if find_spec(name) is None:
            raise Missing(f"{name} is not installed")
    folder = place.folder("stored")
    with open(os.path.join(folder, KEY), "wb") as file:
        file.writelines(os.urandom(place.size(MIB)) for _ in range(10))
    running = start(env={"KVCORE_BENCH_FOLDER": folder})
    server = running.__enter__()
    place.at_the_end(lambda: running.__exit__(None, None, None))
    requests = place.operations
    return {RAW: _sample(server, "/raw", requests), OURS: _sample(server, ours, requests)}


def _sample(server: servers.Server, path: str, requests: int) -> Sample:
    buffer = bytearray(MIB)

    def sample() -> float:
        with closing(HTTPConnection(servers.HOST, server.port, timeout=60)) as connection:

            def asked(path: str) -> HTTPResponse:
                connection.request("GET", path)
                response = connection.getresponse()
                assert response.status == 200, server.log
                return response

            start = float(asked("/cpu").read())
            for _ in range(requests):
                response = asked(path)
                while response.readinto(buffer):
                    pass
            return (float(asked("/cpu").read()) - start) / requests

    return sample


def _gunicorn(app: str, threads: int) -> Callable[..., servers.Running]:
    return partial(servers.gunicorn, f"benchmarks.apps.{app}", threads=threads)


def _uvicorn(app: str, http: str) -> Callable[..., servers.Running]:
    return partial(servers.uvicorn, f"benchmarks.apps.{app}", http=http)


def _row(
    name: str,
    start: Callable[..., servers.Running],
    needs: str,
    against: str,
    ours: str = "/kvcore",
) -> Row:
    contest = partial(serve, start, needs, ours)
    return Row(name, contest, {TMPFS: 1.0}, against, operations=20, most_rounds=15)


_FILE = "FileResponse"
_ASGI = "/kvcore/async"
ROWS = (
    _row("Django, gunicorn sync", _gunicorn("django:wsgi", 1), "django gunicorn", _FILE),
    _row("Django, gunicorn gthread", _gunicorn("django:wsgi", 4), "django gunicorn", _FILE),
    _row("Django, uvicorn h11", _uvicorn("django:asgi", "h11"), "django uvicorn", _FILE, _ASGI),
    _row("Flask, gunicorn sync", _gunicorn("flask:app", 1), "flask gunicorn", "send_file"),
    _row("Flask, gunicorn gthread", _gunicorn("flask:app", 4), "flask gunicorn", "send_file"),
    _row("Starlette, h11", _uvicorn("starlette:app", "h11"), "starlette uvicorn", _FILE),
    _row("Starlette, httptools", _uvicorn("starlette:app", "httptools"), "httptools", _FILE),
    _row("FastAPI, h11", _uvicorn("fastapi:app", "h11"), "fastapi uvicorn", _FILE),
)
