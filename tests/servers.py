"""Real web servers for the tests: gunicorn and uvicorn in processes of their own, on 127.0.0.1.

Each takes a free port, is waited for until it answers, and ends with its ``with`` block. An app is
named as servers name it: ``package.module:app``, or ``package.module:create_app()`` for gunicorn
and ``package.module:create_app`` with ``factory=True`` for uvicorn. What it needs to know comes by
environment variables.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

from tests import services

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
START_SECS = 60.0  # a slow machine that imports three frameworks at once
STOP_SECS = 20.0
_POLL_SECS = 0.01
_LISTENING = re.compile(r"ResourceWarning: unclosed <socket\.socket (?!.*raddr=)")


class Server:
    """A server that runs. `port` and `pid` tell where; `log` is what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._found = threading.Event()
        self.port = 0
        self._listener = threading.Thread(target=self._listen, name="server log", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            if not self.port and (told := re.search(rf"http://{HOST}:(\d+)", line)):
                self.port = int(told[1])
                self._found.set()
        self._found.set()  # it ended

    @property
    def pid(self) -> int:
        """The process that was started; workers are its children."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Such as ``http://127.0.0.1:40123``."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        """Everything printed so far."""
        return "".join(self._lines)

    @property
    def complaints(self) -> str:
        """The log from the first traceback or warning on; empty if there is none.

        gunicorn's workers leave their listening sockets to the end of the process: not told.
        """
        lines = [line for line in self.log.splitlines() if not _LISTENING.search(line)]
        log = "\n".join(line for line in lines if "Enable tracemalloc" not in line)
        found = re.search(r"^.*(Traceback|\w+Warning: |Exception ignored)", log, re.MULTILINE)
        return "" if found is None else log[found.start() :]

    def connect(self, timeout: float = 20.0) -> socket.socket:
        """A connection of one's own, for what no HTTP client does."""
        return socket.create_connection((HOST, self.port), timeout)

    def processes(self) -> list[int]:
        """The ids of the process and of those below it. Linux only."""
        found = [self.pid]
        for pid in found:  # grows meanwhile
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with _gone_is_fine():
                    found += map(int, children.read_text().split())
        return found

    def open_files(self) -> list[str]:
        """The regular files that the processes have open, as /proc names them. Linux only.

        What was opened before the first request (libraries, the terminal) is not told apart, so
        look for a folder, or for ``(deleted)``: a temporary file without a name.
        """
        services.require("/proc", available=os.path.isdir("/proc/self/fd"), hint="use Linux")
        found = []
        for pid in self.processes():
            for link in Path(f"/proc/{pid}/fd").glob("*"):
                with _gone_is_fine():
                    if link.is_file() or os.readlink(link).endswith(" (deleted)"):
                        found.append(os.readlink(link))
        return found

    def cpu_secs(self) -> float:
        """CPU time (user and system) that the processes have used so far. Linux only."""
        ticks = 0
        for pid in self.processes():
            with _gone_is_fine():
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait_until_ready(self) -> None:
        """Return when it answers; ``RuntimeError`` with its log if it does not start."""
        self._found.wait(START_SECS)
        deadline = time.monotonic() + START_SECS
        while self.port and self._process.poll() is None and time.monotonic() < deadline:
            # The socket listens before the app is loaded; any answer at all means it is.
            with self.connect(START_SECS) as probe:
                probe.sendall(
                    b"HEAD /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                with _gone_is_fine():
                    if probe.recv(1):
                        return
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self.log}")

    def stop(self) -> None:
        """End the process, workers included, and wait for it. Twice is no error."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECS)
            except subprocess.TimeoutExpired:
                for pid in reversed(self.processes()):
                    with _gone_is_fine():
                        os.kill(pid, 9)
                self._process.wait(STOP_SECS)
        self._listener.join(STOP_SECS)
        assert self._process.stdout is not None
        self._process.stdout.close()


Running: TypeAlias = AbstractContextManager[Server]
"""What the functions below give: the server runs inside of ``with``."""


@contextmanager
def gunicorn(
    app: str,
    *,
    workers: int = 1,
    threads: int = 1,
    env: Mapping[str, str | os.PathLike[str]] = {},
    options: tuple[str, ...] = (),
) -> Iterator[Server]:
    """A WSGI app under gunicorn: workers of kind ``sync``, or ``gthread`` with several threads."""
    services.require("gunicorn", available=sys.platform != "win32", hint="use a POSIX system")
    command = [
        *("gunicorn", app, "--bind", f"{HOST}:0", "--no-control-socket"),
        *("--workers", str(workers), "--threads", str(threads), "--graceful-timeout", "5"),
    ]
    with _started([*command, *options], env) as server:
        yield server


@contextmanager
def uvicorn(
    app: str,
    *,
    http: str = "h11",
    factory: bool = False,
    env: Mapping[str, str | os.PathLike[str]] = {},
    options: tuple[str, ...] = (),
) -> Iterator[Server]:
    """An ASGI app under uvicorn, in one process; ``http`` is ``h11`` or ``httptools``."""
    command = [
        *("uvicorn", app, "--host", HOST, "--port", "0", "--http", http, "--loop", "asyncio"),
        *("--no-use-colors", "--timeout-graceful-shutdown", "5"),
    ]
    with _started([*command, *["--factory"] * factory, *options], env) as server:
        yield server


@contextmanager
def _started(arguments: list[str], env: Mapping[str, str | os.PathLike[str]]) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-W", "always::ResourceWarning", "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **{k: os.fspath(v) for k, v in env.items()}},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    server = Server(process)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def within(secs: float, condition: Callable[[], object]) -> bool:
    """Whether ``condition`` comes true in this time: for what another process does."""
    deadline = time.monotonic() + secs
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECS)
    return True


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    """A process, file or connection may be gone between two looks at it."""
    try:
        yield
    except (FileNotFoundError, ProcessLookupError, ConnectionError):
        return
