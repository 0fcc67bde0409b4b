"""Whether what is put to one store turns up in another: a copy onto itself never ends well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kvcore.contract import KeyValueStore
from kvcore.decorators.base import StoreDecorator
from kvcore.decorators.keys import KeyTransformingDecorator
from kvcore.ids import random_id


class Apart:
    """The promise that copies from ``source`` to ``dest`` are not seen in ``source``.

    Raises ``ValueError`` if they would be, as far as the stores can tell their places. A server has
    more than one name, so the first key of each batch is `watched` besides.
    """

    def __init__(self, source: KeyValueStore, dest: KeyValueStore, prefix: str) -> None:
        self._source = source
        self._dest = dest
        self._prefix = prefix
        key = prefix + random_id()
        if _place_of(source) != _place_of(dest):
            return
        seen = _seen(source, _address(dest, key))
        if seen == key:
            raise ValueError(f"source and destination are the same: {dest!r}")
        if seen is not None and seen.startswith(prefix):
            raise self._endless()

    def _endless(self) -> ValueError:
        return ValueError(
            f"the destination lies inside the source, so that copies would be copied again without"
            f" end: {self._dest!r} in {self._source!r}; give another destination, or a prefix that"
            " it is not in"
        )

    @contextmanager
    def watched(self, key: str) -> Iterator[None]:
        """A block that puts this key: ``ValueError`` if the source has a key more by it."""
        seen = _seen(self._source, _address(self._dest, key))
        if seen in (None, key) or not seen.startswith(self._prefix) or seen in self._source:
            yield
            return
        yield
        if seen in self._source:
            raise self._endless()


def _place_of(store: KeyValueStore) -> object:
    return _innermost(store)._place()[0]


def _innermost(store: KeyValueStore) -> KeyValueStore:
    while isinstance(store, StoreDecorator):
        store = store._inner
    return store


def _address(store: KeyValueStore, key: str) -> str:
    """Where in its place the value of a key is in the end."""
    while isinstance(store, StoreDecorator):
        key = store._inner_key(key)
        store = store._inner
    return store._place()[1] + key


def _seen(store: KeyValueStore, address: str) -> str | None:
    """The key under which ``store`` shows what is at an address; ``None`` if it does not."""
    layers = []
    while isinstance(store, StoreDecorator):
        layers.append(store)
        store = store._inner
    base = store._place()[1]
    key = address.removeprefix(base)
    if not address.startswith(base) or key not in store.keyspace:
        return None
    for layer in reversed(layers):
        if isinstance(layer, KeyTransformingDecorator):
            if not layer._filter(key):
                return None
            key = layer._unmap_key(key)
        if key not in layer.keyspace:
            return None
    return key
