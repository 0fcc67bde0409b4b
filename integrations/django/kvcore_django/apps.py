"""The app `kvcore_django`: with it in `INSTALLED_APPS`, `manage.py check` reads `KVCORE_STORES`."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from kvcore import KvcoreError, Stores


class KvcoreConfig(AppConfig):
    """Optional: `KVStorage`, `save_upload` and the URLs work without it."""

    name = "kvcore_django"
    verbose_name: str = "kvcore"

    def ready(self) -> None:
        """Register the check."""
        checks.register(check_stores, checks.Tags.files)


def check_stores(**_: Any) -> list[checks.CheckMessage]:
    """``kvcore.E001``: ``KVCORE_STORES`` is wrong. Nothing is opened or connected."""
    try:
        Stores(getattr(settings, "KVCORE_STORES", {}))
    except (KvcoreError, TypeError) as error:
        return [checks.Error(str(error), hint="Correct KVCORE_STORES.", id="kvcore.E001")]
    return []
