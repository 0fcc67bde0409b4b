"""The stores that the setting `KVCORE_STORES` names: one set per process, built when first used."""

from __future__ import annotations

from threading import Lock

from django.conf import settings
from django.core.files.storage import Storage
from django.core.signals import setting_changed

from kvcore import KeyValueStore, Stores


class _Configured:
    """The `Stores` of the setting, made by the first who asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stores: Stores | None = None

    def __getitem__(self, name: str) -> KeyValueStore:
        with self._lock:
            if self._stores is None:
                self._stores = Stores(getattr(settings, "KVCORE_STORES", {}))
            stores = self._stores
        return stores[name]

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


def current_store(store: str | KeyValueStore | Storage = "default") -> KeyValueStore:
    """A store by its name in ``KVCORE_STORES``; a store is taken as it is.

    A `kvcore_django.storage.KVStorage`, such as ``default_storage`` or that of a field, stands for
    its store.

    What is returned takes keys such as ``pictures/cat.png`` (the key space ``path``). Raises
    `kvcore.ConfigError` for a name that is not there and for a configuration that is wrong.
    """
    if isinstance(store, Storage):
        found = getattr(store, "store", None)
        if not isinstance(found, KeyValueStore):
            raise TypeError(f"{type(store).__name__} has no store of kvcore; KVStorage has")
        store = found
    return (_configured[store] if isinstance(store, str) else store).with_keys("path")
