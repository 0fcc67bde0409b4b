"""Names for the objects of google-cloud-storage, which has no types."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

GoogleClient: TypeAlias = Any
Bucket: TypeAlias = Any
Blob: TypeAlias = Any
"""The client's handle on an object, which may not exist."""
Session: TypeAlias = Any
"""Of requests, as google-auth has it: it signs what it sends."""
Response: TypeAlias = Any
Credentials: TypeAlias = Any
Json: TypeAlias = Any

Timeout: TypeAlias = tuple[float, float]
"""Seconds: until connected, until something moves."""


class Client(Protocol):
    """A ``google.cloud.storage.Client``."""

    @property
    def api_endpoint(self) -> str:
        """Where the service is."""
