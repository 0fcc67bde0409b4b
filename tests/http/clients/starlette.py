"""The Starlette site through `starlette.testclient.TestClient`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pytest
from starlette.testclient import TestClient

from example_sites.starlette_site import create_app
from kvcore import KeyValueStore
from tests.http.clients import Site


class StarletteSite(Site):
    """An app that was started."""

    def __init__(self, client: TestClient, store: KeyValueStore) -> None:
        self.client = client
        super().__init__(store)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        response = self.client.request(
            method, path, headers=dict(headers), content=body, follow_redirects=False
        )
        self.client.cookies.clear()  # the site keeps them
        return response.status_code, response.headers.multi_items(), response.content


@pytest.fixture
def starlette_site(store: KeyValueStore, max_bytes: int) -> Iterator[StarletteSite]:
    """An app of its own, started and stopped."""
    app = create_app({"default": store}, max_bytes=max_bytes)
    with TestClient(app, base_url="http://localhost") as client:
        yield StarletteSite(client, store)
