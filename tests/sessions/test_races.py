"""Requests at the same time: nothing that was ended comes back, nothing that was set is lost."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvcore import DictStore
from kvcore.sessions import SessionConflict, TaggedJSON, merge
from tests.sessions.conftest import Maker
from tests.sessions.visitors import Application, Visitor
from tests.soak import count


def test_two_requests_that_set_different_keys_are_merged(visitor: Visitor) -> None:
    """Both have read the session before either writes it; whoever is last loses nothing."""
    visitor.set(base=1)
    tab = visitor.another_tab()
    with visitor.request() as session:
        session["a"] = 1
        with tab.request() as other:
            other["b"] = 2
            del other["base"]
    assert visitor.sees() == {"a": 1, "b": 2}
    assert "Conflict" not in visitor.application.told()


def test_of_what_both_changed_the_last_counts(visitor: Visitor) -> None:
    """And a list that both changed is not mixed."""
    visitor.set(list=[0])
    tab = visitor.another_tab()
    with visitor.request() as session:
        session["list"].append(1)
        with tab.request() as other:
            other["list"].append(2)
    assert visitor.sees() == {"list": [0, 1]}


def test_what_nobody_else_changed_stays_the_object_that_was_lent(visitor: Visitor) -> None:
    """A session that is saved on the way, such as a WebSocket's, goes on with it after a merge."""
    visitor.set(list=[0], count=0)
    tab = visitor.another_tab()
    sessions = visitor.application.sessions
    with visitor.request() as session:
        mine = session["list"]
        mine.append(1)
        tab.set(count=1)
        sessions.save(session)
        assert session["count"] == 1
        mine.append(2)
    assert visitor.sees() == {"list": [0, 1, 2], "count": 1}


def test_a_reading_request_undoes_nothing(visitor: Visitor) -> None:
    """One that read before and ends after a write leaves that alone."""
    visitor.set(a=1)
    tab = visitor.another_tab()
    with visitor.request() as session:
        assert session["a"] == 1
        tab.set(a=2)
    assert visitor.sees() == {"a": 2}


@pytest.mark.parametrize("end", ["destroy", "clear"])
@pytest.mark.parametrize("act", ["write", "read", "regenerate"])
def test_a_slow_request_does_not_undo_a_logout(visitor: Visitor, end: str, act: str) -> None:
    """The session stays ended; what the slow request set is dropped, and an event says so."""
    application = visitor.application
    visitor.set(_user_id="7", cart=["tea"])
    cookie = visitor.cookie
    tab = visitor.another_tab()
    with visitor.request() as slow:
        assert slow["_user_id"] == "7"
        with tab.request() as quick:
            getattr(quick, end)()
        if act == "write":
            slow["a"] = 1
        elif act == "regenerate":
            slow.regenerate()
    assert Visitor(application, cookie).sees() == {}
    assert Visitor(application, visitor.cookie).sees() == {}
    assert not visitor.saved.issued
    assert application.store.keys() == []
    assert ("Lost" in application.told()) == (act != "read")


@pytest.mark.parametrize("grace_secs", [0, 30])
@pytest.mark.parametrize("end", ["destroy", "clear", "pop", "log in as another"])
def test_a_log_out_ends_what_moved_meanwhile(visitor: Visitor, end: str, grace_secs: int) -> None:
    """It began before the id changed, and ends after: the session is dead under both ids."""
    visitor.set(_user_id="7", cart=["tea"])
    tab = visitor.another_tab()
    with tab.request() as session:
        assert session["_user_id"] == "7"
        with visitor.request() as other:
            other.regenerate(grace_secs=grace_secs)
        if end == "pop":
            del session["_user_id"]
        elif end == "log in as another":
            session["_user_id"] = "8"
        else:
            getattr(session, end)()
    assert visitor.cookie != tab.cookie
    assert "_user_id" not in visitor.sees()
    assert visitor.application.sessions.sessions_for("7") == []


@pytest.mark.parametrize("grace_secs", [0, 30])
@pytest.mark.parametrize("end", ["destroy", "clear", "revoke"])
@pytest.mark.parametrize("moves", [2, 4])
def test_a_log_out_follows_a_session_that_moved_again(
    visitor: Visitor, end: str, moves: int, grace_secs: int
) -> None:
    """Several requests change the id, and write, while one that read it before logs out."""
    sessions = visitor.application.sessions
    visitor.set(_user_id="7")
    tab = visitor.another_tab()
    with tab.request() as session:
        handle = session.handle
        assert handle is not None
        for number in range(moves):
            with visitor.request() as other:
                other.regenerate(grace_secs=grace_secs)
            visitor.set(cart=number)
        if end == "revoke":
            assert sessions.revoke(handle, user="7")
        else:
            getattr(session, end)()
    assert visitor.sees() == {}
    assert sessions.sessions_for("7") == []


def test_a_log_out_ends_no_later_log_in(make: Maker) -> None:
    """Of the same user, after the session was theirs no more; also if ids do not follow users."""
    visitor = Visitor(make(watch=()))
    visitor.set(_user_id="7")
    tab = visitor.another_tab()
    with tab.request() as session:
        assert session["_user_id"] == "7"
        with visitor.request() as other:
            other.regenerate()
            other["_user_id"] = "8"
        visitor.set(_user_id="7")
        session.destroy()
    assert visitor.sees() == {"_user_id": "7"}


def test_a_grace_holds_for_requests_that_all_change_the_id(visitor: Visitor) -> None:
    """Each has read it under the first id; whichever cookie comes last opens the session."""
    visitor.set(a=1)
    tabs = [visitor.another_tab() for _ in range(4)]
    with ExitStack() as requests:
        for number, tab in enumerate(tabs):
            session = requests.enter_context(tab.request())
            session[f"b{number}"] = number
            session.regenerate(grace_secs=30)
    everything = {"a": 1, "b0": 0, "b1": 1, "b2": 2, "b3": 3}
    for tab in (visitor, *tabs):
        assert tab.sees() == everything
    visitor.application.clock.advance(31)
    assert [tab.sees() for tab in tabs].count(everything) == 1


def test_a_logout_wins_over_a_write_that_came_before(visitor: Visitor) -> None:
    """``clear`` also forgets what it has not seen."""
    visitor.set(_user_id="7")
    tab = visitor.another_tab()
    with visitor.request() as session:
        session.clear()
        session["flash"] = "Bye"
        tab.set(secret="of the one who was logged in")
    assert visitor.sees() == {"flash": "Bye"}


def test_emptying_loses_nothing_that_others_set(visitor: Visitor) -> None:
    """The last key is removed while another request sets one."""
    visitor.set(a=1)
    tab = visitor.another_tab()
    with visitor.request() as session:
        del session["a"]
        tab.set(b=2)
    assert visitor.sees() == {"b": 2}
    assert not visitor.saved.ended


def test_what_is_written_while_the_id_changes_is_kept(visitor: Visitor) -> None:
    """A tab writes under the old id between the saving of the new one and the end of the old."""
    visitor.set(a=1)
    tab = visitor.another_tab()
    visitor.application.store.before_next("delete", lambda: tab.set(b=2))
    with visitor.request() as session:
        session.regenerate()
    assert visitor.sees() == {"a": 1, "b": 2}
    assert tab.sees() == {}


def test_two_logins_at_once_both_hold(visitor: Visitor) -> None:
    """A double click: the second finds the anonymous session gone, and needs none of it."""
    visitor.set(cart=["tea"])
    tab = visitor.another_tab()
    with visitor.request() as session:
        session["_user_id"] = "7"
        with tab.request() as other:
            other["_user_id"] = "7"
    assert tab.sees() == {"cart": ["tea"], "_user_id": "7"}
    assert visitor.sees() == {"_user_id": "7"}


def test_fifty_threads_each_set_their_own_key(visitor: Visitor) -> None:
    """In one session, at once: fifty keys remain."""
    visitor.set(base=1)
    barrier = threading.Barrier(50)

    def set_one(number: int) -> None:
        tab = visitor.another_tab()
        with tab.request() as session:
            assert session["base"] == 1
            barrier.wait(60)
            session[f"key{number}"] = number

    threads = [threading.Thread(target=set_one, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert visitor.sees() == {"base": 1, **{f"key{number}": number for number in range(50)}}
    assert "Conflict" not in visitor.application.told()


def test_after_too_many_tries_the_last_write_wins(memory: Callable[..., Application]) -> None:
    """An event tells of it; a session that was ended meanwhile is not brought back even then."""
    application = memory(merge_tries=3)
    visitor = Visitor(application)
    visitor.set(a=0)

    def disturb(times: int, then: Callable[[], object]) -> None:
        tab = visitor.another_tab()
        for number in range(times):
            application.store.before_next("put", lambda n=number: tab_sets(tab, n))
        application.store.before_next("put", then)

    def tab_sets(tab: Visitor, number: int) -> None:
        # Past the store that is watched, which would call us again.
        key = application.store.keys()[0]
        data = application.store._inner.get(key)
        application.store._inner.put(key, data.replace(b'"a":', b'"x%d":0,"a":' % number))

    disturb(3, lambda: None)
    visitor.set(b=1)
    assert visitor.sees()["b"] == 1
    assert [type(event) for event in application.events][-1] is SessionConflict

    key = application.store.keys()[0]
    disturb(3, lambda: application.store._inner.delete(key))
    visitor.set(b=2)
    assert application.store.keys() == []
    assert application.told()[-2:] == ["Conflict", "Lost"]


def test_a_store_without_conditions_is_asked_again(bare: Application) -> None:
    """Then only what happens within one moment is lost; and that is declared."""
    assert not bare.sessions.merges
    assert not bare.sessions.stays_ended
    visitor = Visitor(bare)
    visitor.set(base=1)
    tab = visitor.another_tab()
    with visitor.request() as session:
        session["a"] = 1
        tab.set(b=2)
    assert visitor.sees() == {"base": 1, "a": 1, "b": 2}
    tab = visitor.another_tab()
    with visitor.request() as session:
        session["c"] = 1
        with tab.request() as other:
            other.destroy()
    assert bare.store.keys() == []
    assert "Lost" in bare.told()


def test_stores_with_conditions_declare_so(application: Application) -> None:
    """Memory, folders and Redis."""
    assert application.sessions.merges
    assert application.sessions.stays_ended


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.tuples(inner),
    max_leaves=4,
)
contents = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(contents, contents, contents)
def test_a_merge_is_told_key_by_key(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """Each key is as I changed it, or, where I did not, as they have it."""
    dumps = TaggedJSON().dumps

    def same(one: dict[str, Any], other: dict[str, Any], key: str) -> bool:
        kept = [{name: state[name] for name in [key] if name in state} for state in (one, other)]
        return dumps(kept[0]) == dumps(kept[1])

    merged = merge(base, mine, theirs, TaggedJSON())
    for key in "abcd":
        assert same(merged, theirs if same(base, mine, key) else mine, key)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from(["set", "delete", "save", "open"]),
            st.sampled_from("xyz"),
            st.integers(0, 9),
        ),
        max_size=count(20, 60),
    )
)
def test_two_tabs_agree_with_a_dict(steps: list[tuple[str, str, str, int]]) -> None:
    """Whatever two tabs do in whatever order, the store holds what a dict would: each save brings
    just the changes that its tab made.
    """
    application = Application(DictStore())
    sessions = application.sessions
    visitor = Visitor(application)
    visitor.set(always=True)
    model: dict[str, Any] = {"always": True}
    tabs = {name: sessions.open(visitor.cookie) for name in "ab"}
    bases = {name: dict(session) for name, session in tabs.items()}
    for name, step, key, value in [*steps, ("a", "save", "", 0), ("b", "save", "", 0)]:
        session, base = tabs[name], bases[name]
        if step == "set":
            session[key] = value
        elif step == "delete":
            session.pop(key, None)
        else:
            if step == "save":
                mine = dict(session)
                sessions.save(session)
                for changed in "xyz":
                    if mine.get(changed) != base.get(changed):
                        model.pop(changed, None)
                        model.update({changed: mine[changed]} if changed in mine else {})
            tabs[name] = sessions.open(visitor.cookie)
            bases[name] = dict(tabs[name])
            assert bases[name] == model
