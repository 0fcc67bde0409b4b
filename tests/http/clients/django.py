"""The Django site through `django.test.Client`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing

import pytest
from django.test import Client
from pytest_django import Settings

from example_sites.shelf import places
from kvcore import KeyValueStore
from tests.http.clients import Site


class DjangoSite(Site):
    """With its CSRF protection, which Django's client leaves out unless asked."""

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        content_type = headers.get("Content-Type", "text/plain")
        client = Client(enforce_csrf_checks=True)
        with closing(
            client.generic(method, path, body, content_type, headers=dict(headers))
        ) as response:
            content = b"".join(response) if response.streaming else response.content
        cookies = [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]
        return response.status_code, [*response.headers.items(), *cookies], content


@pytest.fixture
def django_site(store: KeyValueStore, max_bytes: int, settings: Settings) -> DjangoSite:
    """The site with its stores, sessions and limits set."""
    settings.KVCORE_STORES = {"default": store}
    settings.SESSION_ENGINE = "kvcore_django.sessions"
    settings.KVCORE_SESSION_POLICY = places.POLICY
    settings.SHELF_MAX_BYTES = max_bytes
    return DjangoSite(store)
