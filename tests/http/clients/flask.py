"""The Flask site through `Flask.test_client`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing

import pytest
from flask import Flask, Request
from flask.testing import EnvironBuilder

from example_sites.flask_site import create_app
from kvcore import KeyValueStore
from tests.http.clients import Site


class FlaskSite(Site):
    """An app of its own."""

    def __init__(self, app: Flask, store: KeyValueStore) -> None:
        self.app = app
        super().__init__(store)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        builder = EnvironBuilder(self.app, path, method=method, headers=dict(headers), data=body)
        client = self.app.test_client(use_cookies=False)
        with closing(builder), client.open(Request(builder.get_environ())) as response:
            return response.status_code, list(response.headers), response.get_data()


@pytest.fixture
def flask_site(store: KeyValueStore, max_bytes: int) -> FlaskSite:
    """An app of its own."""
    config = {"TESTING": True, "KVCORE_STORES": {"default": store}, "MAX_BYTES": max_bytes}
    return FlaskSite(create_app(config), store)
