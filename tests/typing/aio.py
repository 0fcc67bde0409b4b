"""Typed usage of the awaited contract, for type checkers: checked by pyright, never run."""

from collections.abc import AsyncGenerator, AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import assert_type

from kvcore import (
    FOREVER,
    AsyncKeyValueStore,
    AsyncReader,
    AsyncStore,
    AsyncWriter,
    Capabilities,
    DictStore,
    Fetched,
    InlineStore,
    Stat,
    async_store,
    run_inline,
)


class Upload:
    async def read(self, size: int = -1) -> bytes:
        return b"" * size


class Download:
    async def write(self, data: bytes) -> int:
        return len(data)


async def blocks() -> AsyncIterator[bytes]:
    yield b""


async def reading(store: AsyncKeyValueStore) -> None:
    assert_type(await store.get("key"), bytes)
    assert_type(await store.fetch("key"), Fetched)
    assert_type(await store.get_range("key", 0, length=10), bytes)
    assert_type(await store.get_file("key", Path("file")), str)
    assert_type(await store.get_file("key", BytesIO()), str)
    assert_type(await store.get_file("key", Download()), str)
    assert_type(await store.contains("key"), bool)
    assert_type(await store.stat("key"), Stat)
    async with await store.open("key") as reader:
        assert_type(reader, AsyncReader)
        assert_type(reader.stat, Stat)
        assert_type(await reader.read(10), bytes)
        async for block in reader.blocks():
            assert_type(block, bytes)


async def writing(store: AsyncKeyValueStore) -> None:
    assert_type(await store.put("key", b"value", 60, if_absent=True), str)
    await store.put(None, memoryview(b"value"), ttl_secs=FOREVER)
    await store.put("key", "text")  # pyright: ignore[reportArgumentType] # values are bytes-like
    await store.put_file("key", "path", move=True)
    await store.put_file("key", BytesIO())
    await store.put_file("key", iter([b"block"]))
    await store.put_file("key", blocks())
    await store.put_file("key", Upload(), content_type="image/png")
    async with await store.open_write("key") as writer:
        assert_type(writer, AsyncWriter)
        assert_type(await writer.write(b"value"), int)
    assert_type(await writer.commit(), str)
    await store.put_many({"key": b"value"})
    assert_type(await store.increment("key"), int)


async def listing(store: AsyncKeyValueStore) -> None:
    assert_type(await store.keys(), list[str])
    assert_type(store.iter_keys("prefix"), AsyncGenerator[str, None])
    async for key in store:
        assert_type(key, str)
    async for key, stat in store.iter_stats():
        assert_type((key, stat), tuple[str, Stat])
    assert_type(await store.get_many(["key"]), dict[str, bytes])


async def logic(store: AsyncKeyValueStore) -> int:
    return len(await store.get("key"))


async def both_worlds() -> None:
    assert_type(await logic(AsyncStore(DictStore(), threads=4)), int)
    assert_type(run_inline(logic(InlineStore(DictStore()))), int)
    assert_type(async_store(DictStore(), threads=4), AsyncKeyValueStore)
    assert_type(async_store(async_store(DictStore())), AsyncKeyValueStore)
    assert_type(DictStore().capabilities.native_async, bool)
    async_store("memory://")  # pyright: ignore[reportArgumentType] # a store, not its URL
    async with AsyncStore(DictStore()) as store:
        assert_type(store, AsyncStore)
        assert_type(store.with_keys("path"), AsyncStore)
        assert_type(store.capabilities, Capabilities)
