"""The Django settings of the tests: those of the example site, in memory."""

import os
import tempfile

from example_sites.django_site.settings import *  # noqa: F403  # how settings are extended

SECRET_KEY = "for tests only"
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
