"""What becomes of a session that two requests changed at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvcore.sessions.serializing import Serializer


def changes(
    base: Mapping[str, Any], mine: Mapping[str, Any], serializer: Serializer
) -> tuple[dict[str, Any], set[str]]:
    """What was set, and what was removed, between two states; told by the serialised values."""
    was_set = {
        key: value
        for key, value in mine.items()
        if key not in base or serializer.dumps({key: value}) != serializer.dumps({key: base[key]})
    }
    return was_set, base.keys() - mine.keys()


def merge(
    base: Mapping[str, Any],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    serializer: Serializer,
) -> dict[str, Any]:
    """Their state with my changes of ``base``; what both changed is as I have it.

    >>> from kvcore.sessions import TaggedJSON
    >>> merge({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "c": 3}, TaggedJSON())
    {'a': 2, 'c': 3}
    """
    was_set, removed = changes(base, mine, serializer)
    theirs_set, _ = changes(base, theirs, serializer)
    kept = {
        # What nobody changed stays the object that was lent: it may change yet.
        key: value if key in theirs_set else mine[key]
        for key, value in theirs.items()
        if key not in removed
    }
    return {**kept, **was_set}
