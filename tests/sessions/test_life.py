"""From the first value over the log-in to the end: ids that change and ids that die."""

import pytest

from tests.sessions.conftest import Maker
from tests.sessions.visitors import Application, Visitor


def test_a_login_changes_the_id(visitor: Visitor) -> None:
    """What was in the session stays; the id that an attacker may have planted is dead."""
    application = visitor.application
    visitor.set(cart=["tea"])
    planted = visitor.cookie
    visitor.set(_user_id="7")
    assert visitor.saved.issued
    assert visitor.cookie != planted
    assert visitor.sees() == {"cart": ["tea"], "_user_id": "7"}
    assert Visitor(application, planted).sees() == {}
    assert "Rotated" in application.told()


@pytest.mark.parametrize("key", ["_user_id", "user_id", "username", "_auth_user_id", "_fresh"])
def test_watched_keys(visitor: Visitor, key: str) -> None:
    """Each change of one of them is a change of privilege: there, to another value, and away."""
    visitor.set(a=1)
    seen = {visitor.cookie}
    for value in ("7", "8", None):
        with visitor.request() as session:
            session[key] = value
        assert visitor.cookie not in seen
        seen.add(visitor.cookie)
    with visitor.request() as session:
        session["other"] = 1
    assert visitor.cookie in seen


def test_the_watched_keys_are_a_choice(make: Maker) -> None:
    """An application names its own."""
    visitor = Visitor(make(watch=("role",), user_keys=("account",)))
    visitor.set(_user_id="7", account="ann")
    before = visitor.cookie
    visitor.set(_user_id="8")
    assert visitor.cookie == before
    visitor.set(role="admin")
    assert visitor.cookie != before
    assert len(visitor.application.sessions.sessions_for("ann")) == 1


def test_a_logout_by_removing_the_user_kills_the_id(visitor: Visitor) -> None:
    """As Flask-Login does it: the replay of the old cookie is anonymous."""
    visitor.set(_user_id="7", theme="dark")
    logged_in = visitor.cookie
    with visitor.request() as session:
        del session["_user_id"]
    assert visitor.sees() == {"theme": "dark"}
    assert Visitor(visitor.application, logged_in).sees() == {}


def test_regenerate(visitor: Visitor) -> None:
    """Another id for the same content; the old one is dead once the new one is saved."""
    visitor.set(a=[1])
    before = visitor.cookie
    visitor.application.calls()
    with visitor.request() as session:
        handle = session.handle
        session.regenerate()
        session["b"] = 2
    assert visitor.application.calls() == ["fetch", "put", "delete"]
    assert visitor.cookie != before
    assert Visitor(visitor.application, before).sees() == {}
    with visitor.request() as session:
        assert session.handle != handle
        assert session == {"a": [1], "b": 2}


def test_regenerate_without_anything_to_save(visitor: Visitor) -> None:
    """A new visitor has no id that could be changed."""
    with visitor.request() as session:
        session.regenerate()
    assert visitor.application.calls() == []
    assert not visitor.saved.issued


def test_regenerate_saves_before_it_removes(visitor: Visitor) -> None:
    """A store that fails in between leaves the old session as it was."""
    visitor.set(a=1)
    before = visitor.cookie
    visitor.application.store.fail_next("put")
    with pytest.raises(OSError, match="injected"), visitor.request() as session:
        session.regenerate()
    assert Visitor(visitor.application, before).sees() == {"a": 1}


def test_a_grace_for_requests_that_are_under_way(visitor: Visitor) -> None:
    """For a while the old id leads to the session, for reading and writing, then no more."""
    visitor.set(a=1)
    tab = visitor.another_tab()
    with visitor.request() as session:
        session.regenerate(grace_secs=30)
    tab.set(b=2)
    assert not tab.saved.issued
    assert tab.saved.id is None  # or the cookie of the old id would replace that of the new one
    assert visitor.sees() == tab.sees() == {"a": 1, "b": 2}
    visitor.application.clock.advance(31)
    assert tab.sees() == {}
    assert visitor.sees() == {"a": 1, "b": 2}


def test_no_grace_for_a_login(visitor: Visitor) -> None:
    """Who planted the old id would be logged in for that while."""
    visitor.set(a=1)
    planted = visitor.another_tab()
    with visitor.request() as session:
        session["_user_id"] = "7"
        session.regenerate(grace_secs=30)
    assert planted.sees() == {}


def test_a_slow_write_finds_the_session_that_moved(visitor: Visitor) -> None:
    """Read before the id changed with grace, written after."""
    visitor.set(a=1)
    tab = visitor.another_tab()
    with tab.request() as slow:
        slow["b"] = 2
        with visitor.request() as session:
            session.regenerate(grace_secs=30)
    assert visitor.sees() == {"a": 1, "b": 2}
    assert tab.saved.id is None


def test_destroy(visitor: Visitor) -> None:
    """Nothing is left in the store, the cookie is deleted and opens nothing any more."""
    visitor.set(_user_id="7", a=1)
    cookie = visitor.cookie
    with visitor.request() as session:
        session.destroy()
        assert session == {}
    assert visitor.saved.ended
    assert visitor.application.store.keys() == []
    assert Visitor(visitor.application, cookie).sees() == {}
    assert "Ended" in visitor.application.told()


def test_what_is_set_after_the_end_begins_anew(visitor: Visitor) -> None:
    """A message that says good-bye, under an id that has nothing to do with the old one."""
    visitor.set(a=1)
    before = visitor.cookie
    with visitor.request() as session:
        session.destroy()
        session["flash"] = "Good-bye"
    assert visitor.saved.issued
    assert visitor.cookie != before
    assert visitor.sees() == {"flash": "Good-bye"}
    assert len(visitor.application.store.keys()) == 1


def test_destroying_what_is_not_there(application: Application) -> None:
    """A visitor without a session, and one whose session was ended by another request."""
    visitor = Visitor(application)
    with visitor.request() as session:
        session.destroy()
    assert application.calls() == []
    visitor.set(a=1)
    tab = visitor.another_tab()
    with visitor.request() as session:
        session.destroy()
        with tab.request() as other:
            other.destroy()
    assert visitor.saved.ended
    assert application.store.keys() == []


def test_keys_can_be_rotated(make: Maker) -> None:
    """With the old key as first of the list nobody is logged out; later it is dropped."""
    visitor = Visitor(make(secrets="old"))
    visitor.set(a=1)
    visitor.application = make(secrets=["old", "new"])
    assert visitor.sees() == {"a": 1}
    visitor.set(_user_id="7")
    visitor.application = make(secrets="new")
    assert visitor.sees() == {"a": 1, "_user_id": "7"}
    visitor.application = make(secrets=["unrelated"])
    assert visitor.sees() == {}


def test_sessions_move_between_stores(make: Maker, application: Application) -> None:
    """What is copied from a store without a time to live to one with, or back, still ends."""
    visitor = Visitor(make(idle_secs=1000))
    visitor.set(a=1)
    [key] = visitor.application.store.keys()
    data = visitor.application.store.get(key)
    visitor.application.store.put(key, data)
    assert visitor.sees() == {"a": 1}
    visitor.application.clock.advance(1001)
    assert visitor.sees() == {}
