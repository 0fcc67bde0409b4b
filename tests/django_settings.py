"""The Django settings of the tests: those of the example site, an app with files, in memory."""

import os
import tempfile

from example_sites.django_site import settings as site
from example_sites.django_site.settings import *  # noqa: F403  # how settings are extended

SECRET_KEY = "for tests only"
INSTALLED_APPS = [
    *site.INSTALLED_APPS,
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "tests.integrations.django_app",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# A file, as the tests use it in several threads; Django makes and removes it.
_DATABASE = os.path.join(tempfile.gettempdir(), f"kvcore-tests-{os.getpid()}.sqlite3")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _DATABASE,
        "TEST": {"NAME": _DATABASE},
    }
}
KVCORE_STORES = {"default": "memory://"}
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
KVCORE_SESSION_STORE = "default"
KVCORE_SESSION_POLICY: dict[str, object] = {}
STORAGES = {
    "default": {"BACKEND": "kvcore_django.storage.KVStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_URL = "/media/"
