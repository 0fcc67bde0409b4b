"""`StoreMiddleware`: the named stores of an application as ``request.state.stores``. Pure ASGI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from anyio.to_thread import run_sync
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kvcore import AnyConfig, AsyncStore, KeyValueStore, Stores


class AsyncStores(Mapping[str, AsyncStore]):
    """Named stores, awaited: each built once, by `build` or when first asked for.

    They take keys such as ``pictures/cat.png`` (the key space ``path``).
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._lock = Lock()
        self._made: dict[str, AsyncStore] = {}

    def __getitem__(self, name: str) -> AsyncStore:
        """Raises `kvcore.ConfigError` for a name that is not there."""
        with self._lock:
            store = self._made.get(name)
            if store is None:
                store = self._made[name] = AsyncStore(self._stores[name].with_keys("path"))
            return store

    def __contains__(self, name: object) -> bool:
        return name in self._stores

    def __iter__(self) -> Iterator[str]:
        return iter(self._stores)

    def __len__(self) -> int:
        return len(self._stores)

    async def build(self) -> None:
        """Build those that are not built yet, in a thread: some open files or connect."""
        if len(self._made) < len(self._stores):
            await run_sync(lambda: [self[name] for name in self])

    async def aclose(self) -> None:
        """Close the stores that were built here. As any store, they may be used again."""
        await run_sync(self._stores.close)  # what was passed in ready stays open


class StoreMiddleware:
    """Gives each request ``request.state.stores``, and closes the stores at shutdown.

    ``stores`` has the shape of ``KVCORE_STORES``; without it, the environment variable of that
    name is read as JSON. Raises `kvcore.ConfigError` when the application starts, for an entry
    that is wrong; then all are built, in a thread, or before the first request where a server
    runs no lifespan. An application that is mounted below may have stores of its own.
    """

    def __init__(self, app: ASGIApp, stores: Mapping[str, AnyConfig] | None = None) -> None:
        self._app = app
        self._stores = AsyncStores(Stores.from_env() if stores is None else Stores(stores))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, or the lifespan of the application."""
        if scope["type"] == "lifespan":
            await self._app(scope, self._building(receive, send), self._closing(send))
            return
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
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
            return message

        return receive_when_built

    def _closing(self, send: Send) -> Send:
        async def send_when_closed(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await self._stores.aclose()
            await send(message)

        return send_when_closed


def find_store(store: str | AsyncStore, scope: Mapping[str, Any] | None) -> AsyncStore:
    """A store by its name among those of the request's `StoreMiddleware`, or the store given."""
    if not isinstance(store, str):
        if not isinstance(store, AsyncStore):
            kind = type(store).__name__
            hint = "; wrap it in AsyncStore(store)" if isinstance(store, KeyValueStore) else ""
            raise TypeError(f"this takes an AsyncStore or the name of a store, not {kind}{hint}")
        return store.with_keys("path")
    stores = None if scope is None else scope.get("state", {}).get("stores")
    if not isinstance(stores, AsyncStores):
        raise RuntimeError(
            "the name of a store needs request=... and app.add_middleware(StoreMiddleware, ...)"
        )
    return stores[store]
