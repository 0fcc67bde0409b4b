"""Cancellation: let out when the running call has ended, with nothing left open behind it."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from kvcore import AsyncStore, DictStore, FilesystemStore, KeyValueStore, StoreError
from tests.aio.cancelling import WAYS, Way, a_moment
from tests.aio.gated import Gate, GatedStore, IdleLoop

OLD, NEW = b"old", b"new" * 200_000  # more than a block, so that write() does not only collect


async def reading(store: AsyncStore) -> None:
    async with await store.open("key") as reader:
        await reader.read()


async def writing(store: AsyncStore) -> None:
    async with await store.open_write("key") as writer:
        await writer.write(NEW)


async def putting_a_file(store: AsyncStore) -> None:
    await store.put_file("key", io.BytesIO(NEW))


async def putting_what_comes(store: AsyncStore) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for start in range(0, len(NEW), 1000):
            yield NEW[start : start + 1000]

    await store.put_file("key", blocks())


async def putting(store: AsyncStore) -> None:
    await store.put("key", NEW)


async def listing(store: AsyncStore) -> None:
    async for _ in store.iter_keys():
        pass


Work = Callable[[AsyncStore], Coroutine[Any, Any, None]]
# What is going on, where it is when it is cancelled, and what the key may hold afterwards.
CASES: dict[str, tuple[Work, str, bytes]] = {
    "open": (reading, "open", OLD),
    "open_write": (writing, "open_write", OLD),
    "write": (writing, "write", OLD),
    "commit": (writing, "commit", NEW),
    "put_file": (putting_a_file, "put_file", NEW),
    "put_file awaited": (putting_what_comes, "write", OLD),
    "put_file awaited, at its end": (putting_what_comes, "commit", NEW),
    "put": (putting, "put", NEW),
    "iter_keys": (listing, "key", OLD),
}


@pytest.fixture(params=["memory", "files"])
def inner(request: pytest.FixtureRequest, tmp_path: Path) -> KeyValueStore:
    """A store with one old value."""
    store: KeyValueStore = DictStore()
    if request.param == "files":
        store = FilesystemStore(tmp_path, durability="atomic")
    store.put("key", OLD)
    return store


def descriptors() -> set[str]:
    """What this process has open."""
    return set(os.listdir("/dev/fd"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_a_cancelled_caller_is_let_go_when_its_call_has_ended(
    inner: KeyValueStore, case: str, way: Way, tmp_path: Path
) -> None:
    """Then nothing is open, the value is the old or the new one, whole, and the store works."""
    work, stops_at, left = CASES[case]
    gate = Gate(stops_at)
    gated = GatedStore(inner, gate)
    loop = IdleLoop(gate)
    store = AsyncStore(gated)

    async def observed() -> None:
        try:
            await work(store)
        finally:
            gate.log.append("released")

    async def in_the_call() -> None:
        await gate.awaited()
        loop.open_gate_when_idle()

    async def main() -> None:
        await asyncio.to_thread(len, "")  # the pool of asyncio, and what it opens
        before = descriptors()
        await way(observed(), in_the_call)
        assert gate.log.index(stops_at) < gate.log.index("released")
        assert gate.log[-1] == "released"
        assert all(opened.closed for opened in gated.opened)
        assert descriptors() == before
        assert await store.get("key") == left
        assert await store.keys() == ["key"]
        await store.put("key", b"after")
        assert await store.get("key") == b"after"
        await store.aclose()

    loop.run(main)
    assert [path.name for path in tmp_path.iterdir()] in ([], ["key"])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", WAYS)
def test_a_call_that_was_cancelled_before_it_began_is_never_made(
    inner: KeyValueStore, case: str, way: Way
) -> None:
    """The only thread is busy: what waits for it and is cancelled leaves the line at once."""
    work, _, _ = CASES[case]
    gate = Gate("get")
    gated = GatedStore(inner, gate)
    store = AsyncStore(gated, threads=1)

    async def main() -> None:
        busy = asyncio.create_task(store.get("key"))
        await gate.awaited()

        await way(work(store), a_moment)
        assert not gate.opened.is_set()
        gate.opened.set()
        assert await busy == OLD
        assert await store.get("key") == OLD
        assert gate.log == ["get", "get"]
        assert gated.opened == []
        await store.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("way", WAYS)
def test_cleaning_up_is_done_even_if_cancelled_before_it_began(
    inner: KeyValueStore, way: Way
) -> None:
    """A writer whose block fails is aborted, although its caller is cancelled in the queue."""
    gate = Gate("get")
    gated = GatedStore(inner, gate)
    loop = IdleLoop(gate)
    store = AsyncStore(gated, threads=1)

    async def main() -> None:
        writer = await store.open_write("key")
        await writer.write(NEW)
        busy = asyncio.create_task(store.get("key"))
        await gate.awaited()
        failing = asyncio.Event()

        async def work() -> None:
            async with writer:
                failing.set()
                raise StoreError("the block fails")

        async def in_the_queue() -> None:
            await failing.wait()
            loop.open_gate_when_idle()

        await way(work(), in_the_queue)
        assert gated.opened[0].closed
        assert "abort" in gate.log
        assert await busy == OLD
        await store.aclose()

    loop.run(main)


def test_the_cancellation_tells_what_failed_meanwhile() -> None:
    """An error of the call that nobody can receive any more is the context of the cancellation."""
    gate = Gate("get")
    store = AsyncStore(GatedStore(DictStore(), gate))

    async def main() -> None:
        task = asyncio.create_task(store.get("missing"))
        await gate.awaited()
        task.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert isinstance(caught.value.__context__, KeyError)
        await store.aclose()

    asyncio.run(main())


def test_the_message_of_the_cancellation_is_kept() -> None:
    """What was given to ``task.cancel`` arrives."""
    gate = Gate("get")
    store = AsyncStore(GatedStore(DictStore({"key": b""}), gate))

    async def main() -> None:
        task = asyncio.create_task(store.get("key"))
        await gate.awaited()
        task.cancel("the client went away")
        await asyncio.sleep(0)
        gate.opened.set()
        with pytest.raises(asyncio.CancelledError, match="the client went away"):
            await task
        await store.aclose()

    asyncio.run(main())


def test_an_abort_that_fails_does_not_stop_the_cancellation() -> None:
    """The cancellation goes out, from the error of the abort."""
    gate = Gate("write")
    gated = GatedStore(DictStore(), gate)
    store = AsyncStore(gated)

    async def main() -> None:
        async def work() -> None:
            async with await store.open_write("key") as writer:
                await writer.write(NEW)

        task = asyncio.create_task(work())
        await gate.awaited()
        problem = StoreError("the temporary file cannot be removed")
        inner_abort = gated.opened[0]._inner.abort

        def failing() -> None:
            inner_abort()
            raise problem

        gated.opened[0]._inner.abort = failing
        task.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.__cause__ is problem
        await store.aclose()

    asyncio.run(main())


def test_a_source_that_is_awaited_can_be_cancelled_while_nothing_comes(
    inner: KeyValueStore,
) -> None:
    """No thread waits for a slow client; what it sent so far is forgotten."""
    gated = GatedStore(inner, Gate("nowhere"))
    store = AsyncStore(gated)

    async def main() -> None:
        waiting = asyncio.Event()

        async def stalled() -> AsyncIterator[bytes]:
            yield NEW
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(store.put_file("key", stalled()))
        await waiting.wait()
        assert await store.get("key") == OLD
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert all(writer.closed for writer in gated.opened)
        assert await store.get("key") == OLD
        await store.aclose()

    asyncio.run(main())


def test_after_a_cancelled_write_the_value_is_forgotten(inner: KeyValueStore) -> None:
    """Nobody knows whether the block was taken, so nothing more can be added or published."""
    gate = Gate("write")
    gated = GatedStore(inner, gate)

    async def main() -> None:
        async with AsyncStore(gated) as store:
            writer = await store.open_write("key")
            task = asyncio.create_task(writer.write(NEW))
            await gate.awaited()
            task.cancel()
            await asyncio.sleep(0)
            gate.opened.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert gated.opened[0].closed
            with pytest.raises(ValueError, match="committed or aborted"):
                await writer.write(b"more")
            with pytest.raises(ValueError, match="committed or aborted"):
                await writer.commit()
            assert await store.get("key") == OLD

    asyncio.run(main())
