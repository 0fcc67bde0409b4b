"""One clock for a call: what is left of its deadline holds for each of its steps.

The deadline is for the answer to begin: for the wait for a connection, the connecting and all that
is sent again. Where a large value is on its way, it is for the next piece of it.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterable

from kvcore.backends.redis.objects import Connection, reader_of, socket_of, writer_of

_TOLERATED_SECS = 0.25  # what a call may be late by without its socket being told
_PROGRESS_SECS = 0.05  # how exact the end of a call is that makes progress


class _Call(threading.local):
    end: float = math.inf


_call = _Call()
"""The call that this thread makes: pools do not hand on to connections when it has to end."""


def begin(deadline_secs: float | None, since: float | None) -> float:
    """When a call has to end that began at ``since`` (by default now)."""
    start = time.monotonic() if since is None else since
    _call.end = end = math.inf if deadline_secs is None else start + deadline_secs
    return end


def left_until(end: float) -> float:
    """Seconds; raises ``TimeoutError`` if there are none."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time was left")
    return left


def is_late(end: float, deadline_secs: float | None) -> bool:
    """Whether so much time has gone that the socket's own time-out would be too long."""
    return deadline_secs is not None and (end - time.monotonic() < deadline_secs - _TOLERATED_SECS)


def send_late(connection: Connection, pieces: Iterable[bytes], end: float) -> None:
    """Send a command and wait until the answer begins, both before the end.

    What is sent in pieces makes progress with each.
    """
    sock, patience = socket_of(connection), connection.socket_timeout
    assert sock is not None
    sock.settimeout(left_until(end))
    is_moving = False
    for piece in pieces:
        if is_moving:
            sock.settimeout(patience)
            end = time.monotonic() + patience
        connection.send_packed_command([piece])
        is_moving = True
    if not connection.can_read(left_until(end)):
        raise TimeoutError("no answer began")
    sock.settimeout(patience)


class InTime:
    """Mixed into connections of redis-py: they stand before the call of their thread has to end."""

    socket_timeout: float
    socket_connect_timeout: float | None
    read_response: Callable[..., object]
    disconnect: Callable[[], None]

    def connect(self) -> None:
        """Connect and introduce ourselves, if that has not been done."""
        if socket_of(self) is not None:
            return
        end, patience = _call.end, self.socket_connect_timeout
        left = left_until(end)
        self.socket_connect_timeout = left if patience is None else min(patience, left)
        read = self.read_response

        def read_in_time(*args: object, **options: object) -> object:
            _set_time_out(self, left_until(end))
            return read(*args, **options)

        self.read_response = read_in_time
        try:
            super().connect()  # type: ignore[misc]  # of what this is mixed into
            _set_time_out(self, self.socket_timeout)
        except BaseException:
            # redis-py does so for its own errors only; after others the next caller would read
            # what was answered to the introduction.
            self.disconnect()
            raise
        finally:
            del self.read_response
            self.socket_connect_timeout = patience


def _set_time_out(connection: Connection, secs: float) -> None:
    sock = socket_of(connection)
    if sock is not None:  # as it is not when the server has hung up
        sock.settimeout(secs)


class Progress:
    """Puts off the end of an awaited call while something moves."""

    def __init__(self) -> None:
        self._limit: asyncio.Timeout | None = None
        self._secs: float | None = None

    def watch(self, limit: asyncio.Timeout | None, secs: float | None) -> None:
        """What moves from now on puts off this limit, to so many seconds later."""
        self._limit, self._secs = limit, secs

    def moved(self) -> None:
        """Something has moved."""
        limit = self._limit
        if limit is None or self._secs is None:
            return
        end, before = asyncio.get_running_loop().time() + self._secs, limit.when()
        if before is not None and end - before > _PROGRESS_SECS and not limit.expired():
            limit.reschedule(end)


class Moving:
    """Mixed into async connections of redis-py: their `Progress` sees each block that arrives.

    What is sent waits until the network has taken it, whatever the Python.
    """

    progress: Progress
    is_connected: bool
    disconnect: Callable[..., Awaitable[None]]

    async def connect(self) -> None:
        """Connect, if that has not been done."""
        if self.is_connected:
            return
        try:
            await super().connect()  # type: ignore[misc]  # of what this is mixed into
        except BaseException:
            await self.disconnect(nowait=True)  # as in `InTime`
            raise
        self.progress = progress = Progress()
        reader = reader_of(self)
        take: Callable[[bytes], None] = reader.feed_data

        def feed_data(data: bytes) -> None:
            progress.moved()
            take(data)

        reader.feed_data = feed_data
        writer = writer_of(self)

        def write_lines(parts: Iterable[bytes]) -> None:
            for part in parts:
                writer.write(part)

        # Python 3.12.0 to 3.12.8 and 3.13.0 to 3.13.1 (gh-127655) let nobody wait after the
        # writer's own: all of a value would lie in memory, and nothing be seen to move.
        writer.writelines = write_lines


def mixed(mixin: type, kind: type) -> type:
    """A class of connections with a mixin."""
    return type(f"{mixin.__name__}{kind.__name__}", (mixin, kind), {})
