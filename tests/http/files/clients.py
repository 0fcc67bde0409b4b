"""Who asks the apps: each framework's own test client, and one that goes over the wire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from io import BytesIO
from typing import TYPE_CHECKING

from tests.http.clients import Answer
from tests.http.files.apps import django, fastapi, flask, starlette
from tests.servers import HOST, Server

if TYPE_CHECKING:
    from kvcore import KeyValueStore

BOUNDARY = "BoUnDaRy"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(data: bytes, name: str = "cat.png", content_type: str = "image/png") -> bytes:
    """A form with one file, as browsers send it."""
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    )
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


class App(ABC):
    """An app that is asked over HTTP."""

    @abstractmethod
    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        """One request."""

    def get(self, path: str, headers: Mapping[str, str] = {}, method: str = "GET") -> Answer:
        """A GET (or HEAD) request."""
        return _answer(self.ask(method, path, headers, b""))

    def upload(
        self,
        data: bytes,
        name: str = "cat.png",
        content_type: str = "image/png",
        to: str = "/files",
    ) -> Answer:
        """A form with a file."""
        return _answer(self.ask("POST", to, FORM, form(data, name, content_type)))

    def post(self, path: str, body: bytes) -> Answer:
        """A form that was written by hand."""
        return _answer(self.ask("POST", path, FORM, body))


def _answer(got: tuple[int, Iterable[tuple[str, str]], bytes]) -> Answer:
    status, headers, body = got
    return Answer(status, {name.lower(): value for name, value in headers}, body)


class FlaskApp(App):
    """Through `Flask.test_client`."""

    def __init__(self, store: KeyValueStore) -> None:
        self._app = flask.create_app(store)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        asked = {"method": method, "headers": headers, "input_stream": BytesIO(body)}
        if body:
            asked["content_length"] = len(body)
        with self._app.test_client().open(path, **asked) as response:
            return response.status_code, response.headers.items(), response.get_data()


class AsgiApp(App):
    """Through `starlette.testclient.TestClient`."""

    def __init__(self, app: object) -> None:
        from starlette.testclient import TestClient

        self.client = TestClient(app)  # type: ignore[arg-type]

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        response = self.client.request(method, path, headers=headers, content=body)
        return response.status_code, response.headers.multi_items(), response.content


class DjangoApp(App):
    """Through `django.test.Client`."""

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        from django.test import Client

        content_type = dict(headers).get("Content-Type", "")
        response = Client().generic(method, path, body, content_type, headers=headers)
        with closing(response):
            return response.status_code, response.headers.items(), response.getvalue()


@contextmanager
def in_process(kind: str, store: KeyValueStore) -> Iterator[App]:
    """The app of a framework over a store, in this process."""
    if kind == "flask":
        yield FlaskApp(store)
    elif kind == "django":
        from django.test import override_settings

        stores = {"default": store}
        with override_settings(ROOT_URLCONF=django.__name__, KVCORE_STORES=stores, MIDDLEWARE=[]):
            yield DjangoApp()
    else:
        made = AsgiApp({"starlette": starlette, "fastapi": fastapi}[kind].create_app(store))
        with made.client:
            yield made


class ServedApp(App):
    """Over the wire; every request has a connection of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        with closing(HTTPConnection(HOST, self.server.port, timeout=30)) as connection:
            connection.request(method, path, body or None, dict(headers))
            with connection.getresponse() as response:
                return response.status, response.getheaders(), response.read()
