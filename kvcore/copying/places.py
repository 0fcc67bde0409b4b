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
        # Once: a server is asked for it.
        place, self._source_base = _innermost(source)._place()
        other, self._dest_base = _innermost(dest)._place()
        if place != other:
            return
        key = prefix + random_id()
        seen = self._seen(key)
        if seen == key:
            raise ValueError(f"source and destination are the same: {dest!r}")
        if seen is not None and seen.startswith(prefix):
            raise self._endless()

    def _seen(self, key: str) -> str | None:
        """The key under which the source would show what the destination has under this one."""
        address = self._dest_base + _inner_key(self._dest, key)
        if not address.startswith(self._source_base):
            return None
        return _outer_key(self._source, address.removeprefix(self._source_base))

    def _endless(self) -> ValueError:
        return ValueError(
            f"the destination lies inside the source, so that copies would be copied again without"
            f" end: {self._dest!r} in {self._source!r}; give another destination, or a prefix that"
            " it is not in"
        )

    @contextmanager
    def watched(self, key: str) -> Iterator[None]:
        """A block that puts this key: ``ValueError`` if the source has a key more by it."""
        seen = self._seen(key)
        is_new = seen is not None and seen != key and seen.startswith(self._prefix)
        if seen is None or not is_new or seen in self._source:
            yield
            return
        yield
        if seen in self._source:
            raise self._endless()


def _innermost(store: KeyValueStore) -> KeyValueStore:
    while isinstance(store, StoreDecorator):
        store = store._inner
    return store


def _inner_key(store: KeyValueStore, key: str) -> str:
    """The key of the innermost store for one of the whole stack."""
    while isinstance(store, StoreDecorator):
        key = store._inner_key(key)
        store = store._inner
    return key


def _outer_key(store: KeyValueStore, key: str) -> str | None:
    """The key of the whole stack for one of the innermost store; ``None`` if it has none."""
    layers = []
    while isinstance(store, StoreDecorator):
        layers.append(store)
        store = store._inner
    if key not in store.keyspace:
        return None
    for layer in reversed(layers):
        if isinstance(layer, KeyTransformingDecorator):
            if not layer._filter(key):
                return None
            key = layer._unmap_key(key)
        if key not in layer.keyspace:
            return None
    return key
