"""Redis: a Valkey server on this machine"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from benchmarks.clients import Client
from benchmarks.measure import OURS, RAW, Contest, timed
from benchmarks.places import ANY, Place
from benchmarks.redis_clients import (
    everyone,
    fill_server,
    kvcore,
    minimalkv,
    raw,
    raw_scan,
    server_of,
)
from benchmarks.row import Row
from kvcore import store_from_url

SMALL = 100
LARGE = 64 * 1024


# All clients have the values of the same keys, so each sample that needs them puts its own.


def put(place: Place, size: int) -> Contest:
    data = bytes(size)
    return {name: timed(_putting(one, data), one.names) for name, one in everyone(place).items()}


def get(place: Place, size: int) -> Contest:
    return {
        name: timed(one.get, one.names, before=partial(_fill, one, size))
        for name, one in everyone(place).items()
    }


def contains(place: Place) -> Contest:
    return {
        name: timed(one.has, one.names, before=partial(_fill, one, SMALL))
        for name, one in everyone(place).items()
    }


def delete(place: Place) -> Contest:
    return {
        name: timed(one.delete, one.names, before=partial(_fill, one, SMALL))
        for name, one in everyone(place).items()
    }


def keys(place: Place) -> Contest:
    """KEYS keeps the server from everything else meanwhile; we scan, as ``scan_iter`` does."""
    server, names = server_of(place), place.names()
    fill_server(server, names, SMALL)
    ways = {RAW: raw, OURS: kvcore, "scan_iter": raw_scan}
    if find_spec("minimalkv") is not None:
        ways["minimalkv"] = minimalkv
    clients = {name: way(place, server, names) for name, way in ways.items()}
    return {name: timed(lambda listed: listed(), [one.keys]) for name, one in clients.items()}


def get_many(place: Place) -> Contest:
    """A hundred in one call, against a hundred calls of redis-py."""
    server, names = server_of(place), place.names()
    fill_server(server, names, SMALL)
    get, store = raw(place, server, names).get, store_from_url(server.url())
    place.at_the_end(store.close)

    def one_by_one(block: list[str]) -> None:
        for name in block:
            get(name)

    hundreds = [names[start : start + 100] for start in range(0, len(names), 100)]
    return {RAW: timed(one_by_one, hundreds), OURS: timed(store.get_many, hundreds)}


def _putting(client: Client, data: bytes) -> Callable[[str], object]:
    put = client.put
    return lambda name: put(name, data)


def _fill(client: Client, size: int) -> None:
    for name in client.names:
        client.put(name, bytes(size))


small, large = partial(put, size=SMALL), partial(put, size=LARGE)
get_small, get_large = partial(get, size=SMALL), partial(get, size=LARGE)

ROWS = (
    Row("Redis: put 100 B", small, {ANY: 1.15}, "redis-py: set"),
    Row("Redis: put 64 KiB", large, {ANY: 1.15}, "redis-py: set", operations=200),
    Row("Redis: get 100 B", get_small, {ANY: 1.15}, "redis-py: get"),
    Row("Redis: get 64 KiB", get_large, {ANY: 1.15}, "redis-py: get", operations=200),
    Row("Redis: key in store", contains, {ANY: 1.15}, "redis-py: exists"),
    Row("Redis: delete", delete, {ANY: 1.15}, "redis-py: delete"),
    Row("Redis: get_many of 100", get_many, {ANY: 0.2}, "redis-py: 100 times get", 1000),
    Row("Redis: keys of 100,000", keys, {ANY: 1.5}, "redis-py: keys", 100_000, most_rounds=9),
)
