"""The stores that the setting `KVCORE_STORES` names: one set per process, built when first used."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from django.conf import settings
from django.core.files.storage import Storage
from django.core.signals import setting_changed

from kvcore import KeyValueStore, Stores
from kvcore.config import AnyConfig


class PathStores:
    """Named stores, each seen with keys such as ``pictures/cat.png`` (the key space ``path``)."""

    def __init__(self, configs: Mapping[str, AnyConfig]) -> None:
        self._stores = Stores(configs)
        self._views: dict[str, KeyValueStore] = {}

    def __getitem__(self, name: str) -> KeyValueStore:
        view = self._views.get(name)
        if view is None:  # two threads may make one each: both are views of the same store
            view = self._views[name] = self._stores[name].with_keys("path")
        return view

    def close(self) -> None:
        """Close those that were built."""
        self._stores.close()


class _Configured:
    """The stores of the setting, made by the first who asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stores: PathStores | None = None

    def __getitem__(self, name: str) -> KeyValueStore:
        stores = self._stores
        return (self._made() if stores is None else stores)[name]

    def _made(self) -> PathStores:
        with self._lock:
            if self._stores is None:
                self._stores = PathStores(getattr(settings, "KVCORE_STORES", {}))
            return self._stores

    def forget(self, *, setting: str, **_: object) -> None:
        """Tests change settings: read the new ones when next asked."""
        if setting != "KVCORE_STORES":
            return
        with self._lock:
            stores, self._stores = self._stores, None
        if stores is not None:
            stores.close()


_configured = _Configured()
setting_changed.connect(_configured.forget)


def current_store(name: str | KeyValueStore | Storage = "default") -> KeyValueStore:
    """A store by its name in ``KVCORE_STORES``; a store is taken as it is.

    A `kvcore_django.storage.KVStorage`, such as ``default_storage`` or that of a field, stands for
    its store.

    What is returned takes keys such as ``pictures/cat.png`` (the key space ``path``). Raises
    `kvcore.ConfigError` for a name that is not there and for a configuration that is wrong.

    >>> from kvcore import DictStore
    >>> current_store(DictStore()).put("pictures/cat.png", b"...")
    'pictures/cat.png'
    """
    if isinstance(name, str):
        return _configured[name]
    if isinstance(name, Storage):
        found = getattr(name, "store", None)
        if not isinstance(found, KeyValueStore):
            raise TypeError(f"{type(name).__name__} has no store of kvcore; KVStorage has")
        return found
    return name.with_keys("path")
