"""`Stores`: the named stores of an application."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from threading import RLock
from types import TracebackType
from typing import Self, TypeVar, overload

from kvcore.config.plan import StorePlan
from kvcore.config.shape import AnyConfig
from kvcore.contract import KeyValueStore
from kvcore.errors import ConfigError, KvcoreError, MissingDependency, StoreError
from kvcore.forking import tell_after_fork
from kvcore.recipe import nearest

_Store = TypeVar("_Store", bound=KeyValueStore)
_Made = TypeVar("_Made")
_Entry = StorePlan | KeyValueStore | Callable[[], KeyValueStore]


def store_from_url(url: str) -> KeyValueStore:
    """Build a store from a URL, such as ``fs:///srv/media?keys=path``.

    Raises `ConfigError` for whatever is wrong with it, naming the nearest right name, and
    `MissingDependency` for a client library that is not installed.

    >>> store_from_url("memory://scratch?keys=path")
    <DictStore memory://scratch?keys=path>
    """
    if not isinstance(url, str):
        raise ConfigError(
            f"a store URL is a str, not {type(url).__name__}; store_from_config takes other forms"
        )
    return StorePlan.from_config(url).build()


@overload
def store_from_config(config: _Store | Callable[[], _Store]) -> _Store: ...
@overload
def store_from_config(config: AnyConfig) -> KeyValueStore: ...
def store_from_config(config: AnyConfig) -> KeyValueStore:
    """Build a store from a URL, a dict (`StoreConfig`) or a callable; a ready store is returned.

    Errors are those of `store_from_url`.

    >>> store_from_config({"url": "memory://", "keys": "path", "decorators": ["readonly"]})
    <ReadOnlyDecorator on <DictStore memory://?keys=path>>
    """
    return _built(_entry(config))


def _entry(config: AnyConfig) -> _Entry:
    if isinstance(config, KeyValueStore) or callable(config):
        return config
    return StorePlan.from_config(config)


def _built(entry: _Entry) -> KeyValueStore:
    if isinstance(entry, KeyValueStore):
        return entry
    if isinstance(entry, StorePlan):
        return entry.build()
    store = entry()
    if not isinstance(store, KeyValueStore):
        raise ConfigError(f"{_name(entry)} gave no store, but {type(store).__name__}")
    return store


class Stores:
    """Named stores: each entry checked now, built when first asked for, once, closed together.

    An entry is a URL, a dict (`StoreConfig`), a ready store or a callable that makes one; all are
    seen with the key space ``keys`` if it is given (``with_keys``). Raises `ConfigError` or
    `MissingDependency`, naming the entry, for the first that is wrong.

    Safe to share between threads, and across ``fork``. A callable may use other stores of these.

    >>> with Stores({"default": "memory://", "media": "hmemory://"}) as stores:
    ...     stores["media"].put("a/b", b"...")
    'a/b'
    """

    def __init__(self, configs: Mapping[str, AnyConfig], *, keys: str | None = None) -> None:
        if not isinstance(configs, Mapping):
            raise ConfigError(
                "stores are configured by a dict of names and stores,"
                f" such as {{'default': 'fs:///srv/media'}}, not {type(configs).__name__}"
            )
        self._entries = {name: _checked(name, config) for name, config in configs.items()}
        self._keys = keys
        self._built: dict[str, KeyValueStore] = {}
        self._seen: dict[str, KeyValueStore] = {}  # the same, as users get them
        self._after_fork()
        tell_after_fork(self)

    def _after_fork(self) -> None:
        # Re-entrant, as a callable may ask for another store.
        self._lock = RLock()
        self._building: list[str] = []

    @classmethod
    def from_env(cls, variable: str = "KVCORE_STORES", *, keys: str | None = None) -> Self:
        """Read the same shape as JSON from an environment variable.

        Raises `ConfigError` also where it is not set, and never shows what it holds.
        """
        return made_from_env(lambda configs: cls(configs, keys=keys), variable)

    def __getitem__(self, name: str) -> KeyValueStore:
        """The store of this name. Raises `ConfigError`, naming all, if there is none."""
        store = self._seen.get(name)
        return self._build(name) if store is None else store

    def _build(self, name: str) -> KeyValueStore:
        if name not in self._entries:
            raise ConfigError(f"there is no store {str(name)[:60]!r}{nearest(str(name), self)}")
        with self._lock:
            store = self._seen.get(name)
            if store is not None:
                return store
            if name in self._building:
                path = " → ".join([*self._building, name])
                raise ConfigError(f"these stores need each other to be built: {path}")
            self._building.append(name)
            try:
                store = self._built[name] = _built(self._entries[name])
            except (ConfigError, MissingDependency) as error:
                error.message = f"store {name!r}: {error.message}"
                raise
            except Exception as error:
                error.add_note(f"while the store {name!r} was built")
                raise
            finally:
                self._building.pop()
            self._seen[name] = store if self._keys is None else store.with_keys(self._keys)
            return self._seen[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """The names, in the order of the configuration."""
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        return True  # `stores or default` must not drop an empty one

    def close(self) -> None:
        """Close every store that was built here; ready stores that were passed in are left alone.

        As any store, they may be used again. All are closed, even if one fails; then its error is
        raised, or for several a `StoreError` that names them.
        """
        failed: dict[str, Exception] = {}
        with self._lock:
            for name, store in reversed(self._built.items()):
                if store is not self._entries[name]:
                    try:
                        store.close()
                    except Exception as error:  # noqa: BLE001  # raised below
                        failed[name] = error
        raise_all(failed, StoreError, "stores could not be closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        entries = ", ".join(f"{name}={_name(entry)}" for name, entry in self._entries.items())
        return f"<Stores {entries}>" if entries else "<Stores>"


def made_from_env(make: Callable[[Mapping[str, AnyConfig]], _Made], variable: str) -> _Made:
    """What ``make`` makes of the JSON in an environment variable; its errors name the variable."""
    from kvcore.config.json_text import read_json  # json costs milliseconds

    content = os.environ.get(variable)
    if content is None:
        raise ConfigError(f"the environment variable {variable} is not set")
    try:
        return make(read_json(content))
    except (ConfigError, MissingDependency) as error:
        error.message = f"{variable}: {error.message}"
        raise


def raise_all(failed: Mapping[str, Exception], kind: type[KvcoreError], what: str) -> None:
    """Raise what failed, by names of stores: the one error, or for several one that names them."""
    if len(failed) == 1:
        raise next(iter(failed.values()))
    if failed:
        told = ", ".join(f"{name!r} ({error})" for name, error in failed.items())
        raise kind(f"{what}: {told}") from ExceptionGroup(what, list(failed.values()))


def _checked(name: str, config: AnyConfig) -> _Entry:
    if not isinstance(name, str) or not name:
        raise ConfigError("the name of a store is a str with at least one character")
    try:
        return _entry(config)
    except (ConfigError, MissingDependency) as error:
        error.message = f"store {name!r}: {error.message}"
        raise


def _name(entry: _Entry) -> str:
    """An entry for messages; the arguments of a callable may be secret."""
    if isinstance(entry, KeyValueStore | StorePlan):
        return repr(entry)
    return f"<callable {getattr(entry, '__qualname__', type(entry).__name__)}>"
