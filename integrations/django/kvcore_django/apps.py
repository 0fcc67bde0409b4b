"""The app `kvcore_django`: with it in `INSTALLED_APPS`, `manage.py check` looks for mistakes.

It reads `KVCORE_STORES`, and what `STORAGES` and the URLs say of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLResolver, get_resolver
from django.utils.module_loading import import_string

from kvcore import KvcoreError, Stores
from kvcore_django.storage import KVStorage
from kvcore_django.views import serve


class KvcoreConfig(AppConfig):
    """Optional: `KVStorage`, `save_upload` and the URLs work without it."""

    name = "kvcore_django"
    verbose_name: str = "kvcore"

    def ready(self) -> None:
        """Register the check."""
        checks.register(check_stores, checks.Tags.files)


def check_stores(**_: Any) -> list[checks.CheckMessage]:
    """``kvcore.E001``: ``KVCORE_STORES`` is wrong. Nothing is opened or connected.

    ``kvcore.E002``: an entry of ``STORAGES`` is wrong or names a store that is not there;
    ``kvcore.E003``: so does an ``include("kvcore_django.urls")``.
    """
    try:
        stores = Stores(getattr(settings, "KVCORE_STORES", {}))
    except (KvcoreError, TypeError) as error:
        return [checks.Error(str(error), hint="Correct KVCORE_STORES.", id="kvcore.E001")]
    return [*_check_storages(stores), *_check_urls(stores)]


def _check_storages(stores: Stores) -> Iterator[checks.CheckMessage]:
    for alias, entry in settings.STORAGES.items():
        try:
            storage = import_string(entry["BACKEND"])
            if not (isinstance(storage, type) and issubclass(storage, KVStorage)):
                continue
            options: Any = entry.get("OPTIONS", {})
            wrong = _unknown(storage(**options).store_name, stores)
        except ImportError:
            continue  # Django's to tell
        except (KvcoreError, ImproperlyConfigured, TypeError) as error:
            wrong = str(error)
        if wrong:
            yield checks.Error(f"STORAGES[{alias!r}]: {wrong}", id="kvcore.E002")


def _check_urls(stores: Stores) -> Iterator[checks.CheckMessage]:
    if not getattr(settings, "ROOT_URLCONF", None):
        return
    for route, store in _served(get_resolver(), "", {}):
        wrong = _unknown(store, stores)
        if wrong:
            hint = (
                'Name it in KVCORE_STORES, or pass {"store": ...} as third argument of path():'
                " another name, or a storage such as default_storage."
            )
            yield checks.Error(f"the URLs below {route!r}: {wrong}", hint=hint, id="kvcore.E003")


def _served(
    resolver: URLResolver, route: str, given: dict[str, Any]
) -> Iterator[tuple[str, object]]:
    """The routes that serve a store, and what they serve."""
    for entry in resolver.url_patterns:
        below = f"{route}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from _served(entry, below, {**given, **entry.default_kwargs})
        elif entry.callback is serve:
            yield below, {**given, **entry.default_args}.get("store", "default")


def _unknown(store: object, stores: Stores) -> str | None:
    # By its type: to look at the class of `default_storage` is to build it, which may fail.
    if not issubclass(type(store), str) or store in stores:
        return None
    return f"there is no store {store!r} in KVCORE_STORES; there are {sorted(stores)}"
