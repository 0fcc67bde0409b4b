"""What `manage.py check` looks for where ``SESSION_ENGINE`` keeps sessions in a store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.urls import get_resolver
from django.utils.module_loading import import_string

from kvcore import Capabilities, KeyValueStore, KvcoreError, Stores
from kvcore_django.checks import served_stores
from kvcore_django.session_engine import policy, store_name
from kvcore_django.storage import KVStorage

_Messages = Iterator[checks.CheckMessage]
_OURS = "kvcore_django.sessions"


def check_sessions(**_: Any) -> list[checks.CheckMessage]:
    """All of them. Nothing is opened or connected, and no callable of yours is called.

    ``kvcore.E006``
        ``KVCORE_SESSION_STORE`` names no store, or ``KVCORE_SESSION_POLICY`` is wrong.
    ``kvcore.E007``
        The store does not write, or lacks what sessions need.
    ``kvcore.W001``
        The store has no conditions, so that a log-out can be undone within a moment.
    ``kvcore.W002``
        The sessions share a store with files that have names of their own, or that are served.
    ``kvcore.W003``
        The store lies in the memory of one process, and ``DEBUG`` is off.
    """
    if not _is_ours():
        return []
    try:
        stores = Stores(getattr(settings, "KVCORE_STORES", {}))
    except (KvcoreError, TypeError):
        return []  # kvcore.E001
    return list(_check(stores))


def _is_ours() -> bool:
    name = settings.SESSION_ENGINE
    if name == _OURS or name.startswith("django."):  # not to import models that are not installed
        return bool(name == _OURS)
    from kvcore_django.sessions import SessionStore

    try:
        return issubclass(import_string(f"{name}.SessionStore"), SessionStore)
    except (ImportError, TypeError):
        return False  # Django's to tell


def _check(stores: Stores) -> _Messages:
    from kvcore_django.sessions import current_sessions

    name = store_name()
    try:
        policy()
        if isinstance(name, str) and name not in stores:
            stores[name]
    except KvcoreError as error:
        hint = "Name a store of KVCORE_STORES in KVCORE_SESSION_STORE, or correct the policy."
        yield checks.Error(f"The sessions: {error}", hint=hint, id="kvcore.E006")
        return
    yield from _check_neighbours(name)
    if isinstance(name, str) and callable(settings.KVCORE_STORES[name]):
        return
    try:
        can = current_sessions().store.capabilities
    except KvcoreError as error:
        hint = "Name another store in KVCORE_SESSION_STORE."
        yield checks.Error(f"The sessions: {error}", hint=hint, id="kvcore.E007")
        return
    yield from _check_abilities(can)


def _check_abilities(can: Capabilities) -> _Messages:
    if not (can.if_present or can.if_match):
        yield checks.Warning(
            "The store of the sessions has no conditions: a request that is under way when its"
            " visitor logs out can bring the session back, if it writes within the same moment.",
            hint="Keep sessions in a folder, in Redis or in another store with `if_match`.",
            id="kvcore.W001",
        )
    if can.fast and not settings.DEBUG:
        yield checks.Warning(
            "The sessions lie in the memory of one process: others do not see them, and they end"
            " with it.",
            hint="Name a store in KVCORE_SESSION_STORE that processes share, such as Redis.",
            id="kvcore.W003",
        )


def _check_neighbours(name: str | KeyValueStore) -> _Messages:
    beside = [f"STORAGES[{alias!r}]" for alias in settings.STORAGES if _is_beside(alias, name)]
    if getattr(settings, "ROOT_URLCONF", None):
        routes = served_stores(get_resolver(), "", {})
        beside += [f"the URLs below {route!r}" for route, store in routes if _is(store, name)]
    if beside:
        yield checks.Warning(
            f"The sessions share the store {name!r} with {', '.join(beside)}: what is uploaded"
            " could take the place of a session, and what is served could be one.",
            hint="Give them a store of their own: name it in KVCORE_SESSION_STORE.",
            id="kvcore.W002",
        )


def _is(store: object, name: str | KeyValueStore) -> bool:
    # By its type: to compare `default_storage` is to build it, which may fail.
    return store is name or (issubclass(type(store), str) and store == name)


def _is_beside(alias: str, name: str | KeyValueStore) -> bool:
    entry: dict[str, Any] = settings.STORAGES[alias]
    try:
        backend = import_string(entry["BACKEND"])
        if not (isinstance(backend, type) and issubclass(backend, KVStorage)):
            return False
        storage = cast("KVStorage", storages[alias])
    except (KvcoreError, ImproperlyConfigured, TypeError, ImportError, KeyError):
        return False  # kvcore.E002, or Django's to tell
    return storage.store_name == name and not entry.get("OPTIONS", {}).get("location")
