"""Native calls that are broken off or fail: nothing is left open, and the store works."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kvcore import AsyncKeyValueStore, PrefixDecorator, StoreError, async_store
from tests.aio.cancelling import WAYS, Way, a_moment
from tests.aio.gated import IdleLoop
from tests.aio.remote import RemoteStore, Server

OLD, NEW = b"old", b"new" * 200_000  # more than a block, so that write() does not only collect


async def getting(store: AsyncKeyValueStore) -> None:
    await store.get("key")


async def putting(store: AsyncKeyValueStore) -> None:
    await store.put("key", NEW)


async def reading(store: AsyncKeyValueStore) -> None:
    async with await store.open("key") as reader:
        await reader.read()


async def writing(store: AsyncKeyValueStore) -> None:
    async with await store.open_write("key") as writer:
        await writer.write(NEW)


async def listing(store: AsyncKeyValueStore) -> None:
    async for _ in store.iter_keys():
        pass


Work = Callable[[AsyncKeyValueStore], Coroutine[Any, Any, None]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("work", [getting, putting, reading, writing, listing])
def test_a_cancellation_is_raised_where_the_call_waits(work: Work, way: Way) -> None:
    """The server is asked no more, nothing was published, and the store works."""

    async def main() -> None:
        server = Server()
        inner = RemoteStore({"a-key": OLD}, answer=server)
        store = async_store(PrefixDecorator("a-", inner))

        async def asked() -> None:
            await server.has(1)

        await way(work(store), asked)
        assert server.waiting == 0
        assert inner.d == {"a-key": OLD}
        server.answers.set()
        assert await store.get("key") == OLD
        await store.put("key", b"after")
        assert await store.keys() == ["key"]

    asyncio.run(main())
    gc.collect()  # a writer that was left open would warn


class WhenIdle:
    """A gate for `IdleLoop`: opened, the server answers."""

    def __init__(self) -> None:
        self.opened = self
        self.server: Server | None = None

    def set(self) -> None:
        assert self.server is not None
        asyncio.get_running_loop().call_soon_threadsafe(self.server.answers.set)


@pytest.mark.parametrize("way", WAYS)
def test_cleaning_up_outlasts_a_cancellation(way: Way) -> None:
    """What ``aclose`` does is done before the caller is let go, and the loop does not spin."""
    gate = WhenIdle()
    loop = IdleLoop(gate)
    log: list[str] = []

    class Closing(RemoteStore):
        def _close(self) -> None:
            super()._close()
            log.append("closed")

    async def main() -> None:
        gate.server = server = Server()
        store = async_store(Closing(answer=server))

        async def closing() -> None:
            try:
                await store.aclose()
            finally:
                log.append("released")

        async def in_the_call() -> None:
            await server.has(1)
            loop.open_gate_when_idle()

        await way(closing(), in_the_call)

    loop.run(main)
    assert log == ["closed", "released"]


def test_two_tasks_that_write_to_one_writer_take_turns() -> None:
    """A lock of threads would stop the event loop for ever; the value is whole."""

    class Slow(RemoteStore):
        """Sends each block of a stream, as a store of large objects does."""

        def _open_write(self, key: Any, options: Any) -> Any:
            writer = super()._open_write(key, options)
            write = writer._write

            def sending(block: bytes) -> None:
                self._travel("write")
                write(block)
                self._travel("write")

            writer._write = sending
            return writer

    inner = Slow()
    store = async_store(inner)

    async def main() -> None:
        async with await store.open_write("key") as writer:
            await asyncio.gather(*(writer.write(NEW) for _ in range(5)))
        assert await store.get("key") == NEW * 5

    asyncio.run(main())
    assert "write" in inner.awaited


def test_a_call_that_its_loop_left_waiting_is_unwound(recwarn: pytest.WarningsRecorder) -> None:
    """Its ``finally`` runs when the loop has gone and the coroutine is thrown away."""
    ended: list[str] = []

    class Unwound(RemoteStore):
        def _get(self, key: str) -> bytes:
            try:
                return super()._get(key)
            finally:
                ended.append(key)

    store = async_store(Unwound({"key": b"value"}))
    call = store.get("key")
    call.send(None)
    assert ended == []
    call.close()
    assert ended == ["key"]


def test_errors_of_the_answer_arrive_where_the_store_waits() -> None:
    """So the store tells them in its own words, and the next call finds all in order."""

    class Telling(RemoteStore):
        def _get(self, key: str) -> bytes:
            try:
                return super()._get(key)
            except ConnectionError as error:
                raise StoreError("the server went away", key=key, store=self) from error

    async def gone() -> None:
        raise ConnectionResetError("reset")

    inner = Telling({"a-key": b"value"}, answer=gone)
    store = async_store(PrefixDecorator("a-", inner))

    async def main() -> None:
        for _ in range(3):
            with pytest.raises(StoreError, match="went away") as caught:
                await store.get("key")
            assert caught.value.key == "key"
            assert isinstance(caught.value.__cause__, ConnectionResetError)
        inner.answer = a_moment
        assert await store.get("key") == b"value"

    asyncio.run(main())
