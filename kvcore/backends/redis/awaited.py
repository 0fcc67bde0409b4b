"""The link by the async clients of ``redis.asyncio``, one for each event loop."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from importlib import import_module
from typing import Generic, NamedTuple, TypeVar

from kvcore.backends.redis.links import Errors
from kvcore.backends.redis.objects import Answer, Connection, Pool
from kvcore.backends.redis.packing import Command, pack, pieces
from kvcore.backends.redis.timing import Progress
from kvcore.forking import tell_after_fork

_T = TypeVar("_T")

_CONNECTS_AT_ONCE = (7, 2)
"""The first redis-py whose pool does not let one connect after the other."""


class _Entry(NamedTuple, Generic[_T]):
    loop: asyncio.AbstractEventLoop
    thing: _T
    closer: AsyncGenerator[None, None]


_inherited: list[object] = []
"""What a forked child has of its parent's: kept and never touched, for to close a transport would
disturb the parent's event loop."""


class PerLoop(Generic[_T]):
    """A thing for each event loop, closed with its loop: async clients live in one loop only.

    A loop that ends closes its unfinished async generators (``asyncio.run``, ``Runner``,
    uvicorn and ``async_to_sync`` all see to that); one of them, here, closes the thing. If this
    object goes before the loop, it closes its things, too.
    """

    def __init__(self, make: Callable[[], _T], close: Callable[[_T], Awaitable[object]]) -> None:
        self._make = make
        self._close = close
        self._entries: dict[int, _Entry[_T]] = {}
        weakref.finalize(self, _close_all, self._entries).atexit = False
        tell_after_fork(self)

    def _after_fork(self) -> None:
        _inherited.extend(self._entries.values())
        self._entries.clear()

    def get(self) -> _T:
        """The thing of the running loop; it is made if there is none."""
        loop = asyncio.get_running_loop()
        entry = self._entries.get(id(loop))
        if entry is not None and entry.loop is loop:
            return entry.thing
        return self._new(loop)

    def _new(self, loop: asyncio.AbstractEventLoop) -> _T:
        thing = self._make()
        closer = _closing(self._entries, id(loop), thing, self._close)
        try:
            closer.__anext__().send(None)  # from now on the loop knows it
        except StopIteration:
            pass
        for key, entry in list(self._entries.items()):
            if entry.loop.is_closed():  # one that ended otherwise
                self._entries.pop(key, None)
        self._entries[id(loop)] = _Entry(loop, thing, closer)
        return thing

    async def aclose(self) -> None:
        """Close the thing of the running loop; a later ``get`` makes a new one."""
        entry = self._entries.get(id(asyncio.get_running_loop()))
        if entry is not None:
            await entry.closer.aclose()


# Neither of these knows the object that they belong to: it is to be free to go.


async def _closing(
    entries: dict[int, _Entry[_T]], key: int, thing: _T, close: Callable[[_T], Awaitable[object]]
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        entry = entries.get(key)
        if entry is not None and entry.thing is thing:
            del entries[key]
        await close(thing)


def _close_all(entries: dict[int, _Entry[_T]]) -> None:
    for entry in list(entries.values()):
        try:
            entry.loop.call_soon_threadsafe(_close_soon, entry)
        except RuntimeError:  # the loop is closed
            continue


def _close_soon(entry: _Entry[_T]) -> None:
    task = asyncio.ensure_future(entry.closer.aclose())
    _closing_now.add(task)
    task.add_done_callback(_closing_now.discard)


_closing_now: set[asyncio.Future[None]] = set()


class _Pool(NamedTuple):
    pool: Pool
    get_connection: Callable[[], Awaitable[Connection]]
    turns: asyncio.Semaphore
    """As many as there may be connections."""


def _getter_of(pool: Pool) -> Callable[[], Awaitable[Connection]]:
    """How the pool is asked for a connection that stands."""
    library = import_module(type(pool).__module__.partition(".")[0])
    version = tuple(map(int, library.__version__.split(".")[:2]))
    if version >= _CONNECTS_AT_ONCE:
        get: Callable[[], Awaitable[Connection]] = pool.get_connection
        return get

    async def get_connection() -> Connection:
        connection = pool.get_available_connection()
        try:
            await pool.ensure_connection(connection)
        except BaseException:
            await pool.release(connection)
            raise
        return connection

    return get_connection


class AwaitedLink:
    """As `links.PoolLink`, with a pool of its own in each event loop.

    A call, from the wait for a connection to the whole answer, has a deadline. A connection whose
    caller is cancelled or out of time is closed: it never goes back to the pool with an answer on
    its way.
    """

    def __init__(
        self,
        errors: Errors,
        make_pool: Callable[[], Pool],
        *,
        deadline_secs: float | None,
        max_connections: int,
        close_pool: Callable[[Pool], Awaitable[object]],
    ) -> None:
        self.errors = errors
        self._deadline_secs = deadline_secs

        def make() -> _Pool:
            pool = make_pool()
            # Not redis-py's BlockingConnectionPool: that of 5.0 never recovers from a refused
            # connection.
            return _Pool(pool, _getter_of(pool), asyncio.Semaphore(max_connections))

        self._pools = PerLoop(make, lambda made: close_pool(made.pool))

    async def send(self, command: Command, *, reads: bool, since: float | None = None) -> Answer:
        """Send a command; returns the answer."""
        packed = pack((command,))

        async def talk(made: _Pool, limit: asyncio.Timeout) -> Answer:
            may_retry = True
            while True:
                connection = await made.get_connection()
                is_sent = False
                try:
                    await self._send(connection, packed, limit)
                    is_sent = True
                    answer = await connection.read_response()
                except self.errors.refused:  # the whole answer
                    await self._release(made.pool, connection)
                    raise
                except BaseException as error:
                    await self._give_up(made.pool, connection)
                    if not (may_retry and (reads or not is_sent) and self.errors.is_lost(error)):
                        raise
                    may_retry = False
                else:
                    await self._release(made.pool, connection)
                    return answer

        return await self._in_time(since, talk)

    async def send_all(
        self, commands: Sequence[Command], *, reads: bool, since: float | None = None
    ) -> list[Answer]:
        """Send commands in one go; returns the answers, refusals among them as exceptions."""
        packed = pack(commands)

        async def talk(made: _Pool, limit: asyncio.Timeout) -> list[Answer]:
            may_retry = reads  # of what was sent in part, the first commands may have been run
            while True:
                connection = await made.get_connection()
                try:
                    await self._send(connection, packed, limit)
                    answers = [await self._answer(connection) for _ in commands]
                except BaseException as error:
                    await self._give_up(made.pool, connection)
                    if not (may_retry and self.errors.is_lost(error)):
                        raise
                    may_retry = False
                else:
                    await self._release(made.pool, connection)
                    return answers

        return await self._in_time(since, talk)

    async def _in_time(
        self, since: float | None, talk: Callable[[_Pool, asyncio.Timeout], Awaitable[_T]]
    ) -> _T:
        made = self._pools.get()
        has_turn = False
        try:
            async with self._limit(since) as limit, made.turns:
                has_turn = True
                return await talk(made, limit)
        except TimeoutError as error:
            if has_turn:
                raise
            raise TimeoutError("No connection available") from error

    def _limit(self, since: float | None) -> asyncio.Timeout:
        secs = self._deadline_secs
        if secs is not None and since is not None:
            secs -= time.monotonic() - since
        return asyncio.timeout(secs)

    async def _send(
        self, connection: Connection, packed: Sequence[bytes], limit: asyncio.Timeout
    ) -> None:
        progress: Progress | None = getattr(connection, "progress", None)
        if progress is not None:
            progress.watch(limit, self._deadline_secs)
        is_moving = False
        for piece in pieces(packed):
            if is_moving and progress is not None:
                progress.moved()
            await connection.send_packed_command([piece])
            is_moving = True

    async def _release(self, pool: Pool, connection: Connection) -> None:
        progress: Progress | None = getattr(connection, "progress", None)
        if progress is not None:
            progress.watch(None, None)
        await pool.release(connection)

    async def _give_up(self, pool: Pool, connection: Connection) -> None:
        """Give back a connection without what may still be on its way."""
        await connection.disconnect(nowait=True)
        await self._release(pool, connection)

    async def _answer(self, connection: Connection) -> Answer:
        try:
            return await connection.read_response()
        except self.errors.refused as refusal:
            return refusal

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._pools.aclose()
