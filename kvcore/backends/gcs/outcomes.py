"""What the service may answer to a request, as far as it needs no client to understand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kvcore.contract import Stat
from kvcore.errors import PreconditionFailed

NOT_FOUND = 404
_GENERATION = re.compile("[1-9][0-9]{0,18}")


class Refused(Exception):
    """The service says no: there is no such object, or a condition does not hold."""

    def __init__(self, status: int, error: Exception, *, unclear: bool) -> None:
        super().__init__(status)
        self.error = error
        """What the client raised."""
        self.is_missing: bool = status == NOT_FOUND
        """Whether there is no such object; else a condition did not hold."""
        self.unclear = unclear
        """Whether the answer to an earlier try of the same request was lost."""


def generation_of(etag: str, key: str, store: object) -> int:
    """The generation that an etag is. Raises `PreconditionFailed` for what is none.

    A generation of 0 would ask for an object that is not there.
    """
    if not _GENERATION.fullmatch(etag):
        raise PreconditionFailed(key=key, store=store)
    return int(etag)


def stat_of(properties: Mapping[str, Any]) -> Stat:
    """What the metadata of an object tell; times in whole seconds, as answers with bytes have."""
    updated = datetime.fromisoformat(properties["updated"]).astimezone(UTC)
    return Stat(
        int(properties["size"]),
        updated.replace(microsecond=0),
        str(properties["generation"]),
        properties.get("contentType"),
    )
