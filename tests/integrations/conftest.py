"""Stores of each kind that an integration is tried on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kvcore_django.storage import KVStorage

from kvcore import DictStore, FilesystemStore, KeyValueStore, store_from_url
from tests.redis_servers import RedisServer


@pytest.fixture(params=["memory", "folder", "redis"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyValueStore]:
    """An empty store: in memory, in a folder, in a Valkey server."""
    if request.param == "memory":
        yield DictStore()
    elif request.param == "folder":
        yield FilesystemStore(tmp_path / "files")
    else:
        server: RedisServer = request.getfixturevalue("empty_valkey")
        with store_from_url(server.url()) as store:
            yield store


@pytest.fixture
def store(any_store: KeyValueStore) -> KeyValueStore:
    """The same; modules whose tests need settings or the like have their own."""
    return any_store


@pytest.fixture
def storage(store: KeyValueStore) -> KVStorage:
    """Django's storage over it."""
    return KVStorage(store)


@pytest.fixture(params=["folder", "redis"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store that several processes share."""
    if request.param == "folder":
        return f"fs://{tmp_path}/shared"
    server: RedisServer = request.getfixturevalue("empty_valkey")
    return server.url()
