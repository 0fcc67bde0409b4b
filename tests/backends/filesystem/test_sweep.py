"""Any one system call may fail, fall short, or be the last: values stay whole, nothing is left.

The faults are made by a preloaded shim (tests/faults); tests/faults/test_shim.py proves that it
sees every kind of call.
"""

from typing import Any

import pytest

from tests.backends.filesystem.sweep import FAULTS, OPERATIONS
from tests.backends.filesystem.variants import DURABILITIES, STORES
from tests.faults.shim import KINDS, run_preloaded
from tests.soak import SOAK

ALL = {(store, durability): list(FAULTS) for store in STORES for durability in DURABILITIES}
SOME = {
    ("nameless", "full"): [
        *("EIO once", "ENOSPC from then on", "short from then on", "killed after"),
    ],
    ("nameless", "atomic"): ["EIO from then on", "EIO once, though done", "ENOSPC once"],
    ("named", "full"): ["EIO once", "killed after"],
    ("named", "atomic"): ["EIO once"],
    ("portable", "full"): ["EIO once"],
}
SWEEPS = ALL if SOAK else SOME


@pytest.mark.parametrize(("store", "durability"), SWEEPS)
def test_any_call_may_fail(store: str, durability: str, record_property: Any) -> None:
    """After a fault at any system call a value is old or new, and nothing is lost, left or open.

    An operation that did not raise has its effect; other keys and the caller's file are as they
    were; the same store works again at once.
    """
    faults = SWEEPS[store, durability]
    found = run_preloaded(
        "tests.backends.filesystem.sweep:sweep", store, durability, faults, list(OPERATIONS)
    )
    record_property("runs", found["runs"])
    assert found["wrong"] == []
    assert found["runs"] > 200 * len(faults) / 2


@pytest.mark.parametrize("store", STORES)
def test_any_call_of_a_read_may_fail(store: str) -> None:
    """With a fault at any system call a read gives what was put, or raises; nothing stays open.

    The caller's file, which it is to fill, is filled whole or not touched.
    """
    found = run_preloaded("tests.backends.filesystem.read_sweep:sweep", store)
    assert found["wrong"] == []
    assert found["runs"] > 50


def test_sweep_meets_every_kind_of_call() -> None:
    """The swept operations make every kind of call that the shim can spoil, so none is left out."""
    kinds: set[str] = set()
    for store in STORES:
        arguments = (store, "full", [], list(OPERATIONS))
        found = run_preloaded("tests.backends.filesystem.sweep:sweep", *arguments)
        assert found["wrong"] == []
        kinds |= {kind for seen in found["kinds"].values() for kind in seen}
    assert kinds == set(KINDS)
