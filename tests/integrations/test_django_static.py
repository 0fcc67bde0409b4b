"""Static files in a store: `collectstatic`, with and without hashed names."""

import io
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.management import call_command
from kvcore_django.storage import KVStorage
from pytest_django import Settings

from kvcore import KeyValueStore

CSS = b"body { background: url(img/cat.png) }"


class ManifestStorage(ManifestFilesMixin, KVStorage):
    """As a site would write it."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The static files of a site."""
    folder = tmp_path / "source"
    (folder / "img").mkdir(parents=True)
    (folder / "site.css").write_bytes(CSS)
    (folder / "img/cat.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def store(any_store: KeyValueStore, source: Path, settings: Settings) -> KeyValueStore:
    """The place of the static files, below "static" in the default store."""
    settings.KVCORE_STORES = {"default": any_store}
    settings.INSTALLED_APPS = ["django.contrib.staticfiles"]
    settings.STATICFILES_DIRS = [source]
    settings.STATIC_URL = "/static/"
    use(settings, "kvcore_django.storage.KVStorage")
    return any_store.with_keys("path")


def use(settings: Settings, backend: str) -> None:
    options = {"location": "static", "base_url": "/static/"}
    settings.STORAGES = {
        "default": {"BACKEND": "kvcore_django.storage.KVStorage"},
        "staticfiles": {"BACKEND": backend, "OPTIONS": options},
    }


def collect(**options: object) -> str:
    out = io.StringIO()
    call_command("collectstatic", interactive=False, stdout=out, **options)
    return out.getvalue()


def test_static_files_are_collected(store: KeyValueStore, source: Path) -> None:
    """Once, again where nothing changed, again where something did, and anew with --clear."""
    store.put("other", b"not static")
    assert "2 static files copied" in collect()
    assert store.get("static/site.css") == CSS
    assert staticfiles_storage.url("img/cat.png") == "/static/img/cat.png"
    knows_times = store.stat("static/site.css").modified is not None
    assert ("0 static files copied, 2 unmodified" in collect()) == knows_times
    (source / "site.css").write_bytes(b"new")
    store.put("static/old.css", b"old")
    collect(clear=True)
    assert {key: store.get(key) for key in store} == {
        "other": b"not static",
        "static/site.css": b"new",
        "static/img/cat.png": b"\x89PNG",
    }


def test_static_files_get_hashed_names(store: KeyValueStore, settings: Settings) -> None:
    """By Django's own mixin: references are rewritten, and the manifest is in the store."""
    use(settings, f"{__name__}.ManifestStorage")
    for _ in range(2):
        assert " post-processed" in collect()
        hashed = staticfiles_storage.url("site.css")
        assert re.fullmatch(r"/static/site\.[0-9a-f]{12}\.css", hashed)
        assert re.search(rb"img/cat\.[0-9a-f]{12}\.png", store.get(hashed[1:]))
    assert b"site.css" in store.get("static/staticfiles.json")
    names = sorted(key.removeprefix("static/").split(".")[0] for key in store)
    assert names == ["img/cat", "img/cat", "site", "site", "staticfiles"]
