"""Fixtures: each kind of store to decorate, both formats of signed values, a caller's file."""

from pathlib import Path

import pytest

from kvcore import KeyValueStore
from tests.decorators.stores import INNER
from tests.decorators.values import VALUE


@pytest.fixture(params=INNER)
def inner(request: pytest.FixtureRequest, tmp_path: Path) -> KeyValueStore:
    """Each kind of store to decorate."""
    return INNER[request.param](tmp_path)


@pytest.fixture(params=[False, True], ids=["frames", "legacy"])
def legacy(request: pytest.FixtureRequest) -> bool:
    """Both formats."""
    return bool(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of the caller's."""
    file = tmp_path / "upload"
    file.write_bytes(VALUE)
    return file
