"""A writer may be killed at any moment."""

import random
from typing import Any

import pytest

from tests.backends.filesystem.variants import STORES
from tests.faults.children import run
from tests.soak import SOAK, count

CASES = [(store, durability) for store in STORES for durability in ("full", "atomic")]


@pytest.mark.parametrize(
    ("store", "durability"),
    CASES if SOAK else [("nameless", "full"), ("named", "atomic"), ("portable", "atomic")],
)
def test_killed_writer_leaves_old_or_new(store: str, durability: str, record_property: Any) -> None:
    """After SIGKILL a value of 1 MiB is the last acknowledged one or the one under way, whole.

    What the killed left is never listed, and ``sweep`` removes it.
    """
    kills, seed = count(25, 1_000), random.randrange(1 << 32)
    arguments = (store, durability, kills, seed)
    found = run("tests.backends.filesystem.kills:kill_writers", *arguments)
    record_property("kills", {**found, "seed": seed})
    assert found["wrong"] == [], f"seed {seed}"
    assert found["done"] > 0
