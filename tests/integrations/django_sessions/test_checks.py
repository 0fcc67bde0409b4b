"""What `manage.py check` says of sessions."""

import pytest
from django.core.management import call_command
from django.urls import include, path
from kvcore_django.session_checks import check_sessions
from pytest_django import Settings

from kvcore import DictStore, KeyValueStore
from tests.contract.minimal import FourMethods

BACKEND = "kvcore_django.storage.KVStorage"


class Included:
    """URLs that serve a store."""

    def __init__(self, **options: str) -> None:
        self.urlpatterns = [path("media/", include("kvcore_django.urls"), options)]


def found() -> list[str]:
    messages = check_sessions()
    assert all(message.hint for message in messages), "what to do about it"
    return sorted(str(message.id) for message in messages)


@pytest.fixture(autouse=True)
def _project(settings: Settings, tmp_path: object) -> None:
    settings.SESSION_ENGINE = "kvcore_django.sessions"
    settings.KVCORE_STORES = {"default": "memory://", "sessions": f"fs://{tmp_path}"}
    settings.KVCORE_SESSION_STORE = "sessions"
    settings.ROOT_URLCONF = Included()


def test_a_good_project() -> None:
    """Has nothing to be told; and the check is one of those that Django runs."""
    assert found() == []
    call_command("check", fail_level="WARNING")


def test_other_engines_are_none_of_our_business(settings: Settings) -> None:
    """Whatever our settings are."""
    settings.KVCORE_SESSION_STORE = "nowhere"
    for engine in ("django.contrib.sessions.backends.signed_cookies", "no.such.engine"):
        settings.SESSION_ENGINE = engine
        assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("KVCORE_SESSION_STORE", "sesions", "E006"),
        ("KVCORE_SESSION_POLICY", {"idle_secs": 60}, "E006"),
        ("KVCORE_SESSION_POLICY", {"absolute_secs": -1}, "E006"),
        ("KVCORE_SESSION_POLICY", "strict", "E006"),
        ("KVCORE_SESSION_POLICY", {"prefix": "sessions/"}, None),
        ("KVCORE_SESSION_POLICY", {"prefix": "../"}, "E007"),
        ("KVCORE_STORES", {"sessions": {"url": "memory://", "decorators": ["readonly"]}}, "E007"),
        ("KVCORE_STORES", {"sessions": FourMethods()}, "W001"),
        ("KVCORE_STORES", {"sessions": "memory://"}, "W003"),
        ("KVCORE_STORES", {"sessions": DictStore}, None),
        ("KVCORE_STORES", "wrong", None),
    ],
)
@pytest.mark.parametrize("engine", ["kvcore_django.sessions", f"{__package__}.engine"])
def test_mistakes_are_told(
    settings: Settings, name: str, value: object, expected: str | None, engine: str
) -> None:
    """Each by its id, of our engine and of one that extends it; no callable is called."""
    settings.SESSION_ENGINE = engine
    setattr(settings, name, value)
    assert found() == ([f"kvcore.{expected}"] if expected else [])


def test_memory_is_good_enough_to_develop_with(settings: Settings) -> None:
    """While DEBUG is on."""
    settings.KVCORE_SESSION_STORE = "default"
    settings.STORAGES = {}
    settings.ROOT_URLCONF = "tests.integrations.django_sessions.site"
    settings.DEBUG = True
    assert found() == []


def test_files_beside_sessions_are_told(settings: Settings, tmp_path: object) -> None:
    """Saved by a storage, or served; not those in a directory of the store."""
    settings.KVCORE_STORES = {"default": f"fs://{tmp_path}"}
    settings.KVCORE_SESSION_STORE = "default"
    settings.STORAGES = {"default": {"BACKEND": BACKEND, "OPTIONS": {"location": "media"}}}
    assert found() == ["kvcore.W002"]  # the URLs serve all of it
    settings.ROOT_URLCONF = "tests.integrations.django_sessions.site"
    assert found() == []
    settings.STORAGES = {"default": {"BACKEND": BACKEND}}
    [message] = check_sessions()
    assert "STORAGES['default']" in message.msg
    store: KeyValueStore = DictStore()
    settings.KVCORE_SESSION_STORE = store
    settings.DEBUG = True
    settings.ROOT_URLCONF = Included(store=store)  # type: ignore[arg-type]
    assert found() == ["kvcore.W002"]
