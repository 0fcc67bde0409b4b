"""What happens in the life of sessions, for logs and alarms. No event carries an id."""

from __future__ import annotations

import logging
from typing import ClassVar


class SessionEvent:
    """Something happened to a session; ``handle`` is the hash of its id, if there is one.

    ``level`` is that of the line in the log ``kvcore.sessions``.
    """

    __slots__ = ("detail", "handle")
    level: ClassVar[int] = logging.INFO
    text: ClassVar[str] = "something happened"

    def __init__(self, handle: str | None = None, detail: str = "") -> None:
        self.handle: str | None = handle
        self.detail: str = detail
        """More about it, such as what failed; never an id, never what the session holds."""

    def __str__(self) -> str:
        who = "a session" if self.handle is None else f"session {self.handle[:12]}"
        return f"{who} {self.text}{': ' if self.detail else ''}{self.detail}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


class SessionCreated(SessionEvent):
    """A first value was stored for a visitor."""

    __slots__ = ()
    text = "was created"


class SessionRotated(SessionEvent):
    """A session got another id; ``detail`` is the handle that it had."""

    __slots__ = ()
    text = "took the place of another"


class SessionEnded(SessionEvent):
    """A session was destroyed, or emptied, by its own request."""

    __slots__ = ()
    text = "was ended"


class SessionRevoked(SessionEvent):
    """A session was ended from elsewhere."""

    __slots__ = ()
    text = "was revoked"


class SessionExpired(SessionEvent):
    """A cookie came for a session that is over."""

    __slots__ = ()
    text = "has expired"


class SessionUnknown(SessionEvent):
    """A cookie of ours came for a session that is not there (any more)."""

    __slots__ = ()
    text = "is not there"


class SessionRejected(SessionEvent):
    """A cookie came that we did not sign. Many of them are an attack."""

    __slots__ = ()
    level = logging.WARNING
    text = "was asked for with a cookie that is not ours"


class SessionUnreadable(SessionEvent):
    """What lies in the store is no session; the visitor gets a new one."""

    __slots__ = ()
    level = logging.ERROR
    text = "is not readable"


class SessionLost(SessionEvent):
    """A request changed a session that another one ended meanwhile; the changes are dropped."""

    __slots__ = ()
    level = logging.WARNING
    text = "was ended by another request, so the changes of this one were dropped"


class SessionConflict(SessionEvent):
    """Too many requests changed a session at once; the last one was written as it was."""

    __slots__ = ()
    level = logging.WARNING
    text = "was changed by too many requests at once; the last one won"


class SessionStoreFailed(SessionEvent):
    """The store failed, and the policy lets requests go on without it."""

    __slots__ = ()
    level = logging.ERROR
    text = "could not be asked for"


def log(event: SessionEvent) -> None:
    """Write an event to the log ``kvcore.sessions``."""
    logging.getLogger("kvcore.sessions").log(event.level, "%s", event)
