"""`Notes`: what a store told of sessions' ends, so that it need not be asked each time."""

from __future__ import annotations

from typing import NamedTuple

_NOTED = 1024


class Note(NamedTuple):
    """What a store told of a session's life. Times are seconds since 1970."""

    seen: float
    """The version that it was told of: when that was written."""
    ends: float
    due: float
    """Until when that need not be asked again."""


class Notes:
    """Some notes, of the sessions that were asked for last. Safe to share between threads."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}

    def find(self, handle: str, now: float) -> Note | None:
        """The note of a session, unless that is to be asked for again."""
        note = self._notes.get(handle)
        return note if note is not None and now < note.due else None

    def take(self, handle: str, note: Note) -> None:
        """Note what was told; the oldest is forgotten."""
        notes = self._notes
        if len(notes) >= _NOTED and handle not in notes:
            try:
                notes.pop(next(iter(notes)), None)
            except (RuntimeError, StopIteration):
                pass  # another thread was at it, and has made room
        notes[handle] = note

    def drop(self, handle: str) -> None:
        """Ask again."""
        self._notes.pop(handle, None)
