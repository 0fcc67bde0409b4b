"""Names for the objects of boto3, whose types come from packages that our users may not have."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

Boto: TypeAlias = Any
"""A client of boto3 for S3."""
Session: TypeAlias = Any
"""A session of boto3."""
Credentials: TypeAlias = Any
"""What a session signs with; renews itself where it can."""
Request: TypeAlias = Any
Operation: TypeAlias = Any
Answer: TypeAlias = Any
"""What a method of the client returns, or a part of it."""


class Client(Protocol):
    """A client of boto3 for S3, as ``boto3.client("s3")`` gives it."""

    @property
    def meta(self) -> Any:  # noqa: ANN401  # of another package
        """What the client knows of itself."""
