"""The suite on every mutant, as an author runs it: collected in a child of test_mutants.py."""

from typing import Any

import pytest

from kvcore import DictStore
from kvcore.testing import Clock
from kvcore.testing.contract import StoreFixtures
from tests.kit.mutants import MUTANTS


def run_of(store_class: type[DictStore], part: type[StoreFixtures], name: str) -> type:
    """A test class for one part of the suite and one store."""

    @pytest.fixture
    def store(self: Any, clock: Clock) -> DictStore:
        return store_class(clock=clock)

    def plant(self: Any, store: DictStore, name: str, data: bytes) -> None:
        store.d[name] = data

    return type(name, (part,), {"store": store, "plant": plant, "secrets": ("canary",)})


for mutant in MUTANTS.values():
    mutated, sound = f"Test{mutant.store.__name__}", f"TestSound{mutant.part.__name__}"
    globals()[mutated] = run_of(mutant.store, mutant.part, mutated)
    globals()[sound] = run_of(DictStore, mutant.part, sound)
