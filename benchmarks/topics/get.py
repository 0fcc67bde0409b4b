"""Get small values"""

from functools import partial

from benchmarks.clients import Client, everyone
from benchmarks.measure import Contest, Sample, timed
from benchmarks.places import DISK, TMPFS, Place
from benchmarks.row import Row


def get(place: Place, size: int = 100, levels: int = 0) -> Contest:
    value = bytes(size)

    def getting(client: Client) -> Sample:
        for name in client.names:
            client.put(name, value)
        return timed(client.get, client.names)

    return {name: getting(client) for name, client in everyone(place, levels).items()}


def _row(name: str, reach: float, size: int = 100, levels: int = 0) -> Row:
    getting = partial(get, size=size, levels=levels)
    return Row(name, getting, {TMPFS: reach, DISK: reach}, "open().read()")


ROWS = (
    _row("get 100 B", 0.8),
    _row("get 64 KiB", 0.9, size=64 * 1024),
    _row("get 100 B, in a directory", 1.1, levels=1),
    _row("get 100 B, 2 directories deep", 1.3, levels=2),
    _row("get 100 B, 3 directories deep", 1.5, levels=3),
)
