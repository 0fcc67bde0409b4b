"""The app `kvcore_django`: with it in `INSTALLED_APPS`, `manage.py check` looks for mistakes."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from kvcore_django.checks import check_stores


class KvcoreConfig(AppConfig):
    """Optional: `KVStorage`, `save_upload` and the URLs work without it."""

    name = "kvcore_django"
    verbose_name: str = "kvcore"

    def ready(self) -> None:
        """Register the check."""
        checks.register(check_stores, checks.Tags.files)
