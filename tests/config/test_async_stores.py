"""Named stores, awaited: built beside the event loop, closed together."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from kvcore import AsyncStore, AsyncStores, ConfigError, DictStore, StoreError


class Closing(DictStore):
    """Counts how often it was closed, and may fail then."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.closed = 0
        self._error = error

    def _close(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


def test_every_form_of_entry(tmp_path: Path) -> None:
    """A URL, a ready store, a callable and an awaited store; each made once, with path keys."""
    ready, awaited = DictStore(), AsyncStore(DictStore())
    stores = AsyncStores(
        {"url": f"fs://{tmp_path}", "ready": ready, "made": DictStore, "awaited": awaited},
        keys="path",
    )

    async def main() -> None:
        assert list(stores) == ["url", "ready", "made", "awaited"]
        assert "ready" in stores
        assert "other" not in stores
        for name in stores:
            assert stores[name] is stores[name]
            assert await stores[name].put("a/b", b"value") == "a/b"
        await stores.aclose()
        await awaited.aclose()

    run(main)
    assert ready.with_keys("path").get("a/b") == b"value"


def test_all_are_built_in_a_thread_and_once() -> None:
    """Building may connect; the event loop goes on meanwhile."""
    threads: list[threading.Thread] = []

    def build() -> DictStore:
        threads.append(threading.current_thread())
        return DictStore()

    async def main() -> None:
        async with AsyncStores({"a": build, "b": build}) as stores:
            await asyncio.gather(stores.build(), stores.build())
            assert len(threads) == 2
            await stores.build()
            await stores["a"].put("key", b"value")
        assert len(threads) == 2
        assert threading.main_thread() not in threads

    run(main)


def test_each_that_cannot_be_built_is_named() -> None:
    """One keeps its kind of error, several are told together; the others are built all the same."""

    def broken() -> DictStore:
        raise PermissionError("no entry")

    def wrong() -> DictStore:
        raise ConfigError("the disk is not mounted")

    made = Closing()

    async def main() -> None:
        with pytest.raises(PermissionError, match="no entry") as one:
            await AsyncStores({"bad": broken, "good": DictStore}).build()
        assert one.value.__notes__ == ["while the store 'bad' was built"]
        stores = AsyncStores({"bad": broken, "good": lambda: made, "wrong": wrong})
        with pytest.raises(ConfigError, match=r"'bad' \(no entry\), 'wrong' \(.*not mounted\)"):
            await stores.build()
        await stores.aclose()

    run(main)
    assert made.closed == 1


def test_what_was_built_is_closed_even_if_one_fails() -> None:
    """In the reverse order; what was passed in ready, awaited or not, stays open."""
    built, ready = Closing(), Closing()
    failing, also = Closing(StoreError("stuck")), Closing(StoreError("stuck as well"))
    awaited = Closing()

    async def main() -> None:
        entries = {"built": lambda: built, "ready": ready, "awaited": AsyncStore(awaited)}
        one = AsyncStores({**entries, "failing": lambda: failing})
        await one.build()
        with pytest.raises(StoreError, match="stuck"):
            await one.aclose()
        two = AsyncStores({"failing": lambda: failing, "also": lambda: also})
        await two.build()
        with pytest.raises(StoreError, match=r"'also' \(stuck as well.*'failing' \(stuck"):
            await two.aclose()

    run(main)
    assert (built.closed, ready.closed, awaited.closed, failing.closed) == (1, 0, 0, 2)


def test_what_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `Stores` does: a misspelt URL, a name that is not there, no dict, the environment."""
    with pytest.raises(ConfigError, match="store 'default'"):
        AsyncStores({"default": "memry://"})
    with pytest.raises(ConfigError, match="default"):
        AsyncStores({"default": "memory://"})["defualt"]
    with pytest.raises(ConfigError, match="not list"):
        AsyncStores([])  # type: ignore[arg-type]
    monkeypatch.setenv("KVCORE_STORES", '{"default": "memory://"}')
    assert list(AsyncStores.from_env()) == ["default"]
    monkeypatch.setenv("KVCORE_STORES", '{"default": "memry://"}')
    with pytest.raises(ConfigError, match="KVCORE_STORES: store 'default'"):
        AsyncStores.from_env()
