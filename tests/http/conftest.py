"""Fixtures of the suite: a store, and each site over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvcore import KeyValueStore, store_from_url
from tests.http.clients import Site
from tests.http.clients.django import django_site as django_site
from tests.http.clients.flask import flask_site as flask_site
from tests.http.clients.starlette import starlette_site as starlette_site


@pytest.fixture(params=["memory", "fs", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValueStore]:
    """The store of the pictures."""
    url = {"memory": "memory://", "fs": f"fs://{tmp_path.as_posix()}/pictures"}.get(request.param)
    if url is None:
        url = request.getfixturevalue("empty_valkey").url()
    with store_from_url(url) as store:
        yield store


@pytest.fixture
def max_bytes() -> int:
    """The largest picture that the sites take."""
    return 1_000_000


@pytest.fixture(params=["django", "flask", "starlette"])
def site(request: pytest.FixtureRequest, store: KeyValueStore) -> Site:
    """Each of the three sites, over each kind of store."""
    found: Site = request.getfixturevalue(f"{request.param}_site")
    return found
