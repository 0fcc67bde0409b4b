"""Django under real servers: clients that vanish, and processes that share a store."""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from itertools import product
from pathlib import Path

import pytest

from kvcore import store_from_url
from tests import servers, services
from tests.soak import count

MIB = 1024 * 1024
BODY = os.urandom(10 * MIB)
HEAD = (
    b'--BoUnDaRy\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
TAIL = b"\r\n--BoUnDaRy--\r\n"
FORM = {"Content-Type": "multipart/form-data; boundary=BoUnDaRy"}
PROJECT = "tests.integrations.django_app.project"
START: dict[str, Callable[..., servers.Running]] = {
    "gunicorn": partial(servers.gunicorn, f"{PROJECT}:wsgi", threads=4),
    "uvicorn": partial(servers.uvicorn, f"{PROJECT}:asgi"),
}


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """Where Django keeps an upload until the view has it."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


@pytest.fixture(params=sorted(START))
def server(
    request: pytest.FixtureRequest, shared_url: str, uploads: Path
) -> Iterator[servers.Server]:
    """The project under one server, over one store."""
    with START[request.param](env={"STORE": shared_url, "UPLOADS": uploads}) as server:
        yield server


def ask(server: servers.Server, method: str, path: str, body: bytes | None = None) -> bytes:
    headers = {} if body is None else FORM
    with closing(HTTPConnection(servers.HOST, server.port, timeout=60)) as connection:
        connection.request(method, path, None if body is None else HEAD + body + TAIL, headers)
        response = connection.getresponse()
        found = response.read()
        assert response.status == 200, (response.status, found, server.log)
        return found


def left(uploads: Path, shared_url: str) -> list[str]:
    """Keys and temporary files."""
    with store_from_url(shared_url) as store:
        found = store.with_keys("path").keys()
    folders = [uploads, *uploads.parent.glob("shared")]
    return found + [str(path) for each in folders for path in each.rglob("*") if path.is_file()]


def still_open(server: servers.Server) -> list[str]:
    """Values and uploads that the server holds open, those without a name included."""
    return [
        name
        for name in server.open_files()
        if "/shared/" in name or "/uploads/" in name or name.endswith("(deleted)")
        if "/wgunicorn-" not in name  # with which its workers say that they are alive
    ]


def test_ten_mebibytes_go_in_and_out(server: servers.Server, uploads: Path) -> None:
    """By `save_upload` and by the storage, whole and by ranges; what was kept meanwhile is gone."""
    for path, base in product(("/upload", "/save"), ("/files/", "/async/")):
        key = ask(server, "POST", path, BODY).decode()
        assert ask(server, "GET", base + key) == BODY
        with closing(HTTPConnection(servers.HOST, server.port, timeout=60)) as connection:
            connection.request("GET", base + key, headers={"Range": "bytes=1000-5999999"})
            response = connection.getresponse()
            assert response.status == 206
            assert response.read() == BODY[1000:6_000_000]
    assert servers.within(5, lambda: not still_open(server)), still_open(server)
    assert list(uploads.iterdir()) == []
    assert server.complaints == ""


def test_a_client_that_vanishes_while_it_uploads(
    server: servers.Server, uploads: Path, shared_url: str
) -> None:
    """After 3 of 10 MiB: within a second there is neither a key nor a temporary file."""
    before = still_open(server)
    for path in ("/upload", "/save") * count(1, 50):
        with server.connect() as client:
            client.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Type: {FORM['Content-Type']}\r\n"
                f"Content-Length: {len(HEAD) + len(BODY) + len(TAIL)}\r\n\r\n".encode()
            )
            client.sendall(HEAD + BODY[: 3 * MIB])
        assert servers.within(1, lambda: not left(uploads, shared_url)), left(uploads, shared_url)
        assert servers.within(1, lambda: still_open(server) == before), still_open(server)
    assert ask(server, "GET", "/pid"), "it goes on"
    assert not re.search("ResourceWarning|Exception ignored", server.log), server.log


def test_a_client_that_vanishes_while_it_downloads(server: servers.Server, shared_url: str) -> None:
    """After 3 of 10 MiB: within a second nothing is open any more."""
    with store_from_url(shared_url) as store:
        store.put("big", BODY)
    for base in ("/files/", "/async/") * count(1, 50):
        with server.connect() as client:
            client.sendall(f"GET {base}big HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            got = 0
            while got < 3 * MIB:
                block = client.recv(65536)
                assert block, server.log
                got += len(block)
        assert servers.within(1, lambda: not still_open(server)), still_open(server)
        assert ask(server, "GET", f"{base}big") == BODY
    assert not re.search("ResourceWarning|Exception ignored", server.log), server.log


def test_processes_see_each_others_files(shared_url: str, uploads: Path) -> None:
    """Two workers of gunicorn and one uvicorn over one store; one name is never taken twice."""
    services.require("fork", available=hasattr(os, "fork"), hint="use a POSIX system")
    env = {"STORE": shared_url, "UPLOADS": uploads}
    with (
        servers.gunicorn(f"{PROJECT}:wsgi", workers=2, env=env, options=("--preload",)) as workers,
        START["uvicorn"](env=env) as other,
    ):
        assert servers.within(
            30, lambda: ask(workers, "GET", "/pid") != ask(workers, "GET", "/pid")
        )

        def save(number: int) -> tuple[str, bytes]:
            server = other if number % 3 == 0 else workers
            content = b"%d" % number
            return ask(server, "POST", "/save", content).decode(), content

        with ThreadPoolExecutor(6) as pool:
            saved = list(pool.map(save, range(count(18, 300))))
        assert len({name for name, _ in saved}) == len(saved)
        for name, content in saved:
            assert ask(workers, "GET", f"/files/{name}") == content
            assert ask(other, "GET", f"/files/{name}") == content
