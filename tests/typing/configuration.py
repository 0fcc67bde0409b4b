"""Typed usage of configuration, for type checkers: checked by pyright, never run."""

from collections.abc import Callable, Mapping
from typing import assert_type

from kvcore import (
    DictStore,
    KeyValueStore,
    StoreConfig,
    StorePlan,
    Stores,
    store_from_config,
    store_from_url,
)


def from_urls(settings: Mapping[str, object], make: Callable[[], DictStore]) -> None:
    assert_type(store_from_url("memory://"), KeyValueStore)
    assert_type(store_from_config("memory://"), KeyValueStore)
    assert_type(store_from_config({"url": "memory://", "decorators": ["readonly"]}), KeyValueStore)
    assert_type(store_from_config(settings), KeyValueStore)
    assert_type(store_from_config(DictStore()), DictStore)
    assert_type(store_from_config(make), DictStore)
    store_from_config(7)  # pyright: ignore[reportCallIssue, reportArgumentType] # no configuration
    assert_type(StorePlan.from_config("memory://").build(), KeyValueStore)


def named(config: StoreConfig) -> None:
    with Stores({"a": "memory://", "b": config, "c": DictStore(), "d": DictStore}) as stores:
        assert_type(stores, Stores)
        assert_type(stores["a"], KeyValueStore)
        assert_type(list(stores), list[str])
    assert_type(Stores.from_env(), Stores)


config: StoreConfig = {
    "url": "fs:///srv/media",
    "perm": 0o640,
    "decorators": ["readonly", {"prefix": "media/"}, {"hmac": {"secret_key": "env:KEY"}}],
}
wrong: StoreConfig = {"url": "fs://x", "durabilty": ""}  # pyright: ignore[reportAssignmentType]
