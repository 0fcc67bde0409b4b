"""`AsyncStores`: the named stores of an application, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from kvcore.aio import AsyncKeyValueStore, async_store
from kvcore.config.shape import AnyConfig
from kvcore.config.stores import Stores, made_from_env, raise_all
from kvcore.contract import KeyValueStore
from kvcore.errors import ConfigError, StoreError


class AsyncStores(Mapping[str, AsyncKeyValueStore]):
    """`Stores` for asyncio: what `async_store` makes of each entry, made once.

    An entry may be an awaited store as well. `build` builds all beside the event loop; one that is
    asked for before is built then, and there.

    >>> async def main():
    ...     async with AsyncStores({"default": "memory://"}, keys="path") as stores:
    ...         return await stores["default"].put("a/b", b"...")
    >>> asyncio.run(main())
    'a/b'
    """

    def __init__(
        self,
        configs: Mapping[str, AnyConfig | AsyncKeyValueStore],
        *,
        keys: str | None = None,
    ) -> None:
        if not isinstance(configs, Mapping):
            Stores(configs)  # raises, and says what is wanted
        self._names = tuple(configs)
        self._keys = keys
        self._made: dict[str, AsyncKeyValueStore] = {}  # those that are ours to close
        self._seen: dict[str, AsyncKeyValueStore] = {}  # all, as users get them
        others: dict[str, AnyConfig] = {}
        for name, config in configs.items():
            if isinstance(config, AsyncKeyValueStore):
                self._seen[name] = self._view(config)
            else:
                others[name] = config
        self._ready = {name for name, one in others.items() if isinstance(one, KeyValueStore)}
        self._stores = Stores(others)

    def _view(self, store: AsyncKeyValueStore) -> AsyncKeyValueStore:
        return store if self._keys is None else store.with_keys(self._keys)

    @classmethod
    def from_env(cls, variable: str = "KVCORE_STORES", *, keys: str | None = None) -> Self:
        """Read the same shape as JSON from an environment variable, as `Stores.from_env` does."""
        return made_from_env(lambda configs: cls(configs, keys=keys), variable)

    def __getitem__(self, name: str) -> AsyncKeyValueStore:
        """The store of this name. Raises `ConfigError`, naming all, if there is none."""
        store = self._seen.get(name)
        return self._make(name) if store is None else store

    def _make(self, name: str) -> AsyncKeyValueStore:
        store = async_store(self._stores[name])  # another thread may make one as well
        if name not in self._ready:
            store = self._made.setdefault(name, store)
        return self._seen.setdefault(name, self._view(store))

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """The names, in the order of the configuration."""
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __bool__(self) -> bool:
        return True  # as `Stores`

    async def build(self) -> None:
        """Build those that are not built yet, in a thread: some open files or connect.

        All are tried, even if one fails. Raises what the one raised, or for several a
        `ConfigError` that names them.
        """
        if len(self._seen) < len(self._names):
            await asyncio.to_thread(self._build)

    def _build(self) -> None:
        failed: dict[str, Exception] = {}
        for name in self:
            try:
                self[name]
            except Exception as error:  # noqa: BLE001  # raised below
                failed[name] = error
        raise_all(failed, ConfigError, "stores could not be built")

    async def aclose(self) -> None:
        """Close every store that was built here, as `Stores.close` does."""
        failed: dict[str, Exception] = {}
        for name, store in reversed(self._made.items()):
            try:
                await store.aclose()
            except Exception as error:  # noqa: BLE001  # raised below
                failed[name] = error
        raise_all(failed, StoreError, "stores could not be closed")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<AsyncStores {', '.join(self)}>" if self._names else "<AsyncStores>"
