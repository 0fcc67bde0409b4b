"""What operators are told about sessions."""

from __future__ import annotations

from typing import NamedTuple


class PruneReport(NamedTuple):
    """What ``prune`` did."""

    removed: int
    """Sessions that had expired."""
    kept: int
    unreadable: int
    """Values under our keys that are no sessions of a version that is known here; they stay."""
