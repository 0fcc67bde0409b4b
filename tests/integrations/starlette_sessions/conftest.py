"""Stores that count, of each kind, and applications that read them in each way."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette

from kvcore import AsyncStore, KeyValueStore
from kvcore.sessions import LoadMode
from tests.integrations.starlette_sessions.apps import new_app
from tests.sessions.visitors import WatchedStore


@pytest.fixture
def store(any_store: KeyValueStore) -> WatchedStore:
    """A store of each kind."""
    return WatchedStore(any_store)


@pytest.fixture(params=["inline", "eager", "explicit"])
def mode(request: pytest.FixtureRequest) -> LoadMode:
    """When sessions are read."""
    found: LoadMode = request.param
    return found


@pytest.fixture
def make(store: WatchedStore, mode: LoadMode) -> Callable[..., Starlette]:
    """Makes applications on that store, in that mode; awaited in threads where it is awaited."""
    asked = store if mode == "inline" else AsyncStore(store)
    return lambda *routes, **options: new_app(asked, *routes, **{"mode": mode, **options})


@pytest.fixture
def app(make: Callable[..., Any]) -> Starlette:
    """One of them."""
    found: Starlette = make()
    return found
