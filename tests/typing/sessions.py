"""Sessions, as applications and integrations use them."""

from typing import assert_type

from flask import Flask
from kvcore_flask import KVSession, KVSessionExtension, current_sessions, session

from kvcore import AsyncSessions, CookiePolicy, DictStore, Session, SessionPolicy, Sessions
from kvcore.aio import InlineStore
from kvcore.sessions import PruneReport, Saved, SessionEvent, SessionInfo


def integrate() -> None:
    events: list[SessionEvent] = []
    sessions = Sessions(
        DictStore(),
        ["old", b"new"],
        policy=SessionPolicy(idle_secs=60, absolute_secs=3600),
        on_event=events.append,
    )
    opened = assert_type(sessions.open(None), Session)
    opened["a"] = 1
    saved = assert_type(sessions.save(opened), Saved)
    if saved.issued and saved.id is not None:
        assert_type(CookiePolicy().header(sessions.cookie_for(saved.id)), str)
    assert_type(sessions.sessions_for(7, current=opened), list[SessionInfo])
    assert_type(sessions.prune(), PruneReport)
    assert_type(sessions.open("cookie", KVSession), KVSession)


async def awaited() -> None:
    sessions = AsyncSessions(InlineStore(DictStore()), "secret")
    opened = sessions.open("cookie")
    await sessions.load(opened)
    assert_type(await sessions.save(opened), Saved)
    assert_type(await sessions.revoke_user("7", keep=opened), int)


def in_a_view() -> None:
    KVSessionExtension(DictStore()).init_app(Flask(__name__))
    session["cart"] = ["tea"]
    session.permanent = True
    session.notes["browser"] = "Firefox"
    session.regenerate(grace_secs=5)
    assert_type(session.handle, str | None)
    assert_type(current_sessions().revoke_user("7", keep=session), int)
