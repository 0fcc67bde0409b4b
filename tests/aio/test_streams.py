"""Awaited readers and writers: large blocks, one call at a time, closed by whoever opened."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kvcore import (
    AsyncKeyValueStore,
    AsyncReader,
    AsyncStore,
    AsyncWriter,
    DictStore,
    InlineStore,
    InvalidValue,
    KeyExists,
    KeyValueStore,
    StoreError,
)
from kvcore.contract.streams import BLOCK_BYTES
from tests.aio.gated import Gate, GatedStore

LARGE = bytes(range(256)) * 4096 + b"end"  # 4 blocks and a bit


class Calls(GatedStore):
    """Counts the calls that reach a reader or writer."""

    def __init__(self, store: KeyValueStore) -> None:
        super().__init__(store, Gate("nowhere"))

    def __getitem__(self, name: str) -> int:
        return self.gate.log.count(name)


Test = Callable[[AsyncKeyValueStore, Calls], Awaitable[None]]


def in_both(test: Test) -> Callable[[str], None]:
    """Run a test over threads and inline: one behaviour."""

    @pytest.mark.parametrize("form", ["threads", "inline"])
    def run(form: str) -> None:
        inner = Calls(DictStore())

        async def main() -> None:
            store = AsyncStore(inner) if form == "threads" else InlineStore(inner)
            async with store:
                await test(store, inner)

        asyncio.run(main())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@in_both
async def test_a_reader_is_a_file(store: AsyncKeyValueStore, inner: Calls) -> None:
    """It reads, seeks, tells, and knows what it reads."""
    inner.put("key", LARGE)
    async with await store.open("key") as reader:
        assert isinstance(reader, AsyncReader)
        assert reader.stat == inner.stat("key")
        assert await reader.read(4) == bytes(range(4))
        assert await reader.tell() == 4
        assert await reader.seek(-3, io.SEEK_END) == len(LARGE) - 3
        assert await reader.read() == b"end"
        assert await reader.read(1) == b""
        assert await reader.seek(1) == 1
        assert await reader.read(1) == b"\1"
        assert not reader.closed
    assert reader.closed
    await reader.close()
    with pytest.raises(ValueError, match="closed"):
        await reader.read(1)


@in_both
async def test_blocks_are_full_and_all_there(store: AsyncKeyValueStore, inner: Calls) -> None:
    """From where the reader stands, in blocks of 256 KiB; an empty value has none."""
    inner.put("key", LARGE)
    inner.put("empty", b"")
    async with await store.open("key") as reader:
        await reader.seek(1)
        blocks = [block async for block in reader.blocks()]
        assert [len(block) for block in blocks] == [BLOCK_BYTES] * 4 + [2]
        assert b"".join(blocks) == LARGE[1:]
        assert [block async for block in reader.blocks()] == []
        await reader.seek(0)
        assert sum([len(block) async for block in reader.blocks(1000)]) == len(LARGE)
        with pytest.raises(ValueError, match="at least 1 byte"):
            await anext(reader.blocks(0))
    async with await store.open("empty") as reader:
        assert [block async for block in reader.blocks()] == []


def test_a_whole_value_costs_few_calls() -> None:
    """Four blocks and their end are as many calls in a thread: the end needs none of its own."""

    class Counting(InlineStore):
        calls = 0

    store = Counting(DictStore({"key": LARGE, "small": b"small"}))
    run = store._driver.run

    async def counting(*args: Any) -> object:
        store.calls += 1
        return await run(*args)

    store._driver.run = counting  # type: ignore[method-assign]  # to count

    async def main() -> None:
        async with await store.open("key") as reader:
            assert len([block async for block in reader.blocks()]) == 5
        assert store.calls == 5
        async with await store.open("small") as reader:
            assert [block async for block in reader.blocks()] == [b"small"]
        assert store.calls == 6

    asyncio.run(main())


@in_both
async def test_a_writer_publishes_on_a_clean_exit(store: AsyncKeyValueStore, inner: Calls) -> None:
    """And not before; it says how much it took."""
    async with await store.open_write("key", content_type="text/plain") as writer:
        assert isinstance(writer, AsyncWriter)
        assert writer.key == "key"
        assert await writer.write(b"hello ") == 6
        assert await writer.write(bytearray(b"world")) == 5
        assert await writer.write(b"") == 0
        assert not await store.contains("key")
        assert not writer.closed
    assert writer.closed
    assert inner.get("key") == b"hello world"
    assert inner.stat("key").content_type == "text/plain"
    await writer.abort()
    assert inner.get("key") == b"hello world"
    for call in (writer.commit(), writer.write(b"more"), writer.__aenter__()):
        with pytest.raises(ValueError, match="committed or aborted"):
            await call


@in_both
async def test_small_pieces_are_collected(store: AsyncKeyValueStore, inner: Calls) -> None:
    """A parser that pushes crumbs costs a call in a thread per 256 KiB, not one per crumb."""
    async with await store.open_write("key") as writer:
        for start in range(0, len(LARGE), 1000):
            await writer.write(LARGE[start : start + 1000])
        assert 3 <= inner["write"] <= 4
    assert inner["write"] <= 5
    assert inner.get("key") == LARGE


@in_both
async def test_an_exception_aborts(store: AsyncKeyValueStore, inner: Calls) -> None:
    """What was there stays; the caller's exception passes."""
    inner.put("key", b"old")
    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as caught:
        async with await store.open_write("key") as writer:
            await writer.write(LARGE)
            raise error
    assert caught.value is error
    assert writer.closed
    assert inner["abort"] == 1
    assert inner.get("key") == b"old"


@in_both
async def test_a_bad_piece_ends_the_value(store: AsyncKeyValueStore, inner: Calls) -> None:
    """What is not bytes is InvalidValue, and the writer is aborted, as without ``await``."""
    writer = await store.open_write("key")
    with pytest.raises(InvalidValue, match="not str"):
        await writer.write("text")  # type: ignore[arg-type]  # that is the test
    assert writer.closed
    assert inner["abort"] == 1


@in_both
async def test_a_refused_commit_publishes_nothing(store: AsyncKeyValueStore, inner: Calls) -> None:
    """Its error comes through ``async with``; the writer is closed."""
    inner.put("key", b"old")
    with pytest.raises(KeyExists):
        async with await store.open_write("key", if_absent=True) as writer:
            await writer.write(b"new")
    assert writer.closed
    assert inner.get("key") == b"old"


@in_both
async def test_a_failed_write_ends_the_value(store: AsyncKeyValueStore, inner: Calls) -> None:
    """The disk is full: the error comes through, the writer is aborted once."""
    writer = await store.open_write("key")

    def full(block: bytes) -> None:
        raise StoreError("the disk is full")

    inner.opened[0]._write = full  # type: ignore[union-attr,method-assign]  # that is the fault
    with pytest.raises(StoreError, match="full"):
        async with writer:
            await writer.write(LARGE)
    assert writer.closed
    assert inner["abort"] == 1


@in_both
async def test_pieces_keep_their_order(store: AsyncKeyValueStore, inner: Calls) -> None:
    """Even if tasks write at the same time: first called, first written."""
    pieces = [bytes([number]) * (BLOCK_BYTES // 2 + number) for number in range(40)]
    async with await store.open_write("key") as writer:
        await asyncio.gather(*(writer.write(piece) for piece in pieces))
    assert inner.get("key") == b"".join(pieces)


def test_an_abort_waits_for_the_call_that_runs() -> None:
    """Another task that aborts while a block is written never does so in the midst of it."""
    gate = Gate("write")
    gated = GatedStore(DictStore(), gate)

    async def main() -> None:
        async with AsyncStore(gated) as store:
            writer = await store.open_write("key")
            writing = asyncio.create_task(writer.write(LARGE))
            await gate.awaited()
            aborting = asyncio.create_task(writer.abort())
            for _ in range(20):  # an abort that does not wait would be done by then
                await store.contains("other")
            assert not aborting.done()
            gate.opened.set()
            await asyncio.gather(writing, aborting)
            assert gate.log == ["open_write", "write", "abort"]

    asyncio.run(main())
