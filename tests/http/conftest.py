"""Fixtures of the suite: a store in a folder, and each site over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvcore import FilesystemStore, KeyValueStore
from tests.http.clients import Site
from tests.http.clients.django import django_site as django_site
from tests.http.clients.flask import flask_site as flask_site
from tests.http.clients.starlette import starlette_site as starlette_site


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyValueStore]:
    """The store of the pictures."""
    with FilesystemStore(tmp_path / "pictures") as store:
        yield store


@pytest.fixture
def max_bytes() -> int:
    """The largest picture that the sites take."""
    return 1_000_000


@pytest.fixture(
    params=[
        pytest.param("django", marks=pytest.mark.django_db(transaction=True)),
        "flask",
        "starlette",
    ]
)
def site(request: pytest.FixtureRequest) -> Site:
    """Each of the three sites."""
    found: Site = request.getfixturevalue(f"{request.param}_site")
    return found
