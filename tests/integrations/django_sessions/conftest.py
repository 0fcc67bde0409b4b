"""A project whose sessions lie in a store of each kind."""

import pytest
from django.test import Client
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from kvcore import KeyValueStore
from kvcore.sessions import SessionEvent
from tests.sessions.visitors import WatchedStore


@pytest.fixture
def store(any_store: KeyValueStore) -> WatchedStore:
    """A store of each kind, that counts."""
    return WatchedStore(any_store)


@pytest.fixture
def project(settings: Settings, store: WatchedStore) -> Settings:
    """The settings of a project on it, with log-ins."""
    settings.KVCORE_STORES = {"default": "memory://", "sessions": store}
    settings.KVCORE_SESSION_STORE = "sessions"
    settings.SESSION_ENGINE = "kvcore_django.sessions"
    settings.SESSION_COOKIE_NAME = "sessionid"
    settings.ROOT_URLCONF = "tests.integrations.django_sessions.site"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    return settings


@pytest.fixture
def client(project: Settings) -> Client:
    """A visitor; a view that fails answers 500, as it does on a server."""
    return Client(SERVER_NAME="localhost", raise_request_exception=False)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, project: Settings) -> list[SessionEvent]:
    """The events of sessions."""
    events: list[SessionEvent] = []
    monkeypatch.setattr(SessionStore, "on_event", events.append)
    return events
