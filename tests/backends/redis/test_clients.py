"""Clients that are passed in: which are taken, and what becomes of them."""

import pickle
from importlib import import_module
from typing import Any

import pytest
import redis

from kvcore import KeyNotFound, RedisStore, StoreTimeout, store_from_url
from tests.redis_servers import RedisServer


def test_a_client_that_decodes_is_refused(empty_valkey: RedisServer) -> None:
    """It would give text for bytes, and fail on what is no text."""
    with empty_valkey.client(decode_responses=True) as client:
        with pytest.raises(ValueError, match="decode_responses=False"):
            RedisStore(client)


def test_what_is_no_client_is_refused() -> None:
    """At once, not with the first call."""
    wrong: list[Any] = [None, "redis://127.0.0.1", {}, object()]
    for thing in wrong:
        with pytest.raises(TypeError, match="client of redis-py"):
            RedisStore(thing)


async def _refused_async_client() -> None:
    import redis.asyncio

    client: Any = redis.asyncio.Redis()
    with pytest.raises(TypeError, match="async_store"):
        RedisStore(client)
    await client.aclose()


def test_an_async_client_is_refused() -> None:
    """The store makes its own, one for each event loop."""
    import asyncio

    asyncio.run(_refused_async_client())


def test_a_client_without_a_time_out_is_told_of() -> None:
    """Its calls may never end, and nothing can be done about it here."""
    with redis.Redis(socket_timeout=None) as client:
        with pytest.warns(RuntimeWarning, match="socket_timeout") as told:
            RedisStore(client)
    assert told[0].filename == __file__


def test_a_client_is_left_open(empty_valkey: RedisServer) -> None:
    """Closing the store is not closing what was passed in."""
    with empty_valkey.client() as client:
        with RedisStore(client) as store:
            store.put("key", b"value")
        before = client.client_id()
        store.close()
        assert client.client_id() == before
        assert client.get("key") == b"value"


def test_connections_of_our_own_are_closed(empty_valkey: RedisServer) -> None:
    """Nothing is left at the server."""
    clients = empty_valkey.direct.client_list
    before = len(clients())
    with store_from_url(empty_valkey.url()) as store:
        store.put("key", b"value")
        assert len(clients()) == before + 1
    while len(clients()) > before:
        pass  # the server has to notice


def test_connections_are_bounded(empty_valkey: RedisServer) -> None:
    """With ``max_connections`` who needs another one waits, and is told if none comes free."""
    with store_from_url(empty_valkey.url(max_connections=1, deadline=0.2)) as store:
        store.put("key", b"value")
        pool, get_connection = store._server._link._pool
        listing = get_connection()
        with pytest.raises(StoreTimeout, match="max_connections"):
            store.get("key")
        pool.release(listing)
        assert store.get("key") == b"value"


def test_a_store_around_a_client_does_not_travel(empty_valkey: RedisServer) -> None:
    """And says which one does."""
    with empty_valkey.client() as client:
        with pytest.raises(TypeError, match="one from a URL does"):
            pickle.dumps(RedisStore(client))


def test_it_shows_the_place_of_a_client() -> None:
    """Without user and password."""
    made = {
        "redis://cache.example:7000/2": redis.Redis(
            host="cache.example", port=7000, db=2, username="me", password="secret"
        ),
        "rediss://cache.example:6379/0": redis.Redis(host="cache.example", ssl=True),
        "redis+socket:///run/r.sock": redis.Redis(unix_socket_path="/run/r.sock"),
    }
    for url, client in made.items():
        client.connection_pool.connection_kwargs["socket_timeout"] = 1
        assert repr(RedisStore(client)) == f"<RedisStore {url}>"


def test_pools_of_all_kinds(empty_valkey: RedisServer) -> None:
    """A pool that blocks, a single connection, a client from a URL."""
    url = empty_valkey.url()
    clients = [
        redis.Redis(connection_pool=redis.BlockingConnectionPool.from_url(url, socket_timeout=5)),
        redis.Redis(port=empty_valkey.port, single_connection_client=True, socket_timeout=5),
        redis.from_url(url, socket_timeout=5),
    ]
    for number, client in enumerate(clients):
        store = RedisStore(client)
        store.put("key", b"%d" % number)
        assert store.get_many(["key", "other"]) == {"key": b"%d" % number}
        assert store.keys() == ["key"]
        client.close()
        client.connection_pool.disconnect()


def test_the_client_of_valkey(empty_valkey: RedisServer) -> None:
    """valkey-py is made from redis-py, and works as it does."""
    valkey: Any = import_module("valkey")
    with valkey.Valkey(port=empty_valkey.port, socket_timeout=5) as client:
        store = RedisStore(client)
        store.put("key", b"1", if_absent=True)
        assert store.increment("key") == 2
        with pytest.raises(KeyNotFound):
            store.get("other")
        with pytest.raises(OSError, match="list, hash, set"):
            empty_valkey.direct.rpush("list", b"1")
            store.get("list")


def test_the_encoding_of_a_client_does_not_matter(empty_valkey: RedisServer) -> None:
    """Keys are UTF-8 at the server, as other programs expect."""
    with empty_valkey.client(encoding="latin-1") as client:
        RedisStore(client, keys="path").put("é", b"value")
    assert empty_valkey.direct.keys() == ["é".encode()]


def test_one_server_is_one_place(empty_valkey: RedisServer) -> None:
    """By whatever address, user or client it is reached; another database is another place."""
    server = empty_valkey
    server.direct.acl_setuser("other", enabled=True, nopass=True, keys=["*"], commands=["+@all"])
    with server.client() as client:
        same: list[Any] = [
            store_from_url(server.url()),
            store_from_url(server.url(deadline=9)),
            store_from_url(server.url().replace("127.0.0.1", "localhost")),
            store_from_url(server.url().replace("//", "//other:any@")),
            store_from_url(f"redis+socket://{server.socket}"),
            RedisStore(client),
        ]
        others: list[Any] = [
            store_from_url(server.url(db=1)),
            store_from_url(f"redis+socket://{server.socket}?db=2"),
        ]
        assert len({store._place() for store in same}) == 1
        assert len({store._place() for store in [same[0], *others]}) == 3
        for store in [*same, *others]:
            store.close()


def test_a_server_that_does_not_say_who_it_is(empty_valkey: RedisServer) -> None:
    """Then the address tells it from others, and its databases from one another."""
    empty_valkey.direct.acl_setuser(
        "quiet", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-info"]
    )
    urls = [
        empty_valkey.url(db=db).replace("//", "//quiet:any@") + query
        for db, query in ((0, ""), (0, "?deadline=9"), (1, ""))
    ]
    stores: list[Any] = [store_from_url(url) for url in urls]
    places = [store._place() for store in stores]
    assert places[0] == places[1] != places[2]
    for store in stores:
        store.close()
