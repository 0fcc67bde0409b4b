"""The preloaded shim sees what it is to see: else a fault sweep would prove nothing."""

from typing import Any

import pytest

from tests.faults.probe import CALLS
from tests.faults.shim import KINDS, run_preloaded

BY_SIZE = ("read", "write", "copy", "sendfile")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """What the shim made of every call."""
    return dict(run_preloaded("tests.faults.probe:probe"))


@pytest.mark.parametrize("name", CALLS)
def test_call_is_intercepted(found: dict[str, Any], name: str) -> None:
    """Each call below the watched path is seen, fails on demand, and is shortened if it can be."""
    one = found[name]
    assert one["kind"] in one["seen"]
    assert one["seen beside"] == []
    assert one["fails"] == "EIO"
    assert one["fails late"] == "EIO"
    assert one["shortens"] == (2 if one["kind"] in BY_SIZE else "passes")


def test_every_kind_is_probed(found: dict[str, Any]) -> None:
    """No kind of call that a sweep counts goes unproven."""
    assert {one["kind"] for one in found.values()} == set(KINDS)
