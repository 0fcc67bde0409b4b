"""The Flask site through `Flask.test_client`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Request
from flask.testing import EnvironBuilder

from example_sites.flask_site import create_app
from kvcore import KeyValueStore
from tests.http.clients import Answer, Upload


class FlaskSite:
    """Lists what is in the store."""

    def __init__(self, app: Flask, store: KeyValueStore) -> None:
        self.app, self.store = app, store

    def get(self, path: str, headers: Mapping[str, str] = {}, method: str = "GET") -> Answer:
        return self._ask(method, path, headers=headers)

    def post(
        self,
        path: str,
        fields: Mapping[str, str] = {},
        picture: Upload | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        data: dict[str, object] = dict(fields)
        if picture is not None:
            name, content, content_type = picture
            data["picture"] = (BytesIO(content), name, content_type)
        return self._ask(
            "POST", path, headers=headers, data=data, content_type="multipart/form-data"
        )

    def put(self, key: str, data: bytes) -> None:
        self.store.with_keys("path").put(key, data)

    def _ask(self, method: str, path: str, **options: Any) -> Answer:
        builder = EnvironBuilder(self.app, path, method=method, **options)
        environ = builder.get_environ()
        # The test client leaves a large form that it wrote to disk open.
        with closing(builder), closing(environ["wsgi.input"]):
            with self.app.test_client().open(Request(environ)) as response:
                headers = {k.lower(): v for k, v in response.headers.items()}
                return Answer(response.status_code, headers, response.get_data())


@pytest.fixture
def flask_site(store: KeyValueStore, max_bytes: int) -> FlaskSite:
    """An app of its own."""
    config = {"TESTING": True, "KVCORE_STORES": {"default": store}, "MAX_BYTES": max_bytes}
    return FlaskSite(create_app(config), store)
