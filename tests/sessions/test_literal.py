"""Sessions of frameworks that say themselves what is saved, and when."""

import pytest

from kvcore import KeyExists
from kvcore.sessions import LiteralSession
from tests.sessions.conftest import Maker
from tests.sessions.visitors import Application

ID = "an id that a framework chose"


class Readable:
    """Ids that a framework makes, in cookies that it sets."""

    def new(self) -> str:
        return ID

    def cookie_for(self, session_id: str) -> str:
        return session_id

    def read(self, cookie: str) -> str | None:
        return cookie

    def is_current(self, cookie: str) -> bool:
        return True


def begun(application: Application, content: dict[str, object]) -> LiteralSession:
    session = application.sessions.open(None, LiteralSession)
    session.begin(content)
    application.sessions.save(session)
    return session


def test_an_empty_one_is_kept(application: Application) -> None:
    """Begun, and emptied."""
    session = begun(application, {})
    handle = session.handle
    assert application.told() == ["Created"]
    session.become({"a": 1})
    session.clear()
    saved = application.sessions.save(session)
    assert (saved.ended, session.handle) == (False, handle)
    assert len(application.sessions.list_sessions()) == 1


def test_it_is_written_without_a_change(application: Application) -> None:
    """So that its time begins anew, and a session that was ended is noticed."""
    session = begun(application, {"a": 1})
    application.clock.advance(900)
    session.become({"a": 1})
    assert application.sessions.save(session).renewed
    application.clock.advance(900)
    [info] = application.sessions.list_sessions()
    application.sessions.revoke(info.handle)
    session.become({"a": 1})
    assert application.sessions.save(session).id is None
    assert "Lost" in application.told()


def test_changes_are_merged(make: Maker) -> None:
    """Those of requests at the same time; but clearing forgets theirs, too."""
    sessions = make(secrets=Readable()).sessions
    first = sessions.open(None, LiteralSession)
    first.begin({"a": 1})
    sessions.save(first)
    first, second = (sessions.open(ID, LiteralSession) for _ in range(2))
    assert first.content == second.content == {"a": 1}
    second.become({"a": 1, "b": 2})
    sessions.save(second)
    first.content["c"] = 3
    first.become(first.content)
    sessions.save(first)
    assert first.content == sessions.open(ID).copy() == {"a": 1, "b": 2, "c": 3}
    second.clear()
    sessions.save(second)
    assert sessions.open(ID).copy() == {}


def test_an_id_that_is_taken_is_refused(application: Application) -> None:
    """Where the framework chose it."""
    for number in range(2):
        session = application.sessions.open(None, LiteralSession)
        session.begin({"number": number}, ID)
        if number == 0:
            assert application.sessions.save(session).id == ID
        else:
            with pytest.raises(KeyExists):
                application.sessions.save(session)
    session.begin({})
    assert application.sessions.save(session).id != ID
