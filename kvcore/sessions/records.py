"""How a session lies in the store: a line that names the format, a line of facts, the content.

::

    kvcore-session 1
    1795434000.0 1795434600.0 1796643600.0 {"user":"7"}
    {"cart":["tea"]}

The facts are when it began, was seen and expires, and what else there is, as JSON.
"""

from __future__ import annotations

import json
from math import isfinite, nan
from typing import Any, NamedTuple

from kvcore.sessions.ids import is_handle

MOVES = 8
"""How often a session is followed that gets another id again and again."""

_FIRST_LINE = b"kvcore-session 1\n"
_TRACE_CHARS = 16  # of a hash: enough to tell one among a user's sessions
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Record(NamedTuple):
    """One version of a stored session. Times are seconds since 1970, UTC."""

    created: float
    """When it began; for one that is logged in, when that was."""
    seen: float
    """When this version was written."""
    expires: float
    """When it ends unless it is used before, as far as known when it was written."""
    content: bytes = b"{}"
    """What the serializer made."""
    user: str | None = None
    """Whose it is."""
    notes: dict[str, str] = {}  # never changed in place
    moved_to: str | None = None
    """The handle of the session that took the place of this one."""
    listed: float = 0.0
    """Until when the list of its user's sessions names it at least."""
    moved_from: tuple[str, ...] = ()
    """How the handles begin of the sessions that this one took the place of, the last few: who
    ends one of them, ends this."""

    def following(self, handle: str) -> Record:
        """The same, in the place of the session that has this handle."""
        trace = (*self.moved_from, handle[:_TRACE_CHARS])
        return self._replace(moved_from=trace[-MOVES:])

    def follows(self, handle: str) -> bool:
        """Whether it took the place of the session that has, or had, this handle."""
        return handle[:_TRACE_CHARS] in self.moved_from

    def encode(self) -> bytes:
        """The bytes that are stored."""
        rest: dict[str, object] = {}
        if self.user is not None:
            rest["user"] = self.user
        if self.notes:
            rest["notes"] = dict(self.notes)
        if self.moved_to is not None:
            rest["moved_to"] = self.moved_to
        if self.listed:
            rest["listed"] = self.listed
        if self.moved_from:
            rest["moved_from"] = self.moved_from
        facts = _encode(rest).encode() if rest else b"{}"
        times = self.created, self.seen, self.expires
        return b"%b%a %a %a %b\n%b" % (_FIRST_LINE, *times, facts, self.content)

    @classmethod
    def decode(cls, data: bytes) -> Record:
        """Raises ``ValueError`` for bytes that are no record of a version that we know.

        >>> Record.decode(b"garbage")
        Traceback (most recent call last):
            ...
        ValueError: this is no session of a version that is known here
        """
        if not data.startswith(_FIRST_LINE):
            raise ValueError("this is no session of a version that is known here")
        end = data.index(b"\n", len(_FIRST_LINE))
        created, seen, expires, rest = data[len(_FIRST_LINE) : end].split(b" ", 3)
        try:
            began, was_seen, ends = float(created), float(seen), float(expires)
        except ValueError:  # it shows what lies there
            began = was_seen = ends = nan
        if not isfinite(began + was_seen + ends):
            raise ValueError("the times of this session are no numbers")
        record = cls(began, was_seen, ends, data[end + 1 :])
        return record if rest == b"{}" else record._with(rest)

    def _with(self, rest: bytes) -> Record:
        try:
            facts = json.loads(rest)
            return self._replace(
                user=_text(facts.get("user")),
                notes={str(key): str(note) for key, note in facts.get("notes", {}).items()},
                moved_to=_handle(facts.get("moved_to")),
                listed=float(facts.get("listed", 0.0)),
                moved_from=tuple(map(str, facts.get("moved_from", ()))),
            )
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError("the facts of this session are not readable") from error


def _text(value: Any) -> str | None:  # noqa: ANN401  # whatever JSON holds
    return None if value is None else str(value)


def _handle(value: Any) -> str | None:  # noqa: ANN401  # whatever JSON holds
    if value is not None and is_handle(value) is None:
        raise ValueError("a session is named by what is no handle")
    return _text(value)
