"""Time-outs, enforced here and not by the browser; sessions in use are put off, cheaply."""

import pytest

from kvcore import store_from_url
from kvcore.sessions import SessionPolicy
from kvcore.testing import Clock
from tests.redis_servers import RedisServer
from tests.sessions.conftest import Maker
from tests.sessions.visitors import Application, Visitor


def test_an_idle_session_is_over(visitor: Visitor) -> None:
    """Its data is not given out, and its id is not used again."""
    visitor.set(a=1)
    cookie = visitor.cookie
    visitor.application.clock.advance(999)
    assert visitor.another_tab().sees() == {"a": 1}
    visitor.application.clock.advance(1001)
    visitor.application.told()
    assert visitor.sees() == {}
    assert set(visitor.application.told()) <= {"Expired", "Unknown"}
    visitor.set(b=2)
    assert visitor.cookie != cookie


def test_a_session_in_use_lives_on_until_the_absolute_time_out(visitor: Visitor) -> None:
    """However much it is used, it ends 5000 s after it began."""
    visitor.set(a=1)
    for _ in range(9):
        visitor.application.clock.advance(500)
        assert visitor.sees() == {"a": 1}
    visitor.application.clock.advance(501)
    assert visitor.sees() == {}


def test_writing_does_not_put_off_the_absolute_time_out(visitor: Visitor) -> None:
    """Nor does another id."""
    visitor.set(a=0)
    for number in range(9):
        visitor.application.clock.advance(500)
        with visitor.request() as session:
            session["a"] = number
            if number == 5:
                session.regenerate()
    assert visitor.sees() == {"a": 8}
    visitor.application.clock.advance(501)
    assert visitor.sees() == {}


def test_a_login_begins_a_new_term(visitor: Visitor) -> None:
    """The absolute time-out counts from the log-in, not from the first visit."""
    visitor.set(a=1)
    for _ in range(8):
        visitor.application.clock.advance(500)
        visitor.sees()
    visitor.set(_user_id="7")
    for _ in range(8):
        visitor.application.clock.advance(500)
        assert visitor.sees()["_user_id"] == "7"
    visitor.application.clock.advance(1001)
    assert visitor.sees() == {}


def test_reading_puts_a_session_off_once_an_interval(visitor: Visitor) -> None:
    """One operation more, and none again before ``refresh_secs`` have passed."""
    application = visitor.application
    application.clock.advance(1)
    visitor.set(a=1)
    application.calls()
    application.clock.advance(50)
    visitor.sees()
    assert application.calls() == ["fetch"]
    assert not visitor.saved.renewed
    application.clock.advance(20)
    visitor.sees()
    refresh = "touch" if application.store.capabilities.touch else "put"
    assert application.calls() == ["fetch", refresh]
    assert visitor.saved.renewed
    application.clock.advance(50)
    visitor.sees()
    assert application.calls() == ["fetch"]
    application.clock.advance(900)
    assert visitor.sees() == {"a": 1}


def test_several_processes_put_a_session_off_once(make: Maker) -> None:
    """Each may remember when it ends, but asks before it puts it off again."""
    one, other = make(idle_secs=1000), make(idle_secs=1000)
    visitor = Visitor(one)
    visitor.set(a=1)
    elsewhere = Visitor(other, visitor.cookie)
    visitor.sees()
    elsewhere.sees()
    for _ in range(3):
        one.clock.advance(70)
        one.calls(), other.calls()
        visitor.sees()
        elsewhere.sees()
        refresh = "touch" if one.store.capabilities.touch else "put"
        assert (one.calls(), other.calls()) == (["fetch", refresh], ["fetch"])


def test_what_is_remembered_of_a_session_is_of_that_version(make: Maker) -> None:
    """Another process wrote it since: it is read as written, and lives as long."""
    one, other = make(idle_secs=1000), make(idle_secs=1000)
    visitor = Visitor(one)
    visitor.set(a=1)
    visitor.sees()
    for number in range(20):
        one.clock.advance(50)
        Visitor(other, visitor.cookie).set(b=number)
        assert visitor.sees() == {"a": 1, "b": number}
    visitor.set(a=2)
    one.clock.advance(999)
    assert visitor.sees() == {"a": 2, "b": 19}
    with Visitor(other, visitor.cookie).request() as session:
        session.destroy()
    assert visitor.sees() == {}


@pytest.mark.parametrize("ahead_secs", [-2000, 2000])
def test_what_is_remembered_ends_no_session_that_lives(
    empty_valkey: RedisServer, ahead_secs: int
) -> None:
    """Another host wrote it, whose clock differs, or which gives less time and puts it off."""
    with store_from_url(empty_valkey.url()) as store:
        one = Application(store, Clock(), idle_secs=1000)
        other = Application(store, Clock(ahead_secs), idle_secs=1000)
        for first, second in ((one, other), (other, one)):
            visitor = Visitor(first)
            visitor.set(a=1)
            assert visitor.sees() == {"a": 1}
            Visitor(second, visitor.cookie).set(a=2)
            for _ in range(2):
                assert visitor.sees() == {"a": 2}
        assert "Expired" not in one.told() + other.told()


def test_putting_off_undoes_nothing(visitor: Visitor) -> None:
    """Where that is a write, it is of the version that was read, and of no other."""
    application = visitor.application
    visitor.set(a=1)
    for end in (False, True):
        tab = visitor.another_tab()
        application.clock.advance(200)
        with visitor.request() as session:
            assert session["a"]
            if end:
                with tab.request() as other:
                    other.destroy()
            else:
                tab.set(a=2)
        assert visitor.sees() == ({} if end else {"a": 2})


def test_putting_off_brings_no_old_id_back(visitor: Visitor) -> None:
    """A page that was read before a log-in and answered after it must not undo the new cookie."""
    application = visitor.application
    visitor.set(a=1)
    tab = visitor.another_tab()
    application.clock.advance(200)
    with tab.request() as slow:
        assert slow["a"]
        visitor.set(_user_id="7")
    assert tab.saved.id is None
    assert not tab.saved.renewed


def test_putting_off_prolongs_no_grace(visitor: Visitor) -> None:
    """The old id is dead after it, whatever requests that were under way did to its value."""
    application = visitor.application
    visitor.set(a=1)
    tab = visitor.another_tab()
    application.clock.advance(200)
    with tab.request() as slow:
        assert slow["a"]
        with visitor.request() as session:
            session.regenerate(grace_secs=30)
    assert tab.sees() == {"a": 1}
    application.clock.advance(31)
    assert tab.sees() == {}
    assert visitor.sees() == {"a": 1}


def test_the_time_out_of_one_session(make: Maker) -> None:
    """An application may give some sessions less, or more, than the policy says."""
    application = make(idle_secs=1000)
    sessions = application.sessions
    visitor = Visitor(application)
    session = sessions.open(None)
    session["a"] = 1
    visitor.answered(sessions.save(session, idle_secs=10_000))
    application.clock.advance(5000)
    session = sessions.open(visitor.cookie)
    assert session["a"] == 1
    sessions.save(session, idle_secs=100)
    application.clock.advance(101)
    assert visitor.sees() == {}


def test_prune_removes_what_is_over(visitor: Visitor) -> None:
    """And nothing else: not live sessions, not lists of users with sessions, not other values."""
    application = visitor.application
    application.store.put("other", b"value")
    application.store.put("session-other", b"value")
    visitor.set(_user_id="old")
    application.clock.advance(600)
    young = Visitor(application)
    young.set(_user_id="young")
    application.clock.advance(600)
    report = application.sessions.prune()
    assert (report.removed + report.kept, report.kept, report.unreadable) in {(2, 1, 0), (1, 1, 0)}
    assert young.sees() == {"_user_id": "young"}
    assert visitor.sees() == {}
    assert len(application.store.keys("session-")) == 3
    assert application.store.get("other") == b"value"
    assert len(application.sessions.sessions_for("young")) == 1


def test_prune_leaves_what_is_used_at_this_moment(make: Maker) -> None:
    """A session that is replaced between the look and the removal stays."""
    application = make(idle_secs=1000)
    visitor = Visitor(application)
    visitor.set(a=1)
    key = application.store.keys()[0]
    data = application.store.get(key)
    old = data.split(b"\n")
    created, seen, _, rest = old[1].split(b" ", 3)
    expired = b"\n".join([old[0], b" ".join([created, seen, b"1.0", rest]), old[2]])
    application.store.put(key, expired)  # without a time to live, as copied from elsewhere
    application.store.before_next("delete", lambda: application.store._inner.put(key, data))
    assert application.sessions.prune() == (0, 1, 0)
    assert visitor.sees() == {"a": 1}
    application.store.put(key, expired)
    assert visitor.sees() == {}
    assert application.sessions.prune() == (1, 0, 0)


def test_a_policy_that_is_tightened_holds_for_sessions_that_are_there(make: Maker) -> None:
    """The absolute time-out is that of today's policy."""
    before = Visitor(make())
    before.set(a=1)
    before.application.clock.advance(3600)
    after = Visitor(make(absolute_secs=3000), before.cookie)
    assert after.sees() == {}


def test_a_clock_that_was_wrong(visitor: Visitor) -> None:
    """One that goes back harms no session, and lets none live longer than from then on."""
    application = visitor.application
    visitor.set(a=1)
    application.clock._now -= 300
    visitor.sees()
    assert visitor.sees() == {"a": 1}
    application.clock.advance(1400)
    assert visitor.sees() == {}


@pytest.mark.parametrize(
    "options",
    [
        {"idle_secs": 0},
        {"idle_secs": -1},
        {"idle_secs": float("inf")},
        {"idle_secs": True},
        {"idle_secs": None},
        {"absolute_secs": 0},
        {"refresh_secs": "60"},
        {"max_bytes": 0},
        {"on_store_error": "ignore"},
        {"watch": "_user_id"},
        {"user_keys": (1,)},
        {"merge_tries": 0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, object]) -> None:
    """When it is made, naming the rule."""
    with pytest.raises(ValueError, match=next(iter(options))):
        SessionPolicy(**options)  # type: ignore[arg-type]  # that is what is tested


def test_a_long_interval_is_cut_to_a_tenth(application: Application) -> None:
    """Else a short time-out would never be put off."""
    assert SessionPolicy(idle_secs=100, refresh_secs=60).slack_secs(None) == 10
    assert SessionPolicy(idle_secs=10_000, refresh_secs=60).slack_secs(None) == 60
