"""`StoreDecorator`: a store around a store, handing every hook on.

A decorator calls the checked entries of the inner store, the same that the public verbs call, so
the inner store's rules (key space, default time to live, capabilities) hold for it as for a user.
There is no ``__getattr__``: a verb that this file does not know is not passed on by accident.
Errors of the inner store are told as those of this one: the caller knows no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import IO, ClassVar, Concatenate, ParamSpec, Self, TypeVar

from kvcore.contract import (
    PLAIN,
    Capabilities,
    Fetched,
    Fingerprint,
    KeyValueStore,
    Path,
    PostOptions,
    PresignedPost,
    PresignedPut,
    Reader,
    Stat,
    UrlOptions,
    WriteOptions,
    Writer,
)
from kvcore.errors import KvcoreError, PartialFailure
from kvcore.keys import KeySpace
from kvcore.ttl import NOT_SET, TtlSecs

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StoreDecorator(KeyValueStore):
    """Does what the inner store does; subclasses say what is different.

    What is set on the outside, such as ``default_ttl_secs``, holds for calls through this
    decorator and never changes the inner store.
    """

    _native_async: ClassVar[bool] = True
    """Whether hooks of this class may wait in an event loop while they call the inner store.

    Awaited, the calls of many tasks then take turns in one thread, so a hook must not hold a lock
    or anything of its thread around a call of the inner store, nor block by itself. A class that
    redefines a method of `KeyValueStore` says so again; one that does not gets worker threads.
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
        return self._around(self._inner.with_keys(keys))

    def with_deadline(self, secs: float) -> Self:
        """A view of this stack around the inner store's view."""
        inner = self._inner.with_deadline(secs)
        return self if inner is self._inner else self._around(inner)

    def _around(self, inner: KeyValueStore) -> Self:
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._inner = inner
        view._use_keyspace(view._outer_space(inner.keyspace))
        return view

    @property
    def capabilities(self) -> Capabilities:
        """What the whole stack can do."""
        inside = self._inner.capabilities
        if inside.native_async and not _all_say_native_async(type(self)):
            return inside._replace(native_async=False)
        return inside

    @property
    def default_ttl_secs(self) -> TtlSecs:
        """Set here, or else that of the inner store."""
        own = self._default_ttl_secs
        return self._inner.default_ttl_secs if own == NOT_SET else own

    @default_ttl_secs.setter
    def default_ttl_secs(self, ttl_secs: TtlSecs) -> None:
        KeyValueStore.default_ttl_secs.fset(self, ttl_secs)  # type: ignore[attr-defined]  # a property

    def _inner_key(self, key: str) -> str:
        """The key of the inner store for one of ours."""
        return key

    def _outer_key(self, key: str) -> str:
        """Our key for one of the inner store, to be named in an error."""
        return key

    def _through(
        self,
        verb: Callable[Concatenate[str, _P], _T],
        key: str,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Call a verb of the inner store for one of our keys."""
        try:
            return verb(self._inner_key(key), *args, **kwargs)
        except KvcoreError as error:
            self._retell(error)
            raise

    def _through_all(self, verb: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a verb of the inner store that is not for one key."""
        try:
            return verb(*args, **kwargs)
        except KvcoreError as error:
            self._retell(error)
            raise

    def _retelling(self, found: Iterable[_T]) -> Iterator[_T]:
        """What a listing of the inner store gives, piece by piece."""
        try:
            yield from found
        except KvcoreError as error:
            self._retell(error)
            raise

    def _retell(self, error: KvcoreError) -> None:
        """Make an error of the inner store speak of this one and of our key."""
        if not self._comes_from_inside(error):
            return  # such as that of a source, which is a file of another store
        error.seen_from(self, None if error.key is None else self._outer_key(error.key))
        if isinstance(error, PartialFailure):
            for one in error.errors.values():
                self._retell(one)
            error.errors = {self._outer_key(key): one for key, one in error.errors.items()}

    def _comes_from_inside(self, error: KvcoreError) -> bool:
        inner: KeyValueStore | None = self._inner
        while inner is not None:
            if error.is_told_by(inner):
                return True
            # A decorator of other authors may have let it pass as it was.
            inner = inner._inner if isinstance(inner, StoreDecorator) else None
        return False

    def _open(self, key: str) -> Reader:
        return self._through(self._inner.open, key)

    def _get(self, key: str) -> bytes:
        try:  # as _through, without its call: the one verb where it shows
            return self._inner.get(key)
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
        self._through(self._inner._checked_put, key, data, options)

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        self._through(self._inner._checked_put_file, key, file, options)

    def _put_filename(self, key: str, path: Path, options: WriteOptions = PLAIN) -> None:
        self._through(self._inner._checked_put_file, key, path, options)

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> None:
        self._through(self._inner._checked_put_file, key, path, options, move=True)

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        opening = self._inner._checked_open_write
        if key is None:
            inner = self._through_all(opening, None, options)
        else:
            inner = self._through(opening, key, options)
        return InnerWriter(self, key, inner)

    def _delete(self, key: str) -> None:
        self._through(self._inner.delete, key)

    def _delete_if_match(self, key: str, etag: str) -> None:
        self._through(self._inner.delete, key, if_match=etag)

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._through(self._inner.copy, source, self._inner_key(dest), if_absent=if_absent)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._through(self._inner.move, source, self._inner_key(dest), if_absent=if_absent)

    def _touch(self, key: str, ttl_secs: TtlSecs) -> None:
        self._through(self._inner.touch, key, ttl_secs)

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        return self._through(self._inner.increment, key, by, ttl_secs)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``."""
        return self._retelling(self._inner.iter_keys(prefix))

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        return self._retelling(self._inner.iter_prefixes(delimiter, prefix))

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._retelling(self._inner.iter_stats(prefix))

    def _iter_sizes(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._retelling(self._inner._iter_sizes(prefix))

    def _fingerprint(self, size: int) -> Fingerprint | None:
        return self._inner._fingerprint(size)

    def _etag_of(self, data: bytes) -> str | None:
        return self._inner._etag_of(data)

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return self._through_all(self._inner.get_many, keys)

    def _fetch_many(self, keys: Iterable[str]) -> dict[str, Fetched]:
        return self._through_all(self._inner._fetch_many, keys)

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        self._through_all(self._inner._checked_put_many, items, options)

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        self._through_all(self._inner._checked_put_each, items)

    def _delete_many(self, keys: Iterable[str]) -> None:
        self._through_all(self._inner.delete_many, keys)

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return self._through(self._inner._checked_url_for, key, options)

    def _presign_put(self, key: str, options: UrlOptions) -> PresignedPut:
        return self._through(self._inner._checked_presign_put, key, options)

    def _presign_post(self, key: str, options: PostOptions) -> PresignedPost:
        return self._through(self._inner._checked_presign_post, key, options)

    def _local_path(self, key: str) -> str:
        return self._through(self._inner.local_path, key)

    def _close(self) -> None:
        self._inner.close()

    def _sweep(self, older_than_secs: float) -> int | None:
        return self._through_all(self._inner._sweep, older_than_secs)

    def _advice(self, key: str) -> str | None:
        return self._through(self._inner._advice, key)

    def _place(self) -> tuple[object, str]:
        return self._inner._place()

    def _arguments(self) -> str:
        """What the ``repr`` shows before the inner store; never a secret."""
        return ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._arguments()}on {self._inner!r}>"


class InnerWriter(Writer):
    """A writer of the inner store, under our key and with errors told as ours."""

    def __init__(self, store: StoreDecorator, key: str | None, inner: Writer) -> None:
        super().__init__(key)
        self._store = store
        self._inner = inner

    def _write(self, block: bytes) -> None:
        self._store._through_all(self._inner.write, block)

    def _commit(self, key: str) -> None:
        try:
            self._inner.key = self._store._inner_key(key)
            self._store._through_all(self._inner.commit)
        finally:
            self._inner.abort()

    def _abort(self) -> None:
        self._inner.abort()


@cache
def _all_say_native_async(decorator: type[StoreDecorator]) -> bool:
    """Whether all classes that have a say in the hooks of this one declare ``_native_async``."""
    return all(
        base.__dict__.get("_native_async", False)
        for base in decorator.__mro__
        if base not in KeyValueStore.__mro__ and not _VERBS_AND_HOOKS.isdisjoint(base.__dict__)
    )


_VERBS_AND_HOOKS = frozenset(
    name
    for base in KeyValueStore.__mro__
    for name, value in base.__dict__.items()
    if callable(value) or isinstance(value, property)
) - frozenset(dir(object))
