"""Runs Django's own tests of sessions on our engine: in a process of its own.

``python suite.py FOLDER URL``: where Django's tests are, and the store of the sessions.
"""

import sys
import unittest
from typing import Any

import django
from django.conf import settings


def configure(folder: str, url: str) -> None:
    sys.path.insert(0, folder)
    settings.configure(
        SECRET_KEY="for tests only",
        KVCORE_STORES={"sessions": url},
        SESSION_ENGINE="kvcore_django.sessions",
        USE_TZ=False,  # as Django's tests expect it
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "sessions_tests",
            "kvcore_django",
        ],
        LOGGING={"version": 1, "loggers": {"kvcore": {"level": "CRITICAL"}}},
    )
    django.setup()


def suite() -> unittest.TestSuite:
    from django.test import SimpleTestCase
    from kvcore_django.sessions import SessionStore
    from sessions_tests import tests  # type: ignore[import-not-found]  # Django's

    class KvcoreSessionTests(tests.SessionTestsMixin, SimpleTestCase):  # type: ignore[misc]
        backend = SessionStore

    class KvcoreMiddlewareTests(tests.SessionMiddlewareTests):  # type: ignore[misc]
        # It looks into the database; ours is test_an_empty_session_that_has_a_key_is_saved.
        test_empty_session_saved = None

    load = unittest.defaultTestLoader.loadTestsFromTestCase
    cases: list[Any] = [KvcoreSessionTests, KvcoreMiddlewareTests]
    return unittest.TestSuite(load(case) for case in cases)


def main(folder: str, url: str) -> int:
    configure(folder, url)
    from django.test.runner import DiscoverRunner

    runner = DiscoverRunner(verbosity=0)
    runner.setup_test_environment()
    runner.setup_databases()
    result = unittest.TextTestRunner().run(suite())
    print("skipped:", len(result.skipped))
    return not result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
