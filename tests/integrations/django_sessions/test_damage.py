"""What lies in the store that is no session, or not this one; and keys that sign it."""

import pickle

import pytest
from django.test import Client
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from kvcore import DictStore, HMACDecorator
from kvcore.sessions import SessionEvent
from tests.integrations.django_sessions.saved import kinds, stored
from tests.sessions.visitors import WatchedStore


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
