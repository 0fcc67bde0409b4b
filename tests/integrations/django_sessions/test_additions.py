"""What kvcore adds to Django's sessions, and its settings."""

import pytest
from django.test import Client
from kvcore_django import current_sessions
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from kvcore import ConfigError, DictStore
from tests.integrations.django_sessions.saved import kinds, stored
from tests.sessions.visitors import WatchedStore


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
