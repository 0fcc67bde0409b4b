"""When sessions of Django end, and what becomes of them then."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from kvcore_django import current_sessions
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from tests.contract.minimal import FourMethods
from tests.integrations.django_sessions.saved import stored
from tests.sessions.visitors import WatchedStore


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
