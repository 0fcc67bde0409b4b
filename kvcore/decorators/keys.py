"""`KeyTransformingDecorator`: the keys outside are others than those inside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping

from kvcore.contract import Fetched, KeyValueStore, Stat, WriteOptions
from kvcore.decorators.base import StoreDecorator
from kvcore.errors import KvcoreError
from kvcore.keys import KeySpace


class KeyTransformingDecorator(StoreDecorator):
    """Maps every key on its way in and unmaps it on its way out, in errors too.

    Subclasses write `_map_key`, `_map_key_prefix`, `_unmap_key`, `_filter` and `_outer_space`. The
    mapping is one to one, and begins with the mapped prefix exactly for keys that begin with it.
    """

    _native_async = True

    @abstractmethod
    def _map_key(self, key: str) -> str:
        """The inner key of an outer one."""

    @abstractmethod
    def _map_key_prefix(self, key_prefix: str) -> str:
        """What the inner keys of all outer keys with this prefix begin with, and no others."""

    @abstractmethod
    def _unmap_key(self, key: str) -> str:
        """The outer key of an inner one that `_filter` lets pass."""

    def _filter(self, key: str) -> bool:
        """Whether an inner key is one of ours."""
        return True

    def _inner_key(self, key: str) -> str:
        return self._map_key(key)

    def _outer_key(self, key: str) -> str:
        return self._unmap_key(key) if self._filter(key) else key

    def _ours(self, keys: Iterable[str]) -> Iterator[str]:
        legal = self._keyspace
        for key in self._retelling(keys):
            if self._filter(key) and (outer := self._unmap_key(key)) in legal:
                yield outer

    def _get(self, key: str) -> bytes:
        try:  # as _through, without its call: the one verb where it shows
            return self._inner.get(self._map_key(key))
        except KvcoreError as error:
            self._retell(error)
            raise

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``."""
        return self._ours(self._inner.iter_keys(self._map_key_prefix(prefix)))

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        # From the keys: the inner store knows neither our delimiter nor where our keys end.
        return KeyValueStore._iter_prefixes(self, delimiter, prefix)

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._our_stats(self._inner.iter_stats(self._map_key_prefix(prefix)))

    def _iter_sizes(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._our_stats(self._inner._iter_sizes(self._map_key_prefix(prefix)))

    def _our_stats(self, stats: Iterable[tuple[str, Stat]]) -> Iterator[tuple[str, Stat]]:
        legal = self._keyspace
        for key, found in self._retelling(stats):
            if self._filter(key) and (outer := self._unmap_key(key)) in legal:
                yield outer, found

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        outer = {self._map_key(key): key for key in keys}
        found = self._through_all(self._inner.get_many, outer)
        return {outer[key]: data for key, data in found.items()}

    def _fetch_many(self, keys: Iterable[str]) -> dict[str, Fetched]:
        outer = {self._map_key(key): key for key in keys}
        found = self._through_all(self._inner._fetch_many, outer)
        return {outer[key]: fetched for key, fetched in found.items()}

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        inner = {self._map_key(key): data for key, data in items.items()}
        self._through_all(self._inner._checked_put_many, inner, options)

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        inner = {self._map_key(key): item for key, item in items.items()}
        self._through_all(self._inner._checked_put_each, inner)

    def _delete_many(self, keys: Iterable[str]) -> None:
        self._through_all(self._inner.delete_many, [self._map_key(key) for key in keys])

    @abstractmethod
    def _outer_space(self, inside: KeySpace) -> KeySpace:
        """The keys outside: a `MappedKeySpace`."""
