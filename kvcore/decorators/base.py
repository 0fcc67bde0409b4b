"""`StoreDecorator`: a store around a store, handing every hook on.

A decorator calls the checked entries of the inner store, the same that the public verbs call, so
the inner store's rules (key space, default time to live, capabilities) hold for it as for a user.
There is no ``__getattr__``: a verb that this file does not know is not passed on by accident.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Self

from kvcore.contract import (
    PLAIN,
    Capabilities,
    Fetched,
    KeyValueStore,
    Path,
    Reader,
    Stat,
    UrlOptions,
    WriteOptions,
    Writer,
)
from kvcore.keys import KeySpace
from kvcore.ttl import NOT_SET, TtlSecs


class StoreDecorator(KeyValueStore):
    """Does what the inner store does; subclasses say what is different.

    What is set on the outside, such as ``default_ttl_secs``, holds for calls through this
    decorator and never changes the inner store.
    """

    _hooks_take_options = True  # to hand them on; the inner store knows what it takes

    def __init__(self, store: KeyValueStore) -> None:
        if not isinstance(store, KeyValueStore):
            raise TypeError(f"a decorator goes around a store, not {type(store).__name__}")
        self._inner = store
        self._use_keyspace(self._outer_space(store.keyspace))

    def _outer_space(self, inside: KeySpace) -> KeySpace:
        """The keys that this decorator takes, given those that the inner store takes."""
        return inside

    def with_keys(self, keys: str | KeySpace) -> Self:
        """A view of this stack around an inner store that takes other keys."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._inner = self._inner.with_keys(keys)
        view._use_keyspace(view._outer_space(view._inner.keyspace))
        return view

    @property
    def capabilities(self) -> Capabilities:
        """What the whole stack can do."""
        return self._inner.capabilities

    @property
    def default_ttl_secs(self) -> TtlSecs:
        """Set here, or else that of the inner store."""
        own = self._default_ttl_secs
        return self._inner.default_ttl_secs if own == NOT_SET else own

    @default_ttl_secs.setter
    def default_ttl_secs(self, ttl_secs: TtlSecs) -> None:
        KeyValueStore.default_ttl_secs.fset(self, ttl_secs)  # type: ignore[attr-defined]  # a property

    def _open(self, key: str) -> Reader:
        return self._inner.open(key)

    def _get(self, key: str) -> bytes:
        return self._inner.get(key)

    def _fetch(self, key: str) -> Fetched:
        return self._inner.fetch(key)

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        return self._inner.get_range(key, start, length)

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        self._inner.get_file(key, file)

    def _get_filename(self, key: str, path: str) -> None:
        self._inner.get_file(key, path)

    def _has_key(self, key: str) -> bool:
        return key in self._inner

    def _stat(self, key: str) -> Stat:
        return self._inner.stat(key)

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        self._inner._checked_put(key, data, options)

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        self._inner._checked_put_file(key, file, options)

    def _put_filename(self, key: str, path: Path, options: WriteOptions = PLAIN) -> None:
        self._inner._checked_put_file(key, path, options)

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> None:
        self._inner._checked_put_file(key, path, options, move=True)

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        return self._inner._checked_open_write(key, options)

    def _delete(self, key: str) -> None:
        self._inner.delete(key)

    def _delete_if_match(self, key: str, etag: str) -> None:
        self._inner.delete(key, if_match=etag)

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._inner.copy(source, dest, if_absent=if_absent)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._inner.move(source, dest, if_absent=if_absent)

    def _touch(self, key: str, ttl_secs: TtlSecs) -> None:
        self._inner.touch(key, ttl_secs)

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        return self._inner.increment(key, by, ttl_secs)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``."""
        return self._inner.iter_keys(prefix)

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        return self._inner.iter_prefixes(delimiter, prefix)

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._inner.iter_stats(prefix)

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return self._inner.get_many(keys)

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        self._inner._checked_put_many(items, options)

    def _delete_many(self, keys: Iterable[str]) -> None:
        self._inner.delete_many(keys)

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return self._inner._checked_url_for(key, options)

    def _local_path(self, key: str) -> str:
        return self._inner.local_path(key)

    def _close(self) -> None:
        self._inner.close()

    def _arguments(self) -> str:
        """What the ``repr`` shows before the inner store; never a secret."""
        return ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._arguments()}on {self._inner!r}>"
