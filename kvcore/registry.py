"""Where backends and decorators are found: by URL scheme and by name, imported only when asked for.

**How a class says that it can be configured.** It carries a recipe, of data and small functions
that do no I/O and import no client library::

    from kvcore.recipe import KEYS, Address, Option, StoreRecipe, integer, secret_text


    class VaultStore(KeyValueStore):
        _recipe = StoreRecipe(
            options={
                "keys": KEYS,
                "password": Option(secret_text, "the password", secret=True),
                "retries": Option(integer(0, 10), "how often to try again (default 2)"),
            },
            address=read_address,  # vault://:password@host → {"password": …, "host": …}
            requires={"vaultlib": "acme-vault[client]"},
        )

        def __init__(self, host, password=None, *, keys="strict", retries=2): ...

The names of options are keyword arguments of the constructor; so is what ``address`` returns
besides. `kvcore.config` checks all of it when configuration is read, resolves secrets and calls
the constructor when the store is built. A store with time to live gets the option
``default_ttl_secs`` without naming it. A class of several schemes carries a mapping of scheme to
recipe. A decorator carries a `DecoratorRecipe`, and its
constructor has the keyword argument ``store``.

A built store pickles by itself, and shows itself by its hook ``_url`` (`kvcore.recipe.url_text`).

**How a class of another distribution is found.** By an entry point, whose name is the scheme
or the decorator's name::

    [project.entry-points."kvcore.backends"]
    vault = "acme.vault:VaultStore"

    [project.entry-points."kvcore.decorators"]
    encrypt = "acme.encrypt:EncryptDecorator"

Entry points are looked up for unknown names only, so nobody can take over a name of ours.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

from kvcore.errors import ConfigError, MissingDependency
from kvcore.recipe import DecoratorRecipe, Option, StoreRecipe, nearest, time_to_live

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from kvcore.contract import KeyValueStore

# Both tables are sorted (a test looks), and hold strings only: nothing is imported here.
_BACKENDS = {
    "fs": "kvcore.backends.filesystem:FilesystemStore",
    "gcs": "kvcore.backends.gcs:GoogleCloudStore",
    "memory": "kvcore.backends.memory:DictStore",
    "redis": "kvcore.backends.redis:RedisStore",
    "redis+socket": "kvcore.backends.redis:RedisStore",
    "rediss": "kvcore.backends.redis:RedisStore",
    "s3": "kvcore.backends.s3:S3Store",
    "webfs": "kvcore.backends.filesystem:WebFilesystemStore",
}
_DECORATORS = {
    "hash": "kvcore.decorators.ids:HashDecorator",
    "hmac": "kvcore.decorators.hmac:HMACDecorator",
    "prefix": "kvcore.decorators.prefix:PrefixDecorator",
    "random_id": "kvcore.decorators.ids:RandomIdDecorator",
    "readonly": "kvcore.decorators.readonly:ReadOnlyDecorator",
    "urlencode": "kvcore.decorators.urlencode:URLEncodeKeysDecorator",
    "uuid": "kvcore.decorators.ids:UUIDDecorator",
}

BACKENDS: Mapping[str, str] = MappingProxyType(_BACKENDS)
"""Scheme → ``"module:Class"`` of the backends that come with kvcore."""
DECORATORS: Mapping[str, str] = MappingProxyType(_DECORATORS)
"""Name → ``"module:Class"`` of the decorators that come with kvcore."""
BACKEND_GROUP = "kvcore.backends"
"""The entry point group of other distributions' backends."""
DECORATOR_GROUP = "kvcore.decorators"
"""The entry point group of other distributions' decorators."""

DEFAULT_TTL = "default_ttl_secs"
"""The option of every store with time to live; set on the store when it is built."""
_DEFAULT_TTL = Option(
    time_to_live, "seconds (or `forever`) that values live which are put without `ttl_secs`"
)


class Backend(NamedTuple):
    """What stands behind a scheme."""

    store: type[KeyValueStore]
    recipe: StoreRecipe
    implied: Mapping[str, str]
    """Options that the scheme itself says: ``hfs`` says ``keys=path``."""


class Decorator(NamedTuple):
    """What stands behind the name of a decorator."""

    decorator: type[KeyValueStore]
    recipe: DecoratorRecipe


def find_backend(scheme: str) -> Backend:
    """The backend of a scheme; raises `ConfigError` naming the nearest one.

    >>> find_backend("hmemory").implied
    {'keys': 'path'}
    """
    implied: dict[str, str] = {}
    home = _BACKENDS.get(scheme)
    if home is None and scheme[:1] == "h":  # minimalkv's names for keys with "/"
        home = _BACKENDS.get(scheme[1:])
        if home is not None:
            implied = {"keys": "path"}
    store = _ours(home) if home else _theirs(BACKEND_GROUP, scheme)
    recipe = getattr(store, "_recipe", None)
    if isinstance(recipe, Mapping):
        recipe = recipe.get(scheme[1:] if implied else scheme)
    if not isinstance(recipe, StoreRecipe):
        raise ConfigError(f"{_name(store)} has no StoreRecipe: see kvcore.registry")
    if store._declared.ttl:
        recipe = recipe._replace(options={**recipe.options, DEFAULT_TTL: _DEFAULT_TTL})
    return Backend(store, recipe, implied)


def find_decorator(name: str) -> Decorator:
    """The decorator of a name; raises `ConfigError` naming the nearest one."""
    home = _DECORATORS.get(name)
    decorator = _ours(home) if home else _theirs(DECORATOR_GROUP, name)
    recipe = getattr(decorator, "_recipe", None)
    if not isinstance(recipe, DecoratorRecipe):
        raise ConfigError(f"{_name(decorator)} has no DecoratorRecipe: see kvcore.registry")
    return Decorator(decorator, recipe)


def _ours(home: str) -> type[KeyValueStore]:
    module, _, name = home.partition(":")
    found: type[KeyValueStore] = getattr(import_module(module), name)
    return found


@cache
def _theirs(group: str, name: str) -> type[KeyValueStore]:
    from importlib.metadata import entry_points  # 50 ms, for those alone who need others'

    known, what = {
        BACKEND_GROUP: (_BACKENDS, "scheme"),
        DECORATOR_GROUP: (_DECORATORS, "decorator"),
    }[group]
    points = entry_points(group=group)
    candidates = {point.value: point for point in points if point.name == name}
    if not candidates:
        names = {*known, *(point.name for point in points)}
        raise ConfigError(f"there is no {what} {name[:60]!r}{nearest(name, names)}")
    if len(candidates) > 1:
        raise ConfigError(
            f"several distributions offer the {what} {name!r}: {', '.join(sorted(candidates))};"
            " uninstall all but one"
        )
    return _loaded(*candidates.values())


def _loaded(point: EntryPoint) -> type[KeyValueStore]:
    from kvcore.contract import KeyValueStore

    where = f"{point.value} (entry point {point.group!r} {point.name!r})"
    try:
        found = point.load()
    except MissingDependency:
        raise
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{where} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, KeyValueStore)):
        raise ConfigError(f"{where} is no KeyValueStore")
    return found


def _name(cls: type[object]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def load_library(module: str, requirement: str) -> ModuleType:
    """Import a client library; for the one place in a backend that makes its client.

    Raises `MissingDependency` if it is not installed; ``requirement`` is what pip is to install,
    such as ``"kvcore[redis]"``.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # it is there, but something that it needs is not
        raise _missing(module, requirement) from error


def check_library(module: str, requirement: str) -> None:
    """Raise `MissingDependency` if a library is not installed, without importing it."""
    if sys.modules.get(module) is not None:
        return
    from importlib.util import find_spec

    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # the parent of a dotted name
        found = None
    if found is None:
        raise _missing(module, requirement)


def _missing(module: str, requirement: str) -> MissingDependency:
    return MissingDependency(f"{module!r} is not installed: pip install '{requirement}'")
