"""A pytest plugin for tests of applications; load it with ``pytest_plugins``::

    # conftest.py
    pytest_plugins = ["kvcore.testing.plugin"]

It gives the fixtures ``clock``, ``memory_store`` and ``faulty_store``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kvcore import DictStore
from kvcore.testing.clock import Clock
from kvcore.testing.faults import FaultyStore


@pytest.fixture
def clock() -> Clock:
    """A clock that the test moves: ``clock.advance(60)`` lets values of ``memory_store`` expire."""
    return Clock()


@pytest.fixture
def memory_store(clock: Clock) -> Iterator[DictStore]:
    """An empty store in memory for one test, with keys of the path space, timed by ``clock``."""
    with DictStore(keys="path", clock=clock) as store:
        yield store


@pytest.fixture
def faulty_store(memory_store: DictStore) -> FaultyStore:
    """``memory_store`` behind a `FaultyStore` without rates: ``fail_next`` plans its faults."""
    return FaultyStore(memory_store)
