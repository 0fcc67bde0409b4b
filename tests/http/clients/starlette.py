"""The Starlette site through `starlette.testclient.TestClient`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from starlette.testclient import TestClient

from example_sites.starlette_site import create_app
from kvcore import KeyValueStore
from tests.http.clients import Answer, Upload


class StarletteSite:
    """Lists what is in the store."""

    def __init__(self, client: TestClient, store: KeyValueStore) -> None:
        self.client, self.store = client, store

    def get(self, path: str, headers: Mapping[str, str] = {}, method: str = "GET") -> Answer:
        return self._ask(method, path, headers=headers)

    def post(
        self,
        path: str,
        fields: Mapping[str, str] = {},
        picture: Upload | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        files = {} if picture is None else {"files": {"picture": picture}}
        return self._ask("POST", path, headers=headers, data=dict(fields), **files)

    def put(self, key: str, data: bytes) -> None:
        self.store.with_keys("path").put(key, data)

    def _ask(self, method: str, path: str, **options: object) -> Answer:
        response = self.client.request(method, path, follow_redirects=False, **options)
        return Answer(response.status_code, dict(response.headers), response.content)


@pytest.fixture
def starlette_site(store: KeyValueStore, max_bytes: int) -> Iterator[StarletteSite]:
    """An app of its own, started and stopped."""
    app = create_app({"default": store}, max_bytes=max_bytes)
    with TestClient(app, base_url="http://localhost") as client:
        yield StarletteSite(client, store)
