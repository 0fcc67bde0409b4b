"""`current_store`: the stores of an app, by name."""

from __future__ import annotations

from flask import current_app

from kvcore import KeyValueStore, Stores


def current_store(name: str | KeyValueStore = "default") -> KeyValueStore:
    """A store of the current app by its name in ``KVCORE_STORES``; a store is taken as it is.

    What is returned takes keys such as ``pictures/cat.png`` (the key space ``path``). Raises
    `kvcore.ConfigError` for a name that is not there.
    """
    if not isinstance(name, str):
        return name.with_keys("path")
    stores = current_app.extensions.get("kvcore")
    if not isinstance(stores, Stores):
        raise RuntimeError("this app has no stores yet: call KVCore(app) or init_app(app)")
    return stores[name]
