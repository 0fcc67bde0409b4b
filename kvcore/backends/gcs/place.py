"""`Place`: where the objects of a store are."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """The objects of a store."""

    bucket: str
    prefix: str = ""
    user_project: str | None = None
    """Who pays, where the bucket asks that of those who read."""
    kms_key: str | None = None
