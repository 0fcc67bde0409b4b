"""A session engine of a project, on ours."""

from kvcore_django import sessions

from kvcore.sessions import SessionEvent

AGE_SECS = 1234
events: list[SessionEvent] = []


class SessionStore(sessions.SessionStore):
    """With its own age, and with alarms."""

    def get_session_cookie_age(self) -> int:
        return AGE_SECS

    @classmethod
    def on_event(cls, event: SessionEvent) -> None:
        events.append(event)
