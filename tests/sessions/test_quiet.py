"""Lazy and quiet: how many operations a request costs, and what its response has to say."""

from collections.abc import Callable

import pytest

from kvcore import StoreDecorator, store_from_url
from kvcore.contract import Fetched
from kvcore.sessions import Session
from tests.redis_servers import RedisServer
from tests.sessions.visitors import Application, Visitor

TOUCHES: dict[str, Callable[[Session], object]] = {
    "in": lambda session: "a" in session,
    "len": len,
    "iteration": list,
    "bool": bool,
    "get": lambda session: session.get("a"),
    "item": lambda session: session["a"],
    "pop of nothing": lambda session: session.pop("nothing", None),
    "equality": lambda session: session == {"a": 1},
    "copy": lambda session: session.copy(),
    "new": lambda session: session.new,
    "handle": lambda session: session.handle,
}


def test_nothing_is_read_before_the_first_touch(visitor: Visitor) -> None:
    """A request that does not use its session costs no operation, with or without a cookie."""
    visitor.set(a=1)
    visitor.application.calls()
    with visitor.request() as session:
        assert repr(session) == "<Session not loaded>"
    assert visitor.saved == (False, None, False, False, False)
    with Visitor(visitor.application).request():
        pass
    assert visitor.application.calls() == []


@pytest.mark.parametrize("touch", TOUCHES.values(), ids=TOUCHES)
def test_each_way_to_look_is_a_touch(visitor: Visitor, touch: Callable[[Session], object]) -> None:
    """It reads once, writes nothing, and makes the response depend on the cookie."""
    visitor.set(a=1)
    visitor.application.calls()
    with visitor.request() as session:
        touch(session)
        touch(session)
    assert visitor.application.calls() == ["fetch"]
    assert visitor.saved == (True, visitor.saved.id, False, False, False)


def test_without_a_cookie_reading_costs_nothing(visitor: Visitor) -> None:
    """There is nothing to ask for; and nothing is created, however many look."""
    for _ in range(50):
        with Visitor(visitor.application).request() as session:
            assert "cart" not in session
            assert session.new
    assert visitor.application.calls() == []
    assert visitor.application.store.keys() == []


def test_a_write_is_one_operation_more(visitor: Visitor) -> None:
    """One for a new session, two for one that is there."""
    visitor.set(a=1)
    assert visitor.application.calls() == ["put"]
    visitor.set(a=2)
    assert visitor.application.calls() == ["fetch", "put"]


def test_a_session_whose_end_is_known_is_got(empty_valkey: RedisServer) -> None:
    """To tell how long a value lives costs Redis more; a write is still of what was read."""

    class Commands(StoreDecorator):
        def _get(self, key: str) -> bytes:
            verbs.append("get")
            return super()._get(key)

        def _fetch(self, key: str) -> Fetched:
            verbs.append("fetch")
            return super()._fetch(key)

    verbs: list[str] = []
    with store_from_url(empty_valkey.url()) as store:
        application = Application(Commands(store))
        visitor = Visitor(application)
        visitor.set(a=0)
        visitor.sees()
        tab = visitor.another_tab()
        with tab.request() as slow:
            slow["b"] = 1
            visitor.set(a=1)
        assert visitor.sees() == {"a": 1, "b": 1}
    assert verbs == ["fetch", "get", "get", "get"]
    assert "Conflict" not in application.told()


def test_equal_content_is_not_written(visitor: Visitor) -> None:
    """Setting what is there already, or changing it there and back, costs no write."""
    visitor.set(a=1, b=[1, {"c": 2}])
    visitor.application.calls()
    with visitor.request() as session:
        session["a"] = 1
        session["b"][1]["c"] = 3
        session["b"][1]["c"] = 2
    assert visitor.application.calls() == ["fetch"]


@pytest.mark.parametrize("way", ["item", "get", "values", "copy", "setdefault"])
def test_a_change_deep_inside_is_kept(visitor: Visitor, way: str) -> None:
    """However the mutable value was got hold of."""
    visitor.set(cart={"tea": [1]}, name="ann")
    with visitor.request() as session:
        cart = {
            "item": lambda: session["cart"],
            "get": lambda: session.get("cart"),
            "values": lambda: next(iter(session.values())),
            "copy": lambda: session.copy()["cart"],
            "setdefault": lambda: session.setdefault("cart", {}),
        }[way]()
        cart["tea"].append(2)
    assert visitor.sees() == {"cart": {"tea": [1, 2]}, "name": "ann"}


def test_a_default_that_is_changed_is_not_in_the_session(visitor: Visitor) -> None:
    """As with a dict: only what is set is kept."""
    visitor.set(a=1)
    with visitor.request() as session:
        session.get("list", []).append(1)
        session.setdefault("kept", []).append(1)
    assert visitor.sees() == {"a": 1, "kept": [1]}


def test_it_is_a_dict_to_its_users(visitor: Visitor) -> None:
    """``update``, ``|=``, ``pop``, ``popitem``, ``del`` and ``clear`` are saved."""
    with visitor.request() as session:
        session.update(a=1, b=2)
        session |= {"c": 3, "d": 4}
    assert visitor.sees() == {"a": 1, "b": 2, "c": 3, "d": 4}
    with visitor.request() as session:
        assert session.pop("a") == 1
        del session["b"]
        assert session.popitem() == ("d", 4)
    assert visitor.sees() == {"c": 3}
    with visitor.request() as session:
        with pytest.raises(KeyError):
            session["a"]
        session.clear()
        with pytest.raises(KeyError):
            session.popitem()
    assert visitor.saved.ended
    assert visitor.cookie is None
    assert visitor.application.store.keys() == []


def test_a_session_that_becomes_empty_is_removed(visitor: Visitor) -> None:
    """Its cookie is deleted and nothing stays in the store."""
    visitor.set(a=1)
    with visitor.request() as session:
        del session["a"]
    assert visitor.saved.ended
    assert visitor.application.store.keys() == []


def test_what_is_set_and_removed_at_once_creates_nothing(visitor: Visitor) -> None:
    """A flash message that is shown by the same request, say."""
    with visitor.request() as session:
        session["flash"] = "Hello"
        del session["flash"]
    assert visitor.application.calls() == []
    assert visitor.saved == (True, None, False, False, False)


def test_several_saves_in_one_request(visitor: Visitor) -> None:
    """As those of a WebSocket: each writes what changed since, others' changes are kept."""
    sessions = visitor.application.sessions
    visitor.set(list=[])
    session = sessions.open(visitor.cookie)
    values = session["list"]
    values.append(1)
    sessions.save(session)
    visitor.set(other=True)
    values = session["list"]
    values.append(2)
    sessions.save(session)
    assert not sessions.save(session).renewed
    assert visitor.sees() == {"list": [1, 2], "other": True}


def test_notes_are_saved_and_are_no_content(visitor: Visitor) -> None:
    """They are for lists of sessions; a change of them alone is a write."""
    visitor.set(a=1)
    with visitor.request() as session:
        session.notes["browser"] = "Firefox"
    with visitor.request() as session:
        assert dict(session) == {"a": 1}
        assert session.notes == {"browser": "Firefox"}
    visitor.set(a=2)
    with visitor.request() as session:
        assert session.notes == {"browser": "Firefox"}


def test_the_repr_shows_nothing_that_is_in_it(application: Application) -> None:
    """It ends up in logs and error pages."""
    visitor = Visitor(application)
    visitor.set(password="hunter2")
    with visitor.request() as session:
        assert session["password"] == "hunter2"
        assert repr(session) == "<Session stored, 1 keys>"
