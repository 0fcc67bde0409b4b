"""`AsyncStore`: a get of 100 B"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec
from time import perf_counter

from benchmarks.measure import OURS, RAW, Contest, Sample, undisturbed
from benchmarks.places import ANY, TMPFS, Place
from benchmarks.row import Row
from kvcore import DictStore, FilesystemStore, KeyValueStore
from kvcore.aio import AsyncStore


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


def _rows(tasks: int, name: str) -> tuple[Row, Row]:
    files, memory = partial(get_from_files, tasks=tasks), partial(get_from_memory, tasks=tasks)
    return (
        Row(f"{name}, memory", memory, {ANY: None}, "asyncio.to_thread"),
        Row(f"{name}, files", files, {TMPFS: None}, "asyncio.to_thread"),
    )


ROWS = (*_rows(1, "get, one task"), *_rows(16, "get, 16 tasks"))
