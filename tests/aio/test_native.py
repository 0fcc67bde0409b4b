"""`async_store` over a store that can be awaited: what waits, what goes on, what is left behind."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import pickle
import sys
import threading
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from kvcore import (
    AsyncStore,
    HMACDecorator,
    KeyExists,
    KeyNotFound,
    PrefixDecorator,
    RandomIdDecorator,
    async_store,
)
from kvcore.aio.native import Bridge, current_bridge
from tests.aio.remote import RemoteStore, Server

SECRET = "a secret of 32 bytes, or of more."
OLD, NEW = b"old", b"new" * 200_000  # more than a block, so that write() does not only collect


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """To start a thread is an error."""

    def refuse(thread: threading.Thread) -> None:
        raise AssertionError(f"{thread} was started")

    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.usefixtures("no_threads")
def test_a_hundred_operations_through_decorators_start_no_thread() -> None:
    """Reads, writes, listings, streams and refusals all happen in the event loop's thread."""
    inner = RemoteStore()
    store = async_store(PrefixDecorator("a-", HMACDecorator(SECRET, inner)))

    async def blocks() -> AsyncIterator[bytes]:
        yield NEW
        yield OLD

    async def main() -> None:
        for number in range(15):
            key = f"key{number}"
            await store.put(key, b"value", 60, if_absent=True)
            assert (await store.fetch(key)).data == await store.get(key)
            assert (await store.stat(key)).size == len(b"value")
            with pytest.raises(KeyExists):
                await store.put(key, b"other", if_absent=True)
            assert await store.contains(key)
            await store.move(key, "moved")
        assert await store.put_file("stream", blocks()) == "stream"
        async with await store.open_write("written") as writer:
            await writer.write(NEW + OLD)
        async with await store.open("stream") as reader:
            assert b"".join([block async for block in reader.blocks()]) == NEW + OLD
        assert sorted([key async for key in store]) == ["moved", "stream", "written"]
        assert await store.get_many(["moved", "missing"]) == {"moved": b"value"}
        await store.put_many({"x": b"1", "y": b"2"})
        await store.delete_many(await store.keys())
        assert await store.keys() == []
        await store.aclose()

    asyncio.run(main())
    assert len(inner.awaited) >= 100
    assert inner.blocking == inner.elsewhere == []


@pytest.mark.usefixtures("no_threads")
def test_fifty_calls_wait_for_one_slow_server_at_once() -> None:
    """None has its answer before all fifty have asked, whatever stands around the store."""

    async def main() -> None:
        server = Server()
        inner = RemoteStore(answer=server)
        stack = PrefixDecorator("a-", HMACDecorator(SECRET, inner))
        for number in range(50):
            stack.put(f"key{number}", b"%d" % number)
        store = async_store(stack)
        getting = [asyncio.create_task(store.get(f"key{number}")) for number in range(50)]
        await server.has(50)
        assert not any(task.done() for task in getting)
        server.answers.set()
        assert await asyncio.gather(*getting) == [b"%d" % number for number in range(50)]

    asyncio.run(main())


def test_a_store_serves_several_event_loops() -> None:
    """One after another, as `async_to_sync` makes them, and two at once."""
    store = async_store(PrefixDecorator("a-", RemoteStore()))
    async_to_sync(store.put)("key", b"value")
    assert async_to_sync(store.get)("key") == b"value"
    both = threading.Barrier(2, timeout=60)
    found: list[bytes] = []

    async def meet() -> None:
        for _ in range(100):
            value = await store.get("key")
        await asyncio.to_thread(both.wait)
        found.append(value)

    threads = [threading.Thread(target=asyncio.run, args=[meet()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [b"value", b"value"]


def test_files_of_the_caller_are_left_to_threads(tmp_path: Path) -> None:
    """A path, a file or an iterable that is not awaited would block the loop."""
    inner = RemoteStore()
    path = tmp_path / "file"
    path.write_bytes(OLD)

    async def main() -> None:
        async with async_store(PrefixDecorator("a-", inner)) as store:
            assert await store.put_file("path", path) == "path"
            await store.put_file("file", io.BytesIO(OLD))
            await store.put_file("moved", path, move=True)
            assert not path.exists()
            await store.get_file("path", path)
            with pytest.raises(KeyNotFound):
                await store.get_file("missing", path)

    asyncio.run(main())
    assert path.read_bytes() == OLD
    assert inner.d == {"a-path": OLD, "a-file": OLD, "a-moved": OLD}
    assert set(inner.awaited) == {"_close"}
    assert inner.elsewhere != []
    assert inner.blocking == []


def test_the_synchronous_store_stays_synchronous() -> None:
    """Called by itself, in an event loop or a thread, it waits for nothing."""
    inner = RemoteStore({"key": b"value"})
    native = async_store(inner)

    async def main() -> None:
        assert inner.get("key") == b"value"
        async with AsyncStore(inner) as in_threads:
            assert await in_threads.get("key") == b"value"
            await native.get("key")
            assert current_bridge() is None
            assert await in_threads.get("key") == b"value"

    asyncio.run(main())
    assert inner.awaited == ["_get"]
    assert inner.blocking == ["_get"]
    assert inner.elsewhere == ["_get", "_get", "_close"]


def test_a_call_sees_the_context_variables_of_its_caller() -> None:
    """Each task has its own, also after it has waited, and on a stack that another one used."""
    request: contextvars.ContextVar[int] = contextvars.ContextVar("request", default=0)
    seen: list[tuple[int, int]] = []

    class Observed(RemoteStore):
        def _get(self, key: str) -> bytes:
            before = request.get()
            data = super()._get(key)
            seen.append((before, request.get()))
            return data

    store = async_store(Observed({"key": b"value"}))

    async def one(number: int) -> None:
        request.set(number)
        await store.get("key")

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(1, 6)))
        await store.get("key")

    asyncio.run(main())
    assert seen == [*((number, number) for number in range(1, 6)), (0, 0)]


def test_nothing_stays_alive_behind_a_call() -> None:
    """Neither a value nor an error, nor what a context variable held."""

    class Held:
        pass

    held: contextvars.ContextVar[Held] = contextvars.ContextVar("held")
    inner = RemoteStore()
    store = async_store(inner)
    value = bytes(1000)
    references = sys.getrefcount(value)
    alive: list[weakref.ref[object]] = []

    async def main() -> None:
        thing = Held()
        alive.append(weakref.ref(thing))
        held.set(thing)
        await store.put("key", value)
        await store.get("key")
        await store.delete("key")
        with pytest.raises(KeyNotFound) as caught:
            await store.get("missing")
        alive.append(weakref.ref(caught.value))

    contextvars.copy_context().run(asyncio.run, main())
    gc.collect()
    assert [reference() for reference in alive] == [None, None]
    assert sys.getrefcount(value) == references


def test_one_call_after_another_uses_one_stack() -> None:
    """Also after an error: a new one takes memory from the system, longer than the call."""
    stacks: list[Bridge | None] = []

    class Noting(RemoteStore):
        def _get(self, key: str) -> bytes:
            stacks.append(current_bridge())
            return super()._get(key)

    store = async_store(Noting({"key": b"value"}))

    async def main() -> None:
        for _ in range(5):
            await store.get("key")
            with pytest.raises(KeyNotFound):
                await store.get("missing")

    asyncio.run(main())
    assert len(stacks) == 10
    assert len(set(map(id, stacks))) == 1


def test_a_thread_that_ends_takes_its_stacks_along() -> None:
    """Event loops in short-lived threads, as `async_to_sync` makes them, leave nothing behind."""
    store = async_store(RemoteStore({"key": b"value"}))

    async def several() -> None:
        await asyncio.gather(*(store.get("key") for _ in range(10)))

    def stacks() -> int:
        gc.collect()
        return sum(issubclass(type(thing), Bridge) for thing in gc.get_objects())

    before = stacks()
    for _ in range(5):
        thread = threading.Thread(target=lambda: asyncio.run(several()))
        thread.start()
        thread.join(60)
    assert stacks() == before


def test_a_store_pickles_and_shows_itself() -> None:
    """As the store inside does; views and defaults are those of the store inside, too."""
    inner = RemoteStore()
    store = async_store(PrefixDecorator("a-", inner))
    assert repr(store) == "<NativeStore on <PrefixDecorator 'a-' on <RemoteStore memory://>>>"
    inner.default_ttl_secs = 60
    assert store.default_ttl_secs == 60
    assert store.ttl_support
    view = store.with_keys("path")
    assert view.keyspace.name != store.keyspace.name or view.keyspace != store.keyspace

    async def main() -> None:
        await view.put("a/b", b"value")
        assert (await view.stat("a/b")).expires is not None
        assert await view.get("a/b") == b"value"

    asyncio.run(main())
    assert "a-a/b" in inner.d
    assert repr(pickle.loads(pickle.dumps(store._driver))) is not None


@pytest.mark.usefixtures("no_threads")
def test_ids_are_made_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A taken id is drawn again, and never overwritten."""
    ids = iter(["taken", "taken", "free", "last"])
    monkeypatch.setattr(RandomIdDecorator, "_new_id", lambda self=None: next(ids))
    inner = RemoteStore({"x": b""})
    store = async_store(RandomIdDecorator(inner))  # takes the first

    async def blocks() -> AsyncIterator[bytes]:
        yield b"stream"

    async def main() -> None:
        await store.put("taken", b"old")
        assert await store.put(None, b"new") == "free"
        assert await store.put_file(None, blocks()) == "last"

    asyncio.run(main())
    assert inner.d == {"x": b"", "taken": b"old", "free": b"new", "last": b"stream"}


def test_a_store_passed_as_awaited_is_returned() -> None:
    """And what is no store is refused."""
    store = async_store(RemoteStore())
    assert async_store(store) is store
    in_threads = AsyncStore(RemoteStore())
    assert async_store(in_threads) is in_threads
    with pytest.raises(TypeError, match="goes around a store, not str"):
        async_store("memory://")  # type: ignore[arg-type]
