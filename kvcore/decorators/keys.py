"""`KeyTransformingDecorator`: the keys outside are others than those inside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Concatenate, ParamSpec, TypeVar

from kvcore.contract import (
    PLAIN,
    Fetched,
    KeyValueStore,
    Path,
    Reader,
    Stat,
    UrlOptions,
    WriteOptions,
    Writer,
)
from kvcore.decorators.base import StoreDecorator
from kvcore.errors import KvcoreError, PartialFailure
from kvcore.keys import KeySpace
from kvcore.ttl import TtlSecs

_P = ParamSpec("_P")
_T = TypeVar("_T")


class KeyTransformingDecorator(StoreDecorator):
    """Maps every key on its way in and unmaps it on its way out, in errors too.

    Subclasses write `_map_key`, `_map_key_prefix`, `_unmap_key`, `_filter` and `_outer_space`. The
    mapping is one to one, and begins with the mapped prefix exactly for keys that begin with it.
    """

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

    def _through(
        self,
        verb: Callable[Concatenate[str, _P], _T],
        key: str,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        try:
            return verb(self._map_key(key), *args, **kwargs)
        except KvcoreError as error:
            self._retell(error)
            raise

    def _retell(self, error: KvcoreError) -> None:
        """Make an error of the inner store speak of our keys."""
        if error.key is not None and self._filter(error.key):
            error.seen_from(self, self._unmap_key(error.key))
        if isinstance(error, PartialFailure):
            for one in error.errors.values():
                self._retell(one)
            error.errors = {self._unmap_key(key): one for key, one in error.errors.items()}

    def _ours(self, keys: Iterable[str]) -> Iterator[str]:
        legal = self._keyspace
        for key in keys:
            if self._filter(key) and (outer := self._unmap_key(key)) in legal:
                yield outer

    def _open(self, key: str) -> Reader:
        return self._through(self._inner.open, key)

    def _get(self, key: str) -> bytes:
        try:  # as _through, without its call: here and in _put it shows
            return self._inner.get(self._map_key(key))
        except KvcoreError as error:
            self._retell(error)
            raise

    def _fetch(self, key: str) -> Fetched:
        return self._through(self._inner.fetch, key)

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        return self._through(self._inner.get_range, key, start, length)

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        self._through(self._inner.get_file, key, file)

    def _get_filename(self, key: str, path: str) -> None:
        self._through(self._inner.get_file, key, path)

    def _has_key(self, key: str) -> bool:
        return self._through(self._inner.__contains__, key)

    def _stat(self, key: str) -> Stat:
        return self._through(self._inner.stat, key)

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        try:
            self._inner._checked_put(self._map_key(key), data, options)
        except KvcoreError as error:
            self._retell(error)
            raise

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        self._through(self._inner._checked_put_file, key, file, options)

    def _put_filename(self, key: str, path: Path, options: WriteOptions = PLAIN) -> None:
        self._through(self._inner._checked_put_file, key, path, options)

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> None:
        self._through(self._inner._checked_put_file, key, path, options, move=True)

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        opening = self._inner._checked_open_write
        inner = opening(None, options) if key is None else self._through(opening, key, options)
        return _MappedWriter(self, key, inner)

    def _delete(self, key: str) -> None:
        self._through(self._inner.delete, key)

    def _delete_if_match(self, key: str, etag: str) -> None:
        self._through(self._inner.delete, key, if_match=etag)

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._through(self._inner.copy, source, self._map_key(dest), if_absent=if_absent)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._through(self._inner.move, source, self._map_key(dest), if_absent=if_absent)

    def _touch(self, key: str, ttl_secs: TtlSecs) -> None:
        self._through(self._inner.touch, key, ttl_secs)

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        return self._through(self._inner.increment, key, by, ttl_secs)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``."""
        return self._ours(self._inner.iter_keys(self._map_key_prefix(prefix)))

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        # From the keys: the inner store knows neither our delimiter nor where our keys end.
        return KeyValueStore._iter_prefixes(self, delimiter, prefix)

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        legal = self._keyspace
        for key, found in self._inner.iter_stats(self._map_key_prefix(prefix)):
            if self._filter(key) and (outer := self._unmap_key(key)) in legal:
                yield outer, found

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        inner = {self._map_key(key): key for key in keys}
        try:
            return {inner[key]: data for key, data in self._inner.get_many(inner).items()}
        except KvcoreError as error:
            self._retell(error)
            raise

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        inner = {self._map_key(key): data for key, data in items.items()}
        try:
            self._inner._checked_put_many(inner, options)
        except KvcoreError as error:
            self._retell(error)
            raise

    def _delete_many(self, keys: Iterable[str]) -> None:
        try:
            self._inner.delete_many([self._map_key(key) for key in keys])
        except KvcoreError as error:
            self._retell(error)
            raise

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return self._through(self._inner._checked_url_for, key, options)

    def _local_path(self, key: str) -> str:
        return self._through(self._inner.local_path, key)

    @abstractmethod
    def _outer_space(self, inside: KeySpace) -> KeySpace:
        """The keys outside: a `MappedKeySpace`."""


class _MappedWriter(Writer):
    """A writer of the inner store, with our key."""

    def __init__(self, store: KeyTransformingDecorator, key: str | None, inner: Writer) -> None:
        super().__init__(key)
        self._store = store
        self._inner = inner

    def _write(self, block: bytes) -> None:
        try:
            self._inner.write(block)
        except KvcoreError as error:
            self._store._retell(error)
            raise

    def _commit(self, key: str) -> None:
        try:
            self._store._check_key(key)
            self._inner.key = self._store._map_key(key)
            self._inner.commit()
        except KvcoreError as error:
            self._store._retell(error)
            raise
        finally:
            self._inner.abort()

    def _abort(self) -> None:
        self._inner.abort()
