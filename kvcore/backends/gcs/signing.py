"""Signed URLs of Google Cloud Storage."""

from __future__ import annotations

from kvcore.backends.gcs.client import Connector
from kvcore.backends.gcs.place import Place
from kvcore.contract import UrlOptions
from kvcore.errors import Unsupported

URL_METHODS: frozenset[str] = frozenset()
URL_OPTIONS: frozenset[str] = frozenset()


def url_for(
    connector: Connector, place: Place, name: str, options: UrlOptions, key: str, store: object
) -> str:
    """A URL for one object; ``connector`` has the credentials and the endpoint."""
    raise Unsupported("no signed URLs yet", key=key, store=store)
