"""Sessions, as applications and integrations use them."""

from typing import assert_type

import kvcore_django
from django.http import HttpRequest
from flask import Flask
from kvcore_django.sessions import SessionStore
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


async def sessions_of_django(request: HttpRequest) -> None:
    """The session of a request, with its type; lists and revocation, awaited or not."""
    mine = kvcore_django.current_session(request)
    assert_type(mine, SessionStore)
    assert_type(mine.handle, str | None)
    mine.notes["browser"] = "Firefox"
    found = kvcore_django.current_sessions().sessions_for(7, current=mine)
    assert_type(found, list[SessionInfo])
    assert_type(await kvcore_django.current_async_sessions().revoke_user(7, keep=mine), int)
