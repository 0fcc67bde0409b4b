"""The app `kvcore_django`: with it in `INSTALLED_APPS`, `manage.py check` looks for mistakes."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from kvcore_django.checks import check_stores
from kvcore_django.session_checks import check_sessions


class KvcoreConfig(AppConfig):
    """Optional: `KVStorage`, `save_upload`, the URLs and sessions work without it."""

    name = "kvcore_django"
    verbose_name: str = "kvcore"

    def ready(self) -> None:
        """Register the checks."""
        checks.register(check_stores, checks.Tags.files)
        checks.register(check_sessions, checks.Tags.security)
