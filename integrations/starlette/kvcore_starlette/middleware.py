"""`StoreMiddleware`: the named stores of an application as ``request.state.stores``. Pure ASGI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kvcore import AnyConfig, AsyncKeyValueStore, AsyncStores, KeyValueStore

_MOUNTED = "kvcore_starlette.mounted"


class StoreMiddleware:
    """Gives each request ``request.state.stores``, and closes the stores at shutdown.

    ``stores`` has the shape of ``KVCORE_STORES``, or is an `AsyncStores` that is used elsewhere,
    too; without it, the environment variable of that name is read as JSON. Raises
    `kvcore.ConfigError` when the application starts, for an entry that is wrong; then all are
    built, in a thread, or before the first request where a server runs no lifespan. If one cannot
    be built the application does not start, and the server is told which and why.

    An application that is mounted below may have stores of its own. No lifespan reaches it, so they
    are built before its first request, and closed when those of the outer application are.
    """

    def __init__(
        self,
        app: ASGIApp,
        stores: Mapping[str, AnyConfig | AsyncKeyValueStore] | None = None,
    ) -> None:
        self._app = app
        if stores is None:
            self._stores = AsyncStores.from_env(keys="path")
        elif isinstance(stores, AsyncStores):
            self._stores = stores
        else:
            self._stores = AsyncStores(stores, keys="path")
        self._mounted: dict[int, AsyncStores] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, or the lifespan of the application."""
        if scope["type"] == "lifespan":
            await self._app(scope, self._building(receive, send), self._closing(send))
            return
        if scope.setdefault(_MOUNTED, self._mounted) is not self._mounted:
            scope[_MOUNTED][id(self)] = self._stores  # of the outermost of us
        await self._stores.build()
        state: dict[str, Any] = scope.setdefault("state", {})
        outer = state.get("stores")
        state["stores"] = self._stores
        try:
            await self._app(scope, receive, send)
        finally:
            if outer is not None:  # one dict for all, also where we stand in a mounted app
                state["stores"] = outer

    def _building(self, receive: Receive, send: Send) -> Receive:
        async def receive_when_built() -> Message:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._stores.build()
                except Exception as error:
                    told = "; ".join([str(error), *getattr(error, "__notes__", [])])
                    await send({"type": "lifespan.startup.failed", "message": told})
                    raise
            return message

        return receive_when_built

    def _closing(self, send: Send) -> Send:
        async def send_when_closed(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                for mounted in self._mounted.values():
                    await mounted.aclose()
                await self._stores.aclose()
            await send(message)

        return send_when_closed


def current_store(
    connection: HTTPConnection, name: str | AsyncKeyValueStore = "default"
) -> AsyncKeyValueStore:
    """A store of a request (or websocket) by its name; an awaited store is taken as it is.

    As ``request.state.stores[name]``, with a type. What is returned takes keys such as
    ``pictures/cat.png`` (the key space ``path``). Raises `kvcore.ConfigError` for a name that is
    not there, ``RuntimeError`` where no `StoreMiddleware` stands around.
    """
    return find_store(name, connection.scope)


def find_store(
    store: str | AsyncKeyValueStore, scope: Mapping[str, Any] | None
) -> AsyncKeyValueStore:
    """A store by its name among those of the request's `StoreMiddleware`, or the store given."""
    if isinstance(store, str):
        stores = None if scope is None else scope.get("state", {}).get("stores")
        if not isinstance(stores, AsyncStores):
            raise RuntimeError(
                "the name of a store needs request=... and app.add_middleware(StoreMiddleware, ...)"
            )
        store = stores[store]
    elif not isinstance(store, AsyncKeyValueStore):
        kind = type(store).__name__
        hint = "; wrap it in async_store(store)" if isinstance(store, KeyValueStore) else ""
        raise TypeError(f"this takes an awaited store or the name of a store, not {kind}{hint}")
    return store if store.keyspace.name == "path" else store.with_keys("path")
