"""The table of mutants, which their modules fill."""

from typing import Any, NamedTuple

from kvcore import DictStore
from kvcore.testing import contract as suite


class Mutant(NamedTuple):
    """A store with a bug, and who catches it."""

    store: type[DictStore]
    part: type[suite.StoreFixtures]


MUTANTS: dict[str, Mutant] = {}


def caught_by(part: type[suite.StoreFixtures]) -> Any:
    """Add a store to the table."""

    def add(store: type[DictStore]) -> type[DictStore]:
        MUTANTS[store.__name__] = Mutant(store, part)
        return store

    return add
