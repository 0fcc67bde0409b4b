"""The store in its three forms, on an empty directory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvcore import FilesystemStore
from tests.backends.filesystem.variants import STORES, new_store


@pytest.fixture(params=STORES)
def variant(request: pytest.FixtureRequest) -> str:
    """The name of a form of the store."""
    return str(request.param)


@pytest.fixture
def make(variant: str, tmp_path: Path) -> Callable[..., FilesystemStore]:
    """Makes handles on one root, which does not exist yet."""

    def make(**options: Any) -> FilesystemStore:
        return new_store(variant, tmp_path / "root", **options)

    return make


@pytest.fixture
def store(make: Callable[..., FilesystemStore]) -> FilesystemStore:
    """A store with paths as keys, that does not sync."""
    return make()
