"""Sessions that were saved, and what was told of them."""

from typing import Any

from kvcore_django.sessions import SessionStore

from kvcore.sessions import SessionEvent


def stored(**content: Any) -> SessionStore:
    session = SessionStore()
    session.update(content)
    session.save()
    return session


def kinds(events: list[SessionEvent]) -> list[str]:
    return [type(event).__name__.removeprefix("Session") for event in events]
