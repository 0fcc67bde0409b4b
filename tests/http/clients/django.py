"""The Django site through `django.test.Client`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing

import pytest
from django.db import connections
from django.test import Client
from pytest_django import Settings

from kvcore import KeyValueStore
from tests.http.clients import ELSEWHERE, Answer, Upload


class DjangoSite:
    """Its database has a row for each picture."""

    def __init__(self, store: KeyValueStore) -> None:
        self.store = store

    def get(self, path: str, headers: Mapping[str, str] = {}, method: str = "GET") -> Answer:
        return self._ask(Client(), method, path, headers=headers)

    def post(
        self,
        path: str,
        fields: Mapping[str, str] = {},
        picture: Upload | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        client = Client(enforce_csrf_checks=True)
        fields = dict(fields)
        if headers != ELSEWHERE:  # another site cannot read our page, so it has no token
            page = self._ask(client, "GET", "/").text
            token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)
            assert token is not None
            fields["csrfmiddlewaretoken"] = token[1]
        form = {
            "data": encoded(fields, picture),
            "content_type": "multipart/form-data; boundary=BoUnDaRy",
        }
        return self._ask(client, "POST", path, headers=headers, **form)

    def put(self, key: str, data: bytes) -> None:
        from example_sites.django_site.models import Picture

        self.store.with_keys("path").put(key, data)
        Picture.objects.create(file=key, size=len(data))

    def _ask(self, client: Client, method: str, path: str, **options: object) -> Answer:
        send = {"GET": client.get, "HEAD": client.head, "POST": client.post}[method]
        host = {"SERVER_NAME": "localhost"}
        with closing(send(path, **host, **options)) as response:
            body = b"".join(response) if response.streaming else response.content
        connections.close_all()  # each thread has its own
        return Answer(
            response.status_code, {k.lower(): v for k, v in response.headers.items()}, body
        )


def encoded(fields: Mapping[str, str], picture: Upload | None) -> bytes:
    """A form as browsers send it; Django's own client knows no file without a name."""
    parts = [
        f'--BoUnDaRy\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    if picture is not None:
        name, content, content_type = picture
        name = name.replace("\\", "\\\\").replace('"', "%22")
        head = (
            f'--BoUnDaRy\r\nContent-Disposition: form-data; name="picture"; filename="{name}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        )
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + b"--BoUnDaRy--\r\n"


@pytest.fixture
def django_site(
    store: KeyValueStore, max_bytes: int, settings: Settings, transactional_db: None
) -> DjangoSite:
    """The site with its stores and limits set; its tables are emptied afterwards."""
    settings.KVCORE_STORES = {"default": store}
    settings.SHELF_MAX_BYTES = max_bytes
    return DjangoSite(store)
