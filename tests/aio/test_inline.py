"""`run_inline`: logic that is written once, run by synchronous callers."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from kvcore import (
    AsyncKeyValueStore,
    AsyncStore,
    DictStore,
    InlineStore,
    KeyNotFound,
    PreconditionFailed,
    StoreError,
    run_inline,
)


async def counted(store: AsyncKeyValueStore, key: str) -> int:
    """Logic of several operations, written once."""
    while True:
        try:
            data, stat = await store.fetch(key)
        except KeyNotFound:
            await store.put(key, b"1", if_absent=True)
            return 1
        try:
            await store.put(key, b"%d" % (int(data) + 1), if_match=stat.etag)
        except PreconditionFailed:
            continue
        return int(data) + 1


def test_one_logic_serves_both_worlds() -> None:
    """The same coroutine counts for a synchronous caller and in an event loop."""
    inner = DictStore()
    assert run_inline(counted(InlineStore(inner), "visits")) == 1
    assert asyncio.run(counted(AsyncStore(inner), "visits")) == 2
    assert run_inline(counted(InlineStore(inner), "visits")) == 3


def test_it_needs_neither_an_event_loop_nor_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens in the caller's thread, without a loop."""

    def refuse(*args: object) -> None:
        raise AssertionError("no loop, no thread")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    store = InlineStore(DictStore())

    async def work() -> list[str]:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        async with store, await store.open_write("key") as writer:
            await writer.write(b"value")
        async with await store.open("key") as reader:
            assert [block async for block in reader.blocks(2)] == [b"va", b"lu", b"e"]
        return [key async for key in store]

    assert run_inline(work()) == ["key"]


def test_it_works_inside_a_running_event_loop() -> None:
    """As when a synchronous helper is called from a coroutine; the loop is not disturbed."""
    inner = DictStore({"key": b"value"})

    async def main() -> None:
        hooks = sys.get_asyncgen_hooks()
        assert run_inline(InlineStore(inner).get("key")) == b"value"
        assert sys.get_asyncgen_hooks() == hooks
        assert await InlineStore(inner).get("key") == b"value"
        await asyncio.sleep(0)

    asyncio.run(main())


def test_it_can_be_nested() -> None:
    """Logic may call synchronous code that runs other logic."""
    store = InlineStore(DictStore({"key": b"value"}))

    async def outer() -> bytes:
        return run_inline(store.get("key"))

    assert run_inline(outer()) == b"value"


@pytest.mark.parametrize("error", [StoreError("broken"), KeyboardInterrupt(), ZeroDivisionError()])
def test_errors_pass_unchanged(error: BaseException) -> None:
    """The very object that the logic raised, after its clean-up."""
    log = []

    async def work() -> None:
        try:
            raise error
        finally:
            log.append(await InlineStore(DictStore({"key": b"cleaned"})).get("key"))

    with pytest.raises(type(error)) as caught:
        run_inline(work())
    assert caught.value is error
    assert log == [b"cleaned"]


def test_an_aborted_writer_leaves_nothing() -> None:
    """``async with`` aborts on an exception, as in an event loop."""
    store = InlineStore(DictStore())

    async def work() -> None:
        async with await store.open_write("key") as writer:
            await writer.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_inline(work())
    assert run_inline(store.keys()) == []


class Once:
    """Suspends, as what waits for an event loop does."""

    def __await__(self) -> Iterator[None]:
        yield


def test_a_coroutine_that_waits_is_refused_and_closed() -> None:
    """It can never go on here; its ``finally`` runs at once, inline."""
    log = []

    @asynccontextmanager
    async def resource() -> AsyncIterator[None]:
        try:
            yield
        finally:
            log.append("closed")

    async def waits() -> None:
        async with resource():
            await Once()
        log.append("never")

    with pytest.raises(RuntimeError, match=r"waits at .* waits for an event loop"):
        run_inline(waits())
    assert log == ["closed"]


def test_the_clean_up_of_a_refused_coroutine_is_not_silent() -> None:
    """What it raises, or that it waits as well, is the cause of the refusal."""

    async def fails() -> None:
        try:
            await Once()
        finally:
            raise StoreError("cannot clean up")

    with pytest.raises(RuntimeError, match="runs inline") as caught:
        run_inline(fails())
    assert isinstance(caught.value.__cause__, StoreError)

    async def waits_again() -> None:
        try:
            await Once()
        finally:
            await Once()

    coro = waits_again()
    with pytest.raises(RuntimeError, match="runs inline") as caught:
        run_inline(coro)
    assert "ignored GeneratorExit" in str(caught.value.__cause__)
    coro.close()


def test_an_async_store_does_not_run_inline() -> None:
    """With and without a loop around, the error says what to use; no thread is left behind."""
    store = AsyncStore(DictStore({"key": b"value"}))
    with pytest.raises(RuntimeError, match="use the store itself, or InlineStore"):
        run_inline(store.get("key"))

    async def main() -> None:
        with pytest.raises(RuntimeError, match="give it an InlineStore"):
            run_inline(store.get("key"))
        assert await store.get("key") == b"value"
        await store.aclose()

    asyncio.run(main())


def test_generators_left_early_are_closed_at_once() -> None:
    """Not by an event loop some time later: a synchronous caller may have none."""
    log = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            log.append(await InlineStore(DictStore({"key": b"closed"})).get("key"))

    async def first() -> int:
        async for number in numbers():
            return number
        raise AssertionError("there are numbers")

    async def main() -> None:
        assert run_inline(first()) == 1
        assert log == [b"closed"]

    asyncio.run(main())
