"""`KVCORE_STORES`, and what `manage.py check` says of it."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import NoReturn

import pytest
from django.apps.registry import Apps
from django.core.checks import CheckMessage
from django.core.files.storage import default_storage, storages
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import models
from django.urls import include, path
from kvcore_django import checks, current_store, generate_key
from kvcore_django.storage import KVStorage
from kvcore_django.views import aserve
from pytest_django import Settings

from kvcore import Capabilities, DictStore, MissingDependency

BACKEND = "kvcore_django.storage.KVStorage"
OF_ITS_OWN = {"BACKEND": BACKEND, "OPTIONS": {"url": "memory://"}}


class Plain(DictStore):
    """Cannot create only."""

    @property
    def capabilities(self) -> Capabilities:
        return super().capabilities._replace(if_absent=False)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Apps:
    """A registry for models of a test; the check sees those and no others."""
    registry = Apps()
    models_of_all = SimpleNamespace(get_models=lambda: list(registry.all_models["shelf"].values()))
    monkeypatch.setattr(checks, "apps", models_of_all)
    return registry


def model(app: Apps, **fields: models.Field) -> None:
    meta = type("Meta", (), {"app_label": "shelf", "apps": app})
    type("Shelf", (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


def found() -> Iterator[tuple[str, str]]:
    """The ids of what the check tells, and of what it tells it."""
    for message in checks.check_stores():
        assert isinstance(message, CheckMessage)
        assert message.is_serious()
        assert message.hint, "what to do about it"
        yield str(message.id), getattr(message.obj, "name", None) or message.msg


def test_stores_are_one_per_process(settings: Settings) -> None:
    """A name gives the same store to everybody, with keys as paths."""
    settings.KVCORE_STORES = {"default": "memory://"}
    current_store().put("a/b", b"value")
    assert current_store("default").get("a/b") == b"value"
    own = DictStore()
    current_store(own).put("a/b", b"own")
    assert own.with_keys("path").get("a/b") == b"own"


def test_a_wrong_setting_is_told(settings: Settings) -> None:
    """`manage.py check` tells what is wrong, and where; nothing is opened for it."""
    settings.KVCORE_STORES = {"default": "memory://", "media": "fs:///no/such/folder"}
    call_command("check")
    for wrong in ({"default": "memry://"}, ["memory://"], {"default": "fs:///a?colour=red"}):
        settings.KVCORE_STORES = wrong
        with pytest.raises(SystemCheckError, match=r"kvcore\.E001"):
            call_command("check")


def test_a_wrong_storage_is_told(settings: Settings) -> None:
    """A name that `KVCORE_STORES` does not have, a wrong URL, an unknown option; others pass."""
    settings.KVCORE_STORES = {"default": "memory://"}
    others = {
        "default": {"BACKEND": BACKEND, "OPTIONS": {"url": "fs:///no/such/folder"}},
        "named": {"BACKEND": BACKEND},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "gone": {"BACKEND": "no.such.Storage"},
        "empty": {},
    }
    settings.STORAGES = others
    call_command("check")
    for options, told in (
        ({"store": "nope"}, "'nope'"),
        ({"url": "memry://"}, "memry"),
        ({"stor": "default"}, "stor"),
        ({"store": "default2", "url": "memory://"}, "not both"),
        ({"location": "/media"}, "location"),
    ):
        settings.STORAGES = {**others, "media": {"BACKEND": BACKEND, "OPTIONS": options}}
        with pytest.raises(SystemCheckError, match=rf"(?s)kvcore\.E002.*media.*{told}"):
            call_command("check")


class Bare(KVStorage):
    """Wants a library that is not installed."""

    def __init__(self) -> None:
        raise MissingDependency("'redis' is not installed: pip install 'kvcore[redis]'")


def test_a_missing_library_is_told(settings: Settings) -> None:
    """It is an `ImportError`, but not one of a backend that is not there."""
    settings.STORAGES = {**settings.STORAGES, "bare": {"BACKEND": f"{__name__}.Bare"}}
    with pytest.raises(SystemCheckError, match=r"kvcore\.E002.*bare.*kvcore\[redis\]"):
        call_command("check")


def test_a_wrong_storage_of_a_field_is_told(settings: Settings, app: Apps) -> None:
    """It names the field; so is a default storage that cannot be made, but once."""
    settings.KVCORE_STORES = {"default": "memory://"}
    model(
        app,
        good=models.FileField(storage=KVStorage()),
        wrong=models.FileField(storage=KVStorage("nope")),
        plain=models.FileField(),
    )
    assert list(found()) == [("kvcore.E002", "wrong")]
    settings.STORAGES = {"default": {"BACKEND": BACKEND, "OPTIONS": {"url": "memry://"}}}
    assert [id_ for id_, _ in found()] == ["kvcore.E002"] * 2


def test_a_store_that_may_overwrite_is_told(settings: Settings, app: Apps) -> None:
    """For each field with chosen names; those with generated names are safe, as are those told to.

    A storage that no field uses is told as such: all that is left to do with it is to save.
    """
    settings.KVCORE_STORES = {"default": Plain(), "good": "memory://", "lazy": Plain}
    settings.STORAGES = {
        "default": {"BACKEND": BACKEND},
        "unused": {"BACKEND": BACKEND},
        "used": {"BACKEND": BACKEND},
        "lazy": {"BACKEND": BACKEND, "OPTIONS": {"store": "lazy"}},
        "replacing": {"BACKEND": BACKEND, "OPTIONS": {"allow_overwrite": True}},
    }
    key = generate_key()
    model(
        app,
        chosen=models.FileField(upload_to="files"),
        own=models.FileField(storage=KVStorage(location="a")),
        generated=models.FileField(upload_to=key),
        other=models.FileField(upload_to=key, storage=storages["used"]),
        replaced=models.FileField(storage=KVStorage(allow_overwrite=True)),
        good=models.FileField(storage=KVStorage("good")),
    )
    told = list(found())
    assert {id_ for id_, _ in told} == {"kvcore.E004"}
    assert [where for _, where in told[:2]] == ["chosen", "own"]
    assert "STORAGES['unused']" in told[2][1]
    assert len(told) == 3


def test_no_callable_is_called_by_the_check(settings: Settings, app: Apps) -> None:
    """It may connect to something that is not there where the check runs."""

    def connect() -> NoReturn:
        raise AssertionError("called")

    settings.KVCORE_STORES = {"default": connect}
    settings.STORAGES = {"default": {"BACKEND": BACKEND}}
    model(app, file=models.FileField(storage=KVStorage()))
    assert list(found()) == []


def test_names_too_long_for_a_field_are_told(settings: Settings, app: Apps) -> None:
    """Before somebody uploads the one type whose extension is longer by a letter."""
    settings.KVCORE_STORES = {"default": "memory://"}
    model(
        app,
        fits=models.FileField(upload_to=generate_key("{id}{ext}"), max_length=31),
        short=models.FileField(upload_to=generate_key("{id}{ext}"), max_length=30),
        usual=models.FileField(upload_to=generate_key("a" * 69 + "{id}{ext}")),
        plain=models.FileField(upload_to="a" * 50, max_length=30),
    )
    assert list(found()) == [("kvcore.E005", "short")]


urlpatterns = [
    path("media/", include("kvcore_django.urls")),
    path("private/<path:key>", aserve, {"store": "private"}),
    path("storage/", include("kvcore_django.urls"), {"store": default_storage}),
]


@pytest.mark.urls(__name__)
def test_wrong_urls_are_told(settings: Settings) -> None:
    """A store that is served, and that nobody configured, is told before the first request."""
    settings.KVCORE_STORES = {"default": "memory://", "private": "memory://"}
    call_command("check")
    settings.KVCORE_STORES = {"default": "memory://"}
    with pytest.raises(SystemCheckError, match=r"(?s)kvcore\.E003.*private/"):
        call_command("check")
    settings.KVCORE_STORES = {"default": "memory://", "private": "memory://"}
    settings.STORAGES = {"default": {**OF_ITS_OWN, "OPTIONS": {"url": "memry://"}}}
    with pytest.raises(SystemCheckError, match=r"kvcore\.E002"):
        call_command("check")
    settings.KVCORE_STORES = {}
    settings.STORAGES = {"default": OF_ITS_OWN}
    with pytest.raises(SystemCheckError, match=r"(?s)kvcore\.E003.*media/.*'default'"):
        call_command("check")
