"""The one Django project of this process; what a row needs besides, it overrides."""

from benchmarks.places import Missing


def set_up() -> None:
    """Configure Django, if that was not done; `Missing` without Django."""
    try:
        import django
        from django.conf import settings
    except ImportError:
        raise Missing("Django is not installed") from None
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["localhost"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            INSTALLED_APPS=["django.contrib.sessions"],
            SECRET_KEY="a secret of this measurement",
        )
        django.setup()
