"""The example sites as a browser uses them; one module per framework makes the requests.

A `Site` keeps cookies, sends forms with what their page says belongs to them, and is signed in.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import NamedTuple, TypeAlias

from example_sites import shelf
from kvcore import KeyValueStore

OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
"""What a browser adds to a form of the site's own."""

ELSEWHERE = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
"""What a browser adds to a request that a page of another origin makes."""

ANN = "Ann"
"""Who is signed in when a test begins."""

Upload: TypeAlias = tuple[str, bytes, str]
"""File name, content, and the type that the client claims."""


class Answer(NamedTuple):
    """A response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Site(ABC):
    """A running example site over ``store``. Safe to use in several threads."""

    def __init__(self, store: KeyValueStore) -> None:
        self.store = store
        self.cookies: dict[str, str] = {}
        self.sign_in(ANN)

    @abstractmethod
    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        """One request, without cookies of its own; redirects are not followed."""

    def get(self, path: str, headers: Mapping[str, str] = {}, method: str = "GET") -> Answer:
        """A GET (or HEAD) request."""
        return self._send(method, path, headers)

    def post(
        self,
        path: str,
        fields: Mapping[str, str] = {},
        *pictures: Upload | None,
        headers: Mapping[str, str] = OURS,
    ) -> Answer:
        """A POST as one of the site's own forms makes it, or, with `ELSEWHERE`, a foreign one."""
        fields = dict(fields)
        if headers is not ELSEWHERE:  # another site cannot read our page, so it has no token
            page = self._send("GET", "/sign-in", {}).text
            fields |= dict(re.findall('name="(csrf\\w+)" value="([^"]+)"', page))
        content = {"Content-Type": "multipart/form-data; boundary=BoUnDaRy"}
        return self._send("POST", path, {**headers, **content}, encoded(fields, *pictures))

    def sign_in(self, name: str) -> Answer:
        """Be somebody (else)."""
        self.cookies.clear()
        return self.post("/sign-in", {"name": name})

    def put(self, name: str, data: bytes, title: str = "put", owner: str = ANN) -> None:
        """Put something on the shelf past the site's own checks."""
        picture = shelf.Picture(name, title, owner, datetime.now(UTC))
        store = self.store.with_keys("path")
        store.put(picture.key, data)
        store.put(picture.record_key, picture.dump())

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Host": "localhost", **({"Cookie": cookie} if cookie else {}), **headers}
        status, found, content = self.ask(method, path, sent, body)
        answer = Answer(status, {name.lower(): value for name, value in found}, content)
        for name, value in found:
            if name.lower() == "set-cookie":
                for morsel in SimpleCookie(value).values():
                    self._keep(morsel.key, morsel.value)
        return answer

    def _keep(self, name: str, value: str) -> None:
        if value in {"", "null"}:  # how the frameworks remove one
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def encoded(fields: Mapping[str, str], *pictures: Upload | None) -> bytes:
    """A form as browsers send it."""
    parts = [
        f'--BoUnDaRy\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    for name, content, content_type in filter(None, pictures):
        quoted = name.replace("\\", "\\\\").replace('"', "%22")
        head = (
            f'--BoUnDaRy\r\nContent-Disposition: form-data; name="picture"; filename="{quoted}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        )
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + b"--BoUnDaRy--\r\n"
