"""A proxy on 127.0.0.1 between a client and a server, that cuts, delays and dribbles."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Self

_BLOCK_BYTES = 64 * 1024
_JOIN_SECS = 10.0


class Proxy:
    """Hands on what it gets, both ways; what is set holds from then on for all connections.

    ``port`` is where clients connect to.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Else the system takes tens of MiB in, and a slow network looks like a slow server.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BLOCK_BYTES)
        self.port: int = self._listener.getsockname()[1]
        self.delay_secs = 0.0
        """How long an answer waits before it is handed on."""
        self.request_delay_secs = 0.0
        """How long each block of what a client sends waits before it is handed on."""
        self.dribble_bytes = 0
        """The most that is handed on of an answer at once; 0: all."""
        self.cut_after: int | None = None
        """Bytes of answers after which a connection is closed."""
        self.hold_after: int | None = None
        """Bytes of answers after which a connection hands on nothing more."""
        self.connections = 0
        """How many there were."""
        self.requests = 0
        """How often a client has sent something."""
        self.asked = threading.Event()
        """Set with the next request."""
        self.open = threading.Event()
        """Cleared, answers wait until it is set."""
        self.open.set()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._start(self._accept)

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                if self._closed:
                    return
                client.close()  # the server is gone
                continue
            self.connections += 1
            self._sockets |= {client, server}
            self._start(self._requests, client, server)
            self._start(self._answers, client, server)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(_BLOCK_BYTES):
                self.requests += 1
                self.asked.set()
                if self.request_delay_secs:
                    time.sleep(self.request_delay_secs)
                server.sendall(data)
        except OSError:
            pass
        finally:
            _end(server)

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        sent = 0
        try:
            while data := server.recv(self.dribble_bytes or _BLOCK_BYTES):
                if self.delay_secs:
                    time.sleep(self.delay_secs)
                self.open.wait()
                if self.cut_after is not None:
                    data = data[: max(self.cut_after - sent, 0)]
                if self.hold_after is not None and sent > self.hold_after:
                    continue
                client.sendall(data)
                sent += len(data)
                if self.cut_after is not None and sent >= self.cut_after:
                    return
        except OSError:
            pass
        finally:
            _end(client)
            _end(server)

    def cut(self) -> None:
        """Close all connections."""
        for one in list(self._sockets):
            _end(one)

    def close(self) -> None:
        """End everything."""
        self._closed = True
        self.open.set()
        _end(self._listener)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(_JOIN_SECS)
        for one in self._sockets:
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _end(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended already
