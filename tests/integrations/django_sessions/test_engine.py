"""What Django's documentation says of session engines: keys, and saving."""

import json
from typing import Any

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookies
from django.contrib.sessions.exceptions import SessionInterrupted
from django.test import Client, RequestFactory
from django.utils import timezone
from kvcore_django import current_session, current_sessions
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from kvcore import ConfigError, SessionTooLarge
from kvcore.sessions import handle_of
from tests.contract.minimal import FourMethods
from tests.integrations.django_sessions.saved import stored
from tests.sessions.visitors import WatchedStore

# Keys


def test_no_key_lies_in_the_store(project: Settings, store: WatchedStore) -> None:
    """Who can read the store opens no session by what is there."""
    session = stored(cart=["tea"])
    key = session.session_key
    assert key is not None
    assert store.keys() == ["session-" + handle_of(key)]
    assert session.handle == handle_of(key)
    assert key.encode() not in store.get(store.keys()[0])
    assert dict(SessionStore(session.handle).items()) == {}


def test_a_key_that_was_chosen_is_not_adopted(client: Client, store: WatchedStore) -> None:
    """Well-formed, but never given out: the visitor gets another."""
    client.cookies["sessionid"] = chosen = "attacker" * 4
    assert client.get("/set/a/1").cookies["sessionid"].value != chosen
    assert not SessionStore().exists(chosen)


def test_must_create(project: Settings) -> None:
    """Only where there is none: else `CreateError`, and the other stays as it is."""
    first = stored(a=1)
    second = SessionStore(first.session_key)
    second.clear()
    with pytest.raises(CreateError):
        second.save(must_create=True)
    assert SessionStore(first.session_key)["a"] == 1
    third = SessionStore("chosen-by-the-application".replace("-", "0"))
    third.save(must_create=True)
    assert third.exists(third.session_key)


def test_must_create_without_conditions(project: Settings) -> None:
    """A store that cannot tell is asked first."""
    project.KVCORE_STORES = {"sessions": FourMethods()}
    first = stored(a=1)
    with pytest.raises(CreateError):
        SessionStore(first.session_key).save(must_create=True)
    assert SessionStore(first.session_key)["a"] == 1


def test_sessions_outside_of_views(project: Settings) -> None:
    """As Django's documentation makes them: create, and save."""
    session = SessionStore()
    session["last_login"] = 1376587691
    session.create()
    again = SessionStore(session_key=session.session_key)
    assert again["last_login"] == 1376587691
    again["last_login"] += 1
    again.save()
    session.load()
    assert SessionStore(session.session_key)["last_login"] == 1376587692


# Saving


def test_an_empty_session_that_has_a_key_is_saved(client: Client, store: WatchedStore) -> None:
    """As Django does: it is the key that counts."""
    client.get("/set/a/1")
    response = client.get("/call/clear")
    assert response.cookies["sessionid"].value == client.cookies["sessionid"].value
    assert SessionStore().exists(client.cookies["sessionid"].value)
    assert client.get("/all").json() == {}


def test_clearing_forgets_what_others_set(project: Settings) -> None:
    """Unseen, too: it costs no look at what was there."""
    first = stored(a=1)
    second = SessionStore(first.session_key)
    second["b"] = 2
    second.save()
    third = SessionStore(first.session_key)
    third.clear()
    third["c"] = 3
    third.save()
    assert dict(SessionStore(first.session_key).items()) == {"c": 3}


def test_flush_and_delete(project: Settings, store: WatchedStore) -> None:
    """Of this session, and of another by its key; what is not there is no error."""
    first, second = stored(a=1), stored(a=2)
    first.delete(second.session_key)
    with pytest.raises(UpdateError):
        second.save()
    first.delete()
    first.delete()
    assert store.keys() == []
    third = stored(a=3)
    unseen = SessionStore(third.session_key)
    unseen.flush()
    assert (unseen.session_key, store.keys()) == (None, [])


def test_types_are_those_of_the_serializer(project: Settings) -> None:
    """Django's own knows JSON; the project may name another."""
    session = SessionStore()
    session["when"] = timezone.now()
    with pytest.raises(TypeError):
        session.save()
    project.SESSION_SERIALIZER = f"{__name__}.Shouting"
    assert stored(a="quiet")["a"] == "quiet"
    session = stored(a="quiet")
    assert SessionStore(session.session_key)["A"] == "QUIET"


class Shouting:
    """A serializer of a project."""

    def dumps(self, content: dict[str, Any]) -> bytes:
        return json.dumps(content).upper().encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


def test_a_session_that_is_too_large(project: Settings) -> None:
    """Is refused with what to do; the limit is a setting."""
    project.KVCORE_SESSION_POLICY = {"max_bytes": 1000}
    with pytest.raises(SessionTooLarge, match="put large values into a store"):
        stored(large=list(range(1000)))


def test_a_session_that_was_ended_meanwhile(project: Settings, client: Client) -> None:
    """Is an `UpdateError`, which Django answers with 400; what a log-out ended stays ended."""
    session = stored(a=1, _auth_user_id="7")
    session["a"] = 2
    SessionStore(session.session_key).flush()
    with pytest.raises(UpdateError):
        session.save()
    session = stored(a=1, _auth_user_id="7")
    assert session["a"] == 1
    SessionStore(session.session_key).flush()
    with pytest.raises(SessionInterrupted):
        session.cycle_key()
    assert (session.session_key, dict(session.items())) == (None, {})
    assert current_sessions().list_sessions() == []


def test_a_request_tells_its_session(project: Settings) -> None:
    """With its type; where it is one of another engine, what to set."""
    request = RequestFactory().get("/")
    with pytest.raises(ConfigError, match="SESSION_ENGINE"):
        current_session(request)
    request.session = session = SessionStore()
    assert current_session(request) is session
    request.session = SignedCookies()
    with pytest.raises(ConfigError, match="SESSION_ENGINE"):
        current_session(request)
