"""Whether what is put to one store turns up in another: a copy onto itself never ends well."""

from __future__ import annotations

from kvcore.contract import KeyValueStore
from kvcore.decorators.base import StoreDecorator
from kvcore.decorators.keys import KeyTransformingDecorator
from kvcore.ids import random_id


def check_apart(source: KeyValueStore, dest: KeyValueStore, prefix: str) -> None:
    """Raise ``ValueError`` if a copy from ``source`` to ``dest`` would be seen in ``source``."""
    key = prefix + random_id()
    place, address = _address(dest, key)
    seen = _seen(source, place, address)
    if seen == key:
        raise ValueError(f"source and destination are the same: {dest!r}")
    if seen is not None and seen.startswith(prefix):
        raise ValueError(
            f"the destination lies inside the source, so that copies would be copied again without"
            f" end: {dest!r} in {source!r}; give another destination, or a prefix that it is not in"
        )


def _address(store: KeyValueStore, key: str) -> tuple[object, str]:
    """Where the value of a key is in the end: a place, and its name there."""
    while isinstance(store, StoreDecorator):
        key = store._inner_key(key)
        store = store._inner
    place, base = store._place()
    return place, base + key


def _seen(store: KeyValueStore, place: object, address: str) -> str | None:
    """The key under which ``store`` shows what is at an address; ``None`` if it does not."""
    layers = []
    while isinstance(store, StoreDecorator):
        layers.append(store)
        store = store._inner
    own, base = store._place()
    key = address.removeprefix(base)
    if own != place or not address.startswith(base) or key not in store.keyspace:
        return None
    for layer in reversed(layers):
        if isinstance(layer, KeyTransformingDecorator):
            if not layer._filter(key):
                return None
            key = layer._unmap_key(key)
        if key not in layer.keyspace:
            return None
    return key
