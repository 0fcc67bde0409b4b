"""The awaited verbs are the verbs: same names, arguments, answers; for both forms."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from kvcore import (
    AsyncKeyValueStore,
    AsyncStore,
    DictStore,
    InlineStore,
    InvalidKey,
    KeyValueStore,
    PrefixDecorator,
    run_inline,
)

RENAMED = {"close": "aclose", "__contains__": "contains", "__iter__": "__aiter__"}
VERBS = [
    name
    for name, value in inspect.getmembers(KeyValueStore)
    if (not name.startswith("_") or name in RENAMED) and callable(value)
]
PROPERTIES = [
    name
    for name, value in inspect.getmembers(KeyValueStore)
    if not name.startswith("_") and isinstance(value, property)
]


def test_there_are_verbs() -> None:
    """The lists that the tests below go through are those of the contract."""
    assert len(VERBS) >= 25
    assert set(PROPERTIES) == {"capabilities", "default_ttl_secs", "keyspace", "ttl_support"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there_with_the_same_arguments(verb: str) -> None:
    """Names, order, defaults and kinds; whoever adds a verb to the contract adds it here."""
    ours = getattr(AsyncKeyValueStore, RENAMED.get(verb, verb))
    theirs = getattr(KeyValueStore, verb)

    def shape(function: Callable[..., Any]) -> list[tuple[object, ...]]:
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default, p.kind) for p in parameters]

    assert shape(ours) == shape(theirs)
    assert ours.__doc__ or verb.startswith("__")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_awaited_or_iterated(verb: str) -> None:
    """Except what gives a view, which does nothing that could take time."""
    ours = getattr(AsyncKeyValueStore, RENAMED.get(verb, verb))
    waits = inspect.iscoroutinefunction(ours)
    iterates = verb.startswith(("iter_", "__iter"))
    assert waits != (iterates or verb.startswith("with_"))


@pytest.mark.parametrize("form", [AsyncStore, InlineStore])
def test_what_the_store_is_shows_through(form: Callable[..., AsyncKeyValueStore]) -> None:
    """Key space, capabilities, default time to live; each without waiting."""
    inner = DictStore()
    inner.default_ttl_secs = 60
    store = form(inner)
    for name in PROPERTIES:
        assert getattr(store, name) == getattr(inner, name)
        with pytest.raises(AttributeError):
            setattr(store, name, None)
    assert repr(store) == f"<{form.__name__} on {inner!r}>"


def test_a_view_takes_other_keys() -> None:
    """``with_keys`` gives the same form over the same values."""
    store = InlineStore(DictStore())
    files = store.with_keys("path")
    assert isinstance(files, InlineStore)
    assert run_inline(files.put("a/b", b"value")) == "a/b"
    assert run_inline(files.get("a/b")) == b"value"
    with pytest.raises(InvalidKey):
        run_inline(store.get("a/b"))


def test_decorators_go_inside() -> None:
    """The whole stack runs in one call."""
    inner = DictStore()
    store = InlineStore(PrefixDecorator("media-", inner))
    run_inline(store.put("a", b"value"))
    assert inner.keys() == ["media-a"]
    assert run_inline(store.keys()) == ["a"]


@pytest.mark.parametrize("form", [AsyncStore, InlineStore])
@pytest.mark.parametrize("wrong", [None, {}, "memory://", InlineStore(DictStore())])
def test_only_a_store_is_made_async(form: Callable[..., object], wrong: object) -> None:
    """Anything else is refused at once, by its type."""
    with pytest.raises(TypeError, match="goes around a store, not"):
        form(wrong)


def test_in_is_refused() -> None:
    """``key in store`` cannot be awaited; it is an error, not an answer."""
    with pytest.raises(TypeError):
        "key" in AsyncStore(DictStore())  # type: ignore[operator]  # noqa: B015  # that is the test


def test_leaving_closes_the_store_inside() -> None:
    """``async with`` and ``aclose`` let go of what the store opened, also after an error."""
    closed = []

    class Closing(DictStore):
        def _close(self) -> None:
            closed.append(self)

    async def work(store: AsyncKeyValueStore) -> None:
        async with store as same:
            assert same is store
            raise ZeroDivisionError

    inner = Closing()
    with pytest.raises(ZeroDivisionError):
        run_inline(work(InlineStore(inner)))
    assert closed == [inner]


def test_the_store_costs_nothing_until_it_is_used() -> None:
    """``import kvcore`` does not load this room; the lazy name does."""
    code = (
        "import sys, kvcore; assert 'kvcore.aio' not in sys.modules;"
        " kvcore.AsyncStore; assert 'kvcore.aio' in sys.modules;"
        " from kvcore.aio import AsyncStore; assert AsyncStore is kvcore.AsyncStore;"
        " assert 'anyio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
