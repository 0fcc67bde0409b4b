"""A server in a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

HOST = "127.0.0.1"
START_SECS = 60.0
STOP_SECS = 10.0
POLL_SECS = 0.02
_TRIES = 5
_LOG_BYTES = 4000


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, path: str, timeout: float = 5.0) -> bool:
    """Whether an HTTP server answers there, whatever it says of what went wrong on our side."""
    connection = HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class ServerProcess:
    """A process that serves HTTP on ``port``, ready once it answers for ``ready``.

    ``command`` gets the port: another process may take one that was free, and then a second try
    takes another.
    """

    def __init__(
        self,
        command: Callable[[int], list[str]],
        folder: Path,
        *,
        ready: str = "/",
        env: Mapping[str, str] = {},
    ) -> None:
        self._command = command
        self._ready = ready
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = folder
        self.port = 0

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; ``RuntimeError`` with the end of its log if it does not answer."""
        log = self.folder / "log"
        for _ in range(_TRIES):
            self.port = free_port()
            with log.open("wb") as file:
                self._process = process = subprocess.Popen(
                    self._command(self.port),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    cwd=self.folder,
                    env=self._env,
                )
            until = time.monotonic() + START_SECS
            while process.poll() is None and time.monotonic() < until:
                if answers(self.port, self._ready):
                    return
                time.sleep(POLL_SECS)
            self.stop()
        raise RuntimeError(
            f"no answer from {self._command(0)[0]}: {log.read_bytes()[-_LOG_BYTES:]!r}"
        )

    def stop(self) -> None:
        """End it. Twice is no error."""
        if self._process is not None:
            end(self._process)
            self._process = None


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and make it."""
    process.terminate()
    try:
        process.wait(STOP_SECS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECS)
