"""Links by the async clients of ``redis.asyncio``: the methods of `links`, awaited."""

from __future__ import annotations

import asyncio
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from kvcore.backends.redis.links import Command, Errors, getter_of
from kvcore.backends.redis.objects import Answer, Connection, Node, Pool
from kvcore.forking import tell_after_fork

_T = TypeVar("_T")


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


class AwaitedLink(ABC):
    """As `links.Link`. A call has a deadline, up to its whole answer."""

    def __init__(self, errors: Errors, deadline_secs: float | None) -> None:
        self.errors = errors
        self._deadline_secs = deadline_secs

    @abstractmethod
    async def send(self, command: Command, *, again: bool, node: Node = None) -> Answer:
        """Send a command; returns the answer."""

    @abstractmethod
    async def send_all(self, commands: Sequence[Command], *, again: bool) -> list[Answer]:
        """Send commands in one go; returns the answers, refusals among them as exceptions."""

    async def nodes(self) -> Sequence[Node]:
        """What has to be scanned to see all keys."""
        return (None,)

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of what was opened in the running loop; it may be used again."""


class AwaitedPoolLink(AwaitedLink):
    """As `links.PoolLink`, with a pool of its own in each event loop.

    A connection whose caller is cancelled or out of time is closed by redis-py: it never goes back
    to the pool with an answer on its way.
    """

    def __init__(
        self,
        errors: Errors,
        make_pool: Callable[[], Pool],
        deadline_secs: float | None,
        close_pool: Callable[[Any], Awaitable[object]] = lambda pool: pool.disconnect(),
    ) -> None:
        super().__init__(errors, deadline_secs)

        def make() -> tuple[Pool, Callable[[], Awaitable[Connection]]]:
            pool = make_pool()
            return pool, getter_of(pool)

        self._pools = PerLoop(make, lambda made: close_pool(made[0]))

    async def send(self, command: Command, *, again: bool, node: Node = None) -> Answer:
        """Send a command; returns the answer."""
        async with asyncio.timeout(self._deadline_secs):
            pool, get_connection = self._pools.get()
            while True:
                connection = await get_connection()
                try:
                    await connection.send_command(*command)
                    return await connection.read_response()
                except self.errors.lost as error:
                    if not (again and self.errors.is_lost(error)):
                        raise
                    again = False
                finally:
                    await pool.release(connection)

    async def send_all(self, commands: Sequence[Command], *, again: bool) -> list[Answer]:
        """Send commands in one go; returns the answers, refusals among them as exceptions."""
        async with asyncio.timeout(self._deadline_secs):
            pool, get_connection = self._pools.get()
            while True:
                connection = await get_connection()
                try:
                    await connection.send_packed_command(connection.pack_commands(commands))
                    return [await self._answer(connection) for _ in commands]
                except self.errors.lost as error:
                    if not (again and self.errors.is_lost(error)):
                        raise
                    again = False
                finally:
                    await pool.release(connection)

    async def _answer(self, connection: Connection) -> Answer:
        try:
            return await connection.read_response()
        except self.errors.refused as refusal:
            return refusal

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._pools.aclose()


class AwaitedClusterLink(AwaitedLink):
    """Leaves all to the async client of a cluster; there is one in each event loop."""

    def __init__(
        self, errors: Errors, make_client: Callable[[], Pool], deadline_secs: float | None
    ) -> None:
        super().__init__(errors, deadline_secs)
        self._clients = PerLoop(make_client, lambda client: client.aclose())

    async def send(self, command: Command, *, again: bool, node: Node = None) -> Answer:
        """Send a command; how often, is up to the client."""
        async with asyncio.timeout(self._deadline_secs):
            client = self._clients.get()
            if node is None:
                return await client.execute_command(*command)
            return await client.execute_command(*command, target_nodes=node)

    async def send_all(self, commands: Sequence[Command], *, again: bool) -> list[Answer]:
        """Send commands in one go; returns the answers, refusals among them as exceptions."""
        async with asyncio.timeout(self._deadline_secs), self._clients.get().pipeline() as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Answer] = await pipeline.execute(raise_on_error=False)
            return answers

    async def nodes(self) -> Sequence[Node]:
        """The primaries."""
        async with asyncio.timeout(self._deadline_secs):
            client = self._clients.get()
            await client.initialize()
            nodes: Sequence[Node] = client.get_primaries()
            return nodes

    async def aclose(self) -> None:
        """Close the client of the running loop."""
        await self._clients.aclose()
