"""The servers of the tests start, answer and end, leaving no process."""

import os
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests import servers

START: dict[str, Callable[..., AbstractContextManager[servers.Server]]] = {
    "gunicorn-sync": partial(servers.gunicorn, "tests.servers_app:wsgi"),
    "gunicorn-gthread": partial(servers.gunicorn, "tests.servers_app:wsgi", workers=2, threads=2),
    "uvicorn-h11": partial(servers.uvicorn, "tests.servers_app:asgi"),
    "uvicorn-httptools": partial(servers.uvicorn, "tests.servers_app:asgi", http="httptools"),
}


@pytest.mark.parametrize("start", START.values(), ids=START)
def test_a_server_answers_and_ends(
    start: Callable[..., AbstractContextManager[servers.Server]], tmp_path: Path
) -> None:
    """It knows its environment, tells the files it holds open, and no process outlives it."""
    held = tmp_path / "held"
    held.write_bytes(b"")
    with start(env={"HELD": held}) as server:
        with urllib.request.urlopen(f"{server.url}/env/HELD", timeout=20) as answer:
            assert answer.read() == os.fsencode(held)
        assert str(held) not in server.open_files()
        with urllib.request.urlopen(f"{server.url}/hold/HELD", timeout=20):
            assert str(held) in server.open_files()
        pids = server.processes()
        assert server.cpu_secs() > 0
        assert server.complaints == ""
    # Whoever adopts a worker may take a moment to notice its end.
    assert servers.within(10, lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def test_an_app_that_does_not_start_is_told_with_its_log() -> None:
    """Rather than by a test that waits and fails elsewhere."""
    with pytest.raises(RuntimeError, match="no_such_app"):
        with servers.uvicorn("tests.servers_app:no_such_app"):
            pass
