"""What the suite needs of a client; one module per framework gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeAlias

from kvcore import KeyValueStore

ELSEWHERE = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
"""What a browser adds to a request that a page of another origin makes."""

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


class Site(Protocol):
    """A running example site over ``store``. Safe to use in several threads."""

    store: KeyValueStore

    def get(self, path: str, headers: Mapping[str, str] = {}, method: str = "GET") -> Answer:
        """A GET (or HEAD) request; redirects are not followed."""
        ...

    def post(
        self,
        path: str,
        fields: Mapping[str, str] = {},
        picture: Upload | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """A POST as one of the site's own forms makes it, or, with `ELSEWHERE`, a foreign one."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Put something on the shelf past the site's own checks."""
        ...
