"""What lies in the store may be anything, and the store may be down."""

import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    DictStore,
    FilesystemStore,
    HMACDecorator,
    InvalidKey,
    KeyExists,
    ReadOnly,
    ReadOnlyDecorator,
    StoreError,
    StoreTimeout,
    store_from_url,
)
from kvcore.errors import SessionNotSerializable, SessionTooLarge, SessionUnavailable
from kvcore.sessions import SessionPolicy, Sessions, SignedIds
from tests.redis_servers import RedisServer
from tests.sessions.conftest import Maker
from tests.sessions.visitors import SECRET, Application, Visitor


class Bomb:
    """Says so when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a stored value was unpickled",)


def good(content: bytes = b"{}", facts: bytes = b"1.0 1.0 9e12 {}") -> bytes:
    return b"kvcore-session 1\n" + facts + b"\n" + content


UNREADABLE = {
    "empty": b"",
    "text": b"garbage",
    "a pickle": pickle.dumps(Bomb()),
    "a newer version": b"kvcore-session 2\n" + good()[17:],
    "cut after the first line": b"kvcore-session 1\n",
    "cut in the facts": b"kvcore-session 1\n1.0 1.0 9e",
    "cut in the content": good(b'{"a":'),
    "facts are no numbers": good(facts=b"hunter2 y z {}"),
    "facts are too few": good(facts=b"1.0 {}"),
    "facts are no object": good(facts=b"1.0 1.0 9e12 [1]"),
    "notes are no object": good(facts=b'1.0 1.0 9e12 {"notes":5}'),
    "expires is not a number": good(facts=b"1.0 1.0 nan {}"),
    "moved to a path": good(facts=b'1.0 1.0 9e12 {"moved_to":"a/../b"}'),
    "moved to what is long": good(facts=b'1.0 1.0 9e12 {"moved_to":"%b"}' % (b"a" * 5000)),
    "moved to a number": good(facts=b'1.0 1.0 9e12 {"moved_to":5}'),
    "moved to a list of a user": good(facts=b'1.0 1.0 9e12 {"moved_to":"user-%b"}' % (b"0" * 64)),
    "listed until whenever": good(facts=b'1.0 1.0 9e12 {"listed":"hunter2"}'),
    "listed until after the end of numbers": good(
        facts=b'1.0 1.0 9e12 {"listed":%b}' % (b"9" * 400)
    ),
    "content is a list": good(b"[1]"),
    "content is no UTF-8": good(b'{"a":"\xff"}'),
    "a tag of the wrong type": good(b'{"a":{" u":5}}'),
    "a tag that says nonsense": good(b'{"a":{" d":"yesterday"}}'),
    "a bad key": good(b'{"a":{" k":[[[],1]]}}'),
    "deep": good(b'{"a":' + b"[" * 100_000),
    "a huge number": good(b'{"a":' + b"9" * 10_000 + b"}"),
    "tagged to no dict": good(b'{" t":[1]}'),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_not_readable_is_a_new_session(make: Maker, case: str) -> None:
    """An event tells of it, nothing runs, nobody sees a 500, and the visitor goes on."""
    application = make()
    visitor = Visitor(application)
    visitor.set(a=1)
    [key] = application.store.keys()
    application.store.put(key, UNREADABLE[case])
    application.told()
    assert visitor.sees() == {}
    assert "hunter2" not in str(application.events)
    assert application.told() == ["Unreadable"]
    assert len(application.sessions.list_sessions()) <= 1
    visitor.set(b=2)
    assert visitor.sees() == {"b": 2}
    assert visitor.saved.id is not None


def test_what_is_not_readable_is_left_in_the_store(make: Maker) -> None:
    """It may be a newer release's: while two releases run, nothing of either is lost."""
    application = make()
    visitor = Visitor(application)
    visitor.set(a=1)
    [key] = application.store.keys()
    newer = b"kvcore-session 2\nwhatever"
    application.store.put(key, newer)
    with visitor.request() as session:
        session["b"] = 2
        session.destroy()
    assert application.sessions.prune() == (0, 0, 1)
    assert application.store.get(key) == newer


def test_a_value_that_was_tampered_with() -> None:
    """Where the store signs its values, a false one is a new session as well."""
    inner = DictStore()
    application = Application(HMACDecorator("another secret", inner))
    visitor = Visitor(application)
    visitor.set(a=1)
    [key] = inner.keys()
    inner.put(key, inner.get(key)[:-1] + b"x")
    assert visitor.sees() == {}
    assert "Unreadable" in application.told()


@pytest.mark.parametrize("ttl", [True, False])
@pytest.mark.parametrize("tampered", ["a session", "the list", "the secret"])
def test_tampered_values_stop_nobody(tmp_path: Path, tampered: str, ttl: bool) -> None:
    """Log-ins, lists and pruning go on, also of a user with many sessions."""
    inner = DictStore() if ttl else FilesystemStore(tmp_path)
    application = Application(HMACDecorator("another secret", inner))
    for _ in range(20):
        Visitor(application).set(_user_id="7")
    sessions = application.sessions
    assert len(sessions.sessions_for("7")) == 20
    if tampered == "the secret":
        application = Application(HMACDecorator("a new secret", inner))
        sessions = application.sessions
    else:
        prefix = "session-user-" if tampered == "the list" else "session-"
        key = min(key for key in inner.keys(prefix) if tampered == "the list" or "user" not in key)
        inner.put(key, inner.get(key)[:-1] + b"x")
    visitor = Visitor(application)
    visitor.set(_user_id="7")
    assert visitor.sees() == {"_user_id": "7"}
    listed = len(sessions.sessions_for("7"))
    assert listed == {"a session": 20, "the list": 21, "the secret": 1}[tampered]
    sessions.prune()
    assert len(sessions.list_sessions()) == listed
    assert sessions.revoke_user("7") >= listed
    assert visitor.sees() == {}
    assert "Unreadable" in application.told()


def test_a_store_that_fails_is_told_by_default(visitor: Visitor) -> None:
    """Reading, writing and ending raise what the store raises."""
    store = visitor.application.store
    visitor.set(a=1)
    store.fail_next("fetch")
    with pytest.raises(StoreError), visitor.request() as session:
        session.get("a")
    store.fail_next("put")
    with pytest.raises(StoreError):
        visitor.set(a=2)
    store.fail_next("delete")
    with pytest.raises(StoreError), visitor.request() as session:
        session.destroy()
    assert visitor.sees() == {"a": 1}


def test_who_does_not_use_a_session_does_not_notice(visitor: Visitor) -> None:
    """Untouched, and anonymous: no operation, so no failure."""
    visitor.set(a=1)
    store = visitor.application.store
    for verb in ("fetch", "put", "delete", "touch"):
        store.fail_next(verb, times=10)
    with visitor.request():
        pass
    assert Visitor(visitor.application).sees() == {}
    assert Visitor(visitor.application, "forged").sees() == {}


def test_an_empty_session_where_the_store_fails(make: Maker) -> None:
    """The other policy: pages work as for a stranger, and whatever would be lost is refused."""
    application = make(on_store_error="empty")
    visitor = Visitor(application)
    visitor.set(a=1)
    cookie = visitor.cookie
    application.told()
    acts = {
        "set": lambda session: session.update(a=2),
        "delete": lambda session: session.pop("a", None) or session.__delitem__("a"),
        "clear": lambda session: session.clear(),
        "destroy": lambda session: session.destroy(),
        "regenerate": lambda session: session.regenerate(),
        "setdefault": lambda session: session.setdefault("a", 5),
    }
    for act in acts.values():
        application.store.fail_next("fetch", "timeout")
        with visitor.request() as session:
            assert session == {}
            assert not session.available
            with pytest.raises(SessionUnavailable) as caught:
                act(session)
            assert isinstance(caught.value.__cause__, StoreError)
    assert application.told() == ["StoreFailed"] * len(acts)
    assert visitor.cookie == cookie
    assert visitor.sees() == {"a": 1}
    with visitor.request() as session:
        assert session.available


def test_writes_are_never_swallowed(make: Maker) -> None:
    """Whatever the policy: a session that cannot be saved raises."""
    visitor = Visitor(make(on_store_error="empty"))
    visitor.application.store.fail_next("put")
    with pytest.raises(StoreError):
        visitor.set(a=1)


def test_putting_off_may_fail_where_reading_may(make: Maker) -> None:
    """A page that only reads is not lost because its session could not be put off."""
    for policy in ("raise", "empty"):
        application = make(on_store_error=policy, idle_secs=1000)
        visitor = Visitor(application)
        visitor.set(a=1)
        application.clock.advance(200)
        verb = "touch" if application.store.capabilities.touch else "put"
        application.store.fail_next(verb)
        if policy == "raise":
            with pytest.raises(StoreError):
                visitor.sees()
        else:
            assert visitor.sees() == {"a": 1}
            assert "StoreFailed" in application.told()


def test_a_session_that_is_too_large(make: Maker) -> None:
    """Is refused with its size and the limit; what was stored before stays."""
    visitor = Visitor(make(max_bytes=1000))
    visitor.set(a=1)
    with pytest.raises(SessionTooLarge, match="1000") as caught:
        visitor.set(big="x" * 1000)
    assert caught.value.max_bytes == 1000
    assert visitor.sees() == {"a": 1}
    with pytest.raises(SessionTooLarge):
        Visitor(visitor.application).set(big="x" * 1000)
    assert len(visitor.application.store.keys()) == 1


class Custom:
    def __repr__(self) -> str:
        return "hunter2"


def a_loop() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


UNSTORABLE = {
    "an object": Custom(),
    "a set": {1, 2},
    "an object inside": [{"a": (Custom(),)}],
    "a loop": a_loop(),
    "a huge number": 10**5000,
    "a function": len,
}


@pytest.mark.parametrize("value", UNSTORABLE.values(), ids=UNSTORABLE)
def test_what_cannot_be_stored_is_named(visitor: Visitor, value: object) -> None:
    """By its key and type, not by its content; nothing is changed in the store."""
    visitor.set(a=1)
    with pytest.raises(SessionNotSerializable, match="session\\['bad'\\]") as caught:
        visitor.set(good=1, bad=value)
    assert "hunter2" not in str(caught.value)
    assert visitor.sees() == {"a": 1}


def test_events_go_to_the_log_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """With a level that alarms can ask for; without ids."""
    sessions = Sessions(DictStore(), SECRET)
    with caplog.at_level(logging.INFO, "kvcore.sessions"):
        session = sessions.open("A" * 43 + "." + "B" * 43)
        session["a"] = 1
        saved = sessions.save(session)
    assert saved.id is not None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert saved.id not in caplog.text
    assert "AAAA" not in caplog.text


def test_a_store_that_cannot_have_sessions_is_refused() -> None:
    """When it is named, and not when the first visitor comes."""
    with pytest.raises(ReadOnly, match="writes"):
        Sessions(ReadOnlyDecorator(DictStore()), SECRET)
    with pytest.raises(InvalidKey):
        Sessions(DictStore(), SECRET, policy=SessionPolicy(prefix="sessions/"))
    Sessions(DictStore(keys="path"), SECRET, policy=SessionPolicy(prefix="sessions/"))


def test_notes_are_text(visitor: Visitor) -> None:
    """Whatever else is put there becomes one."""
    with visitor.request() as session:
        session["a"] = 1
        session.notes["count"] = 5  # type: ignore[assignment]
        session.notes["object"] = object()  # type: ignore[assignment]
    with visitor.request() as session:
        assert session.notes["count"] == "5"
        assert session.notes["object"].startswith("<object")


def test_users_of_any_text(visitor: Visitor) -> None:
    """Even of one that is no Unicode."""
    visitor.set(_user_id="\ud800")
    assert len(visitor.application.sessions.sessions_for("\ud800")) == 1


@pytest.mark.parametrize("policy", ["raise", "empty"])
def test_a_server_that_does_not_answer(empty_valkey: RedisServer, policy: Any) -> None:
    """A stopped Redis: as the policy says, within the deadline of the store; later it goes on."""
    with store_from_url(empty_valkey.url(deadline=0.3)) as store:
        visitor = Visitor(Application(store, on_store_error=policy))
        visitor.set(a=1)
        with empty_valkey.stopped():
            with visitor.request():
                pass
            assert Visitor(visitor.application).sees() == {}
            if policy == "raise":
                with pytest.raises(StoreTimeout):
                    visitor.sees()
            else:
                assert visitor.sees() == {}
        assert visitor.sees() == {"a": 1}


class OneId(SignedIds):
    """A generator that is out of order."""

    def new(self) -> str:
        return "A" * 43


def test_an_id_that_was_given_twice_overwrites_nothing(make: Maker) -> None:
    """Should chance or a broken generator ever do that: the second visitor gets an error."""
    store = make().store
    sessions = Sessions(store, OneId(SECRET))
    first, second = sessions.open(None), sessions.open(None)
    first["of"] = "the first"
    saved = sessions.save(first)
    second["of"] = "the second"
    with pytest.raises(KeyExists):
        sessions.save(second)
    assert saved.id is not None
    assert sessions.open(sessions.cookie_for(saved.id))["of"] == "the first"
