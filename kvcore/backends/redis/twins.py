"""The async twin of a synchronous client: the same server and settings, for event loops."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kvcore.aio.native.bridge import can_wait as can_wait
from kvcore.backends.redis.links import Errors, Link
from kvcore.backends.redis.objects import AnyClient, Library, Pool
from kvcore.backends.redis.timing import Moving, mixed

if TYPE_CHECKING:
    from kvcore.backends.redis.awaited import AwaitedLink

MOST_CONNECTIONS = 100
"""In an event loop, where any number of tasks may ask at once, unless something else is said."""

# What says where the server is and who we are.
_CARRIED = {
    *("host", "port", "path", "db", "username", "password", "credential_provider"),
    *("socket_connect_timeout", "socket_keepalive", "socket_keepalive_options"),
    *("client_name", "health_check_interval"),
}
# What was written for a synchronous client.
_BOUND = ("redis_connect_func", "parser_class", "command_packer")


def is_async(client: object) -> bool:
    """Whether the client is one of ``redis.asyncio``."""
    return inspect.iscoroutinefunction(getattr(client, "execute_command", None))


def options_of(client: AnyClient) -> Mapping[str, Any]:
    """What the client makes its connections of."""
    if hasattr(client, "keyslot"):
        first = next(iter(client.nodes_manager.startup_nodes.values()), None)
        place = {} if first is None else {"host": first.host, "port": first.port}
        return {**client.nodes_manager.connection_kwargs, **place}
    options: Mapping[str, Any] = client.connection_pool.connection_kwargs
    return options


def time_out_of(client: AnyClient, library: Library) -> float | None:
    """How long the client waits for an answer; ``None``: for ever."""
    options = options_of(client)
    if "socket_timeout" not in options:
        base = library.connection.AbstractConnection
        options = {"socket_timeout": inspect.signature(base).parameters["socket_timeout"].default}
    secs: float | None = options["socket_timeout"]
    return secs


def awaited_link(
    client: AnyClient, library: Library, errors: Errors, link: Link
) -> AwaitedLink | None:
    """A link by the twin of the client; ``None`` if there is none.

    There is none for a cluster: the async client closes connections that other tasks use.
    """
    if not (link.is_direct and can_wait()):
        return None
    from kvcore.backends.redis.awaited import AwaitedLink

    awaited = import_module(f"{library.__name__}.asyncio")
    pool = client.connection_pool
    is_watched = hasattr(pool, "sentinel_manager")
    make = _sentinel_pool_of(pool, awaited) if is_watched else _pool_of(pool, library, awaited)
    if make is None:
        return None
    return AwaitedLink(
        errors,
        make,
        deadline_secs=time_out_of(client, library),
        max_connections=min(pool.max_connections, MOST_CONNECTIONS),
        close_pool=_close_sentinel_pool if is_watched else close_pool,
    )


def _carried(options: Mapping[str, Any], awaited: Library) -> dict[str, Any] | None:
    """The options for an async connection; ``None`` if something goes with a synchronous one."""
    if any(options.get(name) is not None for name in _BOUND):
        return None
    carried = {
        name: value
        for name, value in options.items()
        if value is not None and (name in _CARRIED or name.startswith("ssl_"))
    }
    never = import_module(f"{awaited.__name__.partition('.')[0]}.backoff").NoBackoff()
    no_retry = awaited.retry.Retry(never, 0)
    # The deadline is that of the link.
    return {**carried, "socket_timeout": None, "protocol": 2, "retry": no_retry}


def _pool_of(pool: Pool, library: Library, awaited: Library) -> Callable[[], Pool] | None:
    options = _carried(pool.connection_kwargs, awaited)
    for name in ("Connection", "SSLConnection", "UnixDomainSocketConnection"):
        if options is not None and pool.connection_class is getattr(library, name):
            return partial(
                awaited.ConnectionPool,
                connection_class=mixed(Moving, getattr(awaited, name)),
                **options,
            )
    return None


def _sentinel_pool_of(pool: Pool, awaited: Library) -> Callable[[], Pool] | None:
    manager = pool.sentinel_manager
    options = _carried(pool.connection_kwargs, awaited)
    asking = [_carried(one.connection_pool.connection_kwargs, awaited) for one in manager.sentinels]
    if options is None or None in asking:
        return None

    def make() -> Pool:
        twin = awaited.sentinel.Sentinel([], manager.min_other_sentinels)
        twin.sentinels = [awaited.Redis(**one) for one in asking if one is not None]
        return awaited.sentinel.SentinelConnectionPool(
            pool.service_name,
            twin,
            is_master=pool.is_master,
            check_connection=pool.check_connection,
            **options,
        )

    return make


async def close_pool(pool: Pool) -> None:
    """Close the connections of an async pool."""
    await pool.disconnect()


async def _close_sentinel_pool(pool: Pool) -> None:
    await pool.disconnect()
    for sentinel in pool.sentinel_manager.sentinels:
        await sentinel.aclose()
