"""What was acknowledged with durability="full" survives a power cut."""

from typing import Any

import pytest

from tests.backends.filesystem.variants import STORES
from tests.faults.mounts import may_mount, run_mounting
from tests.soak import SOAK, count

CUTS = "tests.backends.filesystem.powercuts"


@pytest.fixture(scope="module", autouse=True)
def _disks() -> None:
    """A disk to cut the power of takes root, a loop device and mkfs.ext4."""
    if not may_mount() or not run_mounting(f"{CUTS}:can_make_disks"):
        pytest.skip("no ext4 can be mounted by a loop device here")


@pytest.mark.parametrize("store", STORES if SOAK else ["nameless"])
def test_acknowledged_values_survive(store: str, record_property: Any) -> None:
    """After each verb that returned, the disk alone has all that it did, new directories too."""
    found = run_mounting(f"{CUTS}:cut", store, "full", count(1, 50))
    record_property("cuts", found["cuts"])
    assert found["lost"] == []
    assert found["cuts"] > 0


def test_power_cuts_are_real() -> None:
    """Without syncs values are lost by these very cuts, as documented for ``"atomic"``."""
    found = run_mounting(f"{CUTS}:cut", "nameless", "atomic", 1)
    assert found["lost"]
