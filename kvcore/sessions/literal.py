"""`LiteralSession`: a session of a framework that has session objects and rules of its own."""

from __future__ import annotations

from typing import Any, ClassVar

from kvcore.sessions.session import Session


class LiteralSession(Session):
    """What is stored for a session that a framework holds: saved when and as the framework says.

    Unlike other sessions it is written even if nothing changed, and kept if it is empty. Changes
    that another request made meanwhile are merged, and one that was ended stays ended, as ever.

    >>> from kvcore import DictStore, Sessions
    >>> sessions = Sessions(DictStore(), "a secret")
    >>> session = sessions.open(None, LiteralSession)
    >>> session.begin({})
    >>> saved = sessions.save(session)
    >>> session.become({"cart": ["tea"]})
    >>> saved = sessions.save(session)
    >>> sessions.open(sessions.cookie_for(saved.id))["cart"]
    ['tea']
    """

    literal: ClassVar[bool] = True

    @property
    def content(self) -> dict[str, Any]:
        """All that it holds: the very dict, which the framework may change."""
        return self._ready()

    def begin(self, content: dict[str, Any], session_id: str | None = None) -> None:
        """Have a new session saved; under this id, or `KeyExists` if there is one already."""
        self._begin()
        self._touched = True
        self._hold(content)
        self._wish(id=session_id)

    def become(self, content: dict[str, Any]) -> None:
        """Have this content saved in the place of what it holds."""
        self._writable()
        self._hold(content)

    def clear(self) -> None:
        """Forget everything, as `Session.clear`; the dict that was given out stays as it is."""
        self.become({})
        self._wish(cleared=True)
