"""An application on a store of each kind, and its visitor."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kvcore import KeyValueStore
from tests.integrations.flask_sessions.apps import new_app
from tests.sessions.visitors import WatchedStore


@pytest.fixture
def store(any_store: KeyValueStore) -> WatchedStore:
    """A store of each kind, that counts."""
    return WatchedStore(any_store)


@pytest.fixture
def app(store: WatchedStore) -> Flask:
    """An application on it."""
    return new_app(store)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A visitor."""
    with app.test_client() as client:
        yield client
