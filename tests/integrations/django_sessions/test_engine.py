"""What Django's documentation says of session engines, and what kvcore adds."""

import json
import pickle
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookies
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory
from django.utils import timezone
from kvcore_django import current_session, current_sessions
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from kvcore import (
    ConfigError,
    DictStore,
    HMACDecorator,
    SessionTooLarge,
    SessionUnavailable,
    StoreError,
)
from kvcore.sessions import SessionEvent, handle_of
from tests.contract.minimal import FourMethods
from tests.sessions.visitors import WatchedStore


def stored(**content: Any) -> SessionStore:
    session = SessionStore()
    session.update(content)
    session.save()
    return session


def kinds(events: list[SessionEvent]) -> list[str]:
    return [type(event).__name__.removeprefix("Session") for event in events]


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


# Time


def test_expiry(project: Settings, store: WatchedStore) -> None:
    """By ``set_expiry`` in each of its forms, and by ``SESSION_COOKIE_AGE``; on the server."""
    project.SESSION_COOKIE_AGE = 500
    cases: list[tuple[Any, int]] = [
        (None, 500),
        (0, 500),
        (100, 100),
        (timedelta(seconds=200), 200),
        (timezone.now() + timedelta(seconds=300), 300),
    ]
    for value, expected in cases:
        session = stored()
        session.set_expiry(value)
        session.save()
        [info] = current_sessions().list_sessions()
        assert info.expires - info.seen == pytest.approx(expected, abs=2)
        session.delete()
    session.set_expiry(-1)
    session = stored(**dict(session.items()))
    assert dict(SessionStore(session.session_key).items()) == {}


def test_the_absolute_time_out(project: Settings) -> None:
    """In any case, if the project wants one: not in Django, and kept by a new key."""
    project.KVCORE_SESSION_POLICY = {"absolute_secs": 1000}
    session = stored(a=1)
    [before] = current_sessions().list_sessions()
    session.cycle_key()
    session.save()
    [after] = current_sessions().list_sessions()
    assert after.created == before.created
    assert after.expires == pytest.approx(before.expires, abs=1) == before.created + 1000


def test_clearsessions(project: Settings, store: WatchedStore) -> None:
    """What has expired goes, where the store does not do it itself."""
    kept, expired = stored(a=1), SessionStore()
    expired.set_expiry(-10)
    expired.save()
    call_command("clearsessions")
    if not store.capabilities.ttl:
        assert store.keys() == ["session-" + str(kept.handle)]
    assert SessionStore(kept.session_key)["a"] == 1


def test_clearsessions_where_nothing_can_be_listed(project: Settings) -> None:
    """Is told, as Django's documentation wants it."""

    class Unlisted(FourMethods):
        @property
        def capabilities(self) -> Any:
            return super().capabilities._replace(list=False)

    project.KVCORE_STORES = {"sessions": Unlisted()}
    with pytest.raises(CommandError, match="doesn't support clearing"):
        call_command("clearsessions")


# What lies in the store that is no session


@pytest.mark.parametrize("garbage", [b"", b"garbage", pickle.dumps({"a": 1}), b"\x80" * 9])
@pytest.mark.parametrize("part", ["record", "content"])
def test_garbage_in_the_store(
    client: Client, store: WatchedStore, told: list[SessionEvent], garbage: bytes, part: str
) -> None:
    """The visitor has a new session, and an event tells; the value stays as it is."""
    client.get("/set/a/1")
    [key] = store.keys()
    old = client.cookies["sessionid"].value
    if part == "content":
        garbage = b"\n".join([*store.get(key).split(b"\n")[:2], garbage])
    store.put(key, garbage)
    told.clear()
    response = client.get("/all")
    assert (response.status_code, response.json()) == (200, {})
    assert kinds(told) == ["Unreadable"]
    assert client.get("/set/b/2").cookies["sessionid"].value != old
    assert store.get(key) == garbage


def test_content_that_somebody_forged(
    client: Client, store: WatchedStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Who can write to the store logs nobody in: the content is signed with the secret key."""
    client.get("/set/a/1")
    [key] = store.keys()
    data = store.get(key)
    session = SessionStore(client.cookies["sessionid"].value)
    forged = session.encode({"a": 2})[:-1].encode() + b"x"
    store.put(key, b"\n".join([*data.split(b"\n")[:2], forged]))
    assert client.get("/all").json() == {}
    assert "Session data corrupted" in caplog.text


def test_a_session_that_was_copied_over_another(project: Settings) -> None:
    """Whoever can write to the store may try: the decorator ``hmac`` finds out."""
    base = DictStore()
    project.KVCORE_STORES = {
        "sessions": HMACDecorator(b"a secret of the stores, of 32 bytes", base)
    }
    admin, own = stored(admin=True), stored(admin=False)
    copied, over = (f"session-{session.handle}" for session in (admin, own))
    base.put(over, base.get(copied))
    assert dict(SessionStore(own.session_key).items()) == {}
    assert SessionStore(admin.session_key)["admin"]


def test_secret_keys_are_rotated(project: Settings) -> None:
    """Sessions of the old key are good as long as it is listed, and are signed anew when saved."""
    project.SECRET_KEY = "retired"
    session = stored(a=1)
    project.SECRET_KEY = "current"
    project.SECRET_KEY_FALLBACKS = ["retired"]
    again = SessionStore(session.session_key)
    again["b"] = 2
    again.save()
    project.SECRET_KEY_FALLBACKS = []
    assert dict(SessionStore(session.session_key).items()) == {"a": 1, "b": 2}


# Stores that fail


def test_a_store_that_is_down(client: Client, project: Settings, store: WatchedStore) -> None:
    """A page that needs no session works; others fail, or see an empty one that takes nothing."""
    client.get("/set/a/1")
    cookie = client.cookies["sessionid"].value
    store.fail_next("fetch", times=100)
    assert client.get("/plain").status_code == 200
    assert Client(SERVER_NAME="localhost").get("/has/a").status_code == 200
    assert client.get("/has/a").status_code == 500
    with pytest.raises(StoreError):
        SessionStore(cookie).load()
    project.KVCORE_SESSION_POLICY = {"on_store_error": "empty"}
    response = client.get("/has/a")
    assert (response.content, response.cookies) == (b"False", {})  # the cookie is kept
    assert client.get("/set/a/2").status_code == 500
    session = SessionStore(cookie)
    session["a"] = 2
    with pytest.raises(SessionUnavailable):
        session.save()


# What kvcore adds


def test_notes(project: Settings) -> None:
    """Of a new session, of one that is stored, and under a new key."""
    session = SessionStore()
    session.notes["browser"] = "Firefox"
    assert session.modified
    session.save()
    session.notes["place"] = "home"
    session.cycle_key()
    again = SessionStore(session.session_key)
    assert dict(again.notes) == {"browser": "Firefox", "place": "home"}
    assert not again.modified
    del again.notes["place"]
    again.save()
    [info] = current_sessions().list_sessions()
    assert (info.handle, info.notes) == (again.handle, {"browser": "Firefox"})
    again.clear()
    assert len(again.notes) == 1


def test_an_engine_of_a_project(project: Settings, store: WatchedStore) -> None:
    """Extends ours as it would extend Django's: other ages, other events."""
    project.SESSION_ENGINE = "tests.integrations.django_sessions.engine"
    from tests.integrations.django_sessions import engine

    engine.events.clear()
    session = engine.SessionStore()
    session.save()
    [info] = current_sessions().list_sessions()
    assert info.expires - info.seen == pytest.approx(engine.AGE_SECS, abs=1)
    assert kinds(engine.events) == ["Created"]


def test_a_watched_key_changes_the_key(client: Client, project: Settings) -> None:
    """Where a project logs in by itself, without Django's ``login``."""
    project.KVCORE_SESSION_POLICY = {"watch": ["person"], "user_keys": ["person"]}
    client.get("/set/cart/1")
    planted = client.cookies["sessionid"].value
    client.get('/set/person/"ann"')
    assert client.cookies["sessionid"].value != planted
    assert not SessionStore().exists(planted)
    assert client.get("/all").json() == {"cart": 1, "person": "ann"}
    assert current_sessions().revoke_user("ann") == 1
    assert client.get("/all").json() == {}


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("KVCORE_SESSION_STORE", "sesions", "'sessions'"),
        ("KVCORE_SESSION_POLICY", {"idle_secs": 60}, "SESSION_COOKIE_AGE"),
        ("KVCORE_SESSION_POLICY", {"refresh_secs": 60}, "SESSION_SAVE_EVERY_REQUEST"),
        ("KVCORE_SESSION_POLICY", {"absolut_secs": 60}, "did you mean 'absolute_secs'"),
        ("SESSION_ENGINE", "django.contrib.sessions.backends.signed_cookies", "kvcore_django"),
    ],
)
def test_wrong_settings_are_told(project: Settings, name: str, value: object, hint: str) -> None:
    """With what to do."""
    setattr(project, name, value)
    with pytest.raises(ConfigError, match=hint):
        current_sessions()


def test_a_change_of_settings_is_seen(project: Settings) -> None:
    """At once, as of all settings in tests."""
    session = stored(a=1)
    project.KVCORE_STORES = {"sessions": DictStore()}
    assert not session.exists(session.session_key)
    del project.KVCORE_SESSION_STORE
    project.KVCORE_STORES = {"default": "fs://nowhere", "sessions": "memory://"}
    assert stored(a=1)["a"] == 1


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
