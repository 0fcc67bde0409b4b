"""`StorePlan`: the checked configuration of one store, from which it is built when it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from kvcore.config.arguments import construct, read_arguments, shown
from kvcore.config.urls import redacted, redacted_address, scheme_of, split
from kvcore.contract import Capabilities, KeyValueStore
from kvcore.contract.streams import ReadableClosable
from kvcore.errors import ConfigError, MissingDependency, Unsupported
from kvcore.keys import KeySpace
from kvcore.recipe import Address, DecoratorRecipe, StoreRecipe, query_text
from kvcore.registry import DEFAULT_TTL, check_library, find_backend, find_decorator


class DecoratorPlan(NamedTuple):
    """One decorator of a `StorePlan`."""

    name: str
    options: Mapping[str, Any]
    """Constructor arguments; a secret is a `SecretSource`, which never shows its value."""
    store_class: type[KeyValueStore]
    recipe: DecoratorRecipe

    @classmethod
    def read(cls, name: str, given: Iterable[tuple[str, object]]) -> Self:
        """Check a decorator's options. Raises `ConfigError`, `MissingDependency`."""
        store_class, recipe = find_decorator(name)
        options = read_arguments(recipe.options, given)
        for module, requirement in recipe.requires.items():
            check_library(module, requirement)
        return cls(name, MappingProxyType(options), store_class, recipe)

    def around(self, store: KeyValueStore) -> KeyValueStore:
        """Build the decorator around ``store``."""
        try:
            return construct(self.store_class, self.recipe.options, self.options, store=store)
        except ConfigError as error:
            error.message = f"decorator {self.name!r}: {error.message}"
            raise

    def __repr__(self) -> str:
        texts = shown(self.recipe.options, self.options)
        given = ", ".join(f"{name}={text!r}" for name, text in texts.items())
        return f"{self.name}({given})" if given else self.name


class StorePlan(NamedTuple):
    """A store that could be built: everything that can be checked without opening it is right.

    Frozen, and shows no secret.

    >>> plan = StorePlan.from_config({"url": "hmemory://", "decorators": [{"prefix": "media/"}]})
    >>> plan
    <StorePlan memory://?keys=path, prefix(prefix='media/')>
    >>> plan.build()
    <PrefixDecorator 'media/' on <DictStore memory://?keys=path>>
    """

    url: str
    """For people: without secrets and decorators."""
    options: Mapping[str, Any]
    """Constructor arguments, those of the address included; a secret is a `SecretSource`."""
    decorators: tuple[DecoratorPlan, ...]
    """Innermost first."""
    keyspace: KeySpace
    """The keys that the store with its decorators takes."""
    store_class: type[KeyValueStore]
    recipe: StoreRecipe

    @classmethod
    def from_config(cls, config: str | Mapping[str, object]) -> Self:
        """Read a URL or a dict (`StoreConfig`), without importing a client or opening anything.

        Raises `ConfigError`, and `MissingDependency` for a library that is not installed.
        """
        if isinstance(config, str):
            return cls._read(config, {}, None)
        if not isinstance(config, Mapping):
            raise ConfigError(
                "a store is configured by a URL, a dict with a 'url', a store or a callable,"
                f" not {type(config).__name__}"
            )
        options = dict(config)
        url, decorators = options.pop("url", None), options.pop("decorators", None)
        if not isinstance(url, str):
            raise ConfigError("a store's dict has a 'url', such as {'url': 'fs:///srv/media'}")
        return cls._read(url, options, decorators)

    @classmethod
    def _read(cls, url: str, more: Mapping[str, object], decorators: object) -> Self:
        recipe = None
        try:
            store_class, recipe, implied = find_backend(scheme := scheme_of(url))
            parts = split(url)
            from_address = dict(recipe.address(Address(parts.address)))
            also_options = {
                name: from_address.pop(name) for name in recipe.options if name in from_address
            }
            written = (*implied.items(), *parts.options, *_named(more))
            options = read_arguments(recipe.options, (*also_options.items(), *written))
            _check_together(recipe, from_address, options)
            stack = _read_decorators(parts.decorators, decorators)
            for module, requirement in recipe.requires.items():
                check_library(module, requirement)
            texts = shown(recipe.options, {name: options[name] for name, _ in written})
            start = f"{scheme[1:] if implied else scheme}://"
            return cls(
                url=f"{start}{redacted_address(parts.address, recipe)}{query_text(texts)}",
                options=MappingProxyType(from_address | options),
                decorators=stack,
                keyspace=_tried(store_class, options, stack).keyspace,
                store_class=store_class,
                recipe=recipe,
            )
        except (ConfigError, MissingDependency) as error:
            error.seen_from(redacted(url, recipe), None)
            raise

    def build(self) -> KeyValueStore:
        """Make the store with its decorators, anew with every call.

        Raises `ConfigError` if a secret has gone since, and what the constructors raise.
        """
        options = dict(self.options)
        default_ttl_secs = options.pop(DEFAULT_TTL, None)

        def build(**arguments: Any) -> KeyValueStore:
            return self.recipe.build(self.store_class, **arguments)

        try:
            store = construct(build, self.recipe.options, options)
            try:
                if default_ttl_secs is not None:
                    store.default_ttl_secs = default_ttl_secs
                for decorator in self.decorators:
                    store = decorator.around(store)
            except BaseException:
                store.close()
                raise
        except ConfigError as error:
            error.seen_from(self.url, None)
            raise
        return store

    def __repr__(self) -> str:
        return f"<StorePlan {', '.join([self.url, *map(repr, self.decorators)])}>"


def _named(options: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in options.items():
        if not isinstance(name, str):
            raise ConfigError(f"the name of an option is a str, not {type(name).__name__}")
        yield name, value


def _check_together(
    recipe: StoreRecipe, from_address: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    plain = {name: value for name, value in options.items() if not recipe.options[name].secret}
    try:
        recipe.check({**from_address, **plain})
    except ValueError as error:
        problem = error.message if isinstance(error, ConfigError) else str(error)
    else:
        return
    raise ConfigError(problem)


def _read_decorators(in_url: tuple[str, ...], beside: object) -> tuple[DecoratorPlan, ...]:
    if beside is None:
        beside = in_url
    elif in_url:
        raise ConfigError("decorators stand in the URL or beside it, not in both")
    if not isinstance(beside, list | tuple):
        raise ConfigError(f"'decorators' is a list, innermost first, not {type(beside).__name__}")
    found = tuple(_read_decorator(entry) for entry in beside)
    for decorator in found[:-1]:
        if decorator.recipe.outermost:
            raise ConfigError(f"decorator {decorator.name!r} stands outermost: write it last")
    return found


def _read_decorator(entry: object) -> DecoratorPlan:
    """``"readonly"``, ``{"prefix": "media/"}`` or ``{"hmac": {"secret_key": …, …}}``."""
    value: object = {}
    name: object = entry
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, value),) = entry.items()
    if not isinstance(name, str):
        raise ConfigError(
            "a decorator is a name or a dict of one name, such as 'readonly' or {'prefix': 'a-'}"
        )
    main = find_decorator(name).recipe.main
    try:
        if not isinstance(value, Mapping):
            if main is None:
                raise ConfigError("takes a dict of options, or no value at all")
            value = {main: value}
        return DecoratorPlan.read(name, _named(value))
    except (ConfigError, MissingDependency) as error:
        error.message = f"decorator {name!r}: {error.message}"
        raise


class _Untouched(KeyValueStore):
    """What decorators are tried on when configuration is read: it has keys, and no values."""

    def __init__(self, keyspace: KeySpace, declared: Capabilities) -> None:
        self._declared = declared
        self._use_keyspace(keyspace)

    def _open(self, key: str) -> ReadableClosable:
        raise Unsupported("this is no store", key=key)

    def _put_file(self, *args: Any, **kwargs: Any) -> object:
        raise Unsupported("this is no store")

    def _delete(self, key: str) -> object:
        raise Unsupported("this is no store", key=key)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        raise Unsupported("this is no store")


def _tried(
    store_class: type[KeyValueStore],
    options: Mapping[str, Any],
    decorators: Iterable[DecoratorPlan],
) -> KeyValueStore:
    """A stack of these decorators: what their constructors refuse is refused here."""
    space = store_class._space(options.get("keys", "strict"))
    stack: KeyValueStore = _Untouched(space, store_class._declared)
    for decorator in decorators:
        stack = decorator.around(stack)
    return stack
