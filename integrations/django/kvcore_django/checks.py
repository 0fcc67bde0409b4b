"""What `manage.py check` looks for: mistakes in `KVCORE_STORES`, and in what refers to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage, storages
from django.db.models import FileField
from django.urls import URLResolver, get_resolver
from django.utils.module_loading import import_string

from kvcore import KvcoreError, Stores
from kvcore_django.storage import KVStorage
from kvcore_django.uploads import KeyGenerator
from kvcore_django.views import aserve, serve

_Messages = Iterator[checks.CheckMessage]


def check_stores(**_: Any) -> list[checks.CheckMessage]:
    """All of them. Nothing is opened or connected, and no callable of yours is called.

    ``kvcore.E001``
        ``KVCORE_STORES`` is wrong.
    ``kvcore.E002``
        An entry of ``STORAGES``, or the storage of a field, is wrong or names a store that is not
        there.
    ``kvcore.E003``
        The URLs serve a store that is not there.
    ``kvcore.E004``
        Files are to be saved under chosen names, and the store cannot create without overwriting.
    ``kvcore.E005``
        The names of ``generate_key`` are longer than their field allows.
    """
    configs = getattr(settings, "KVCORE_STORES", {})
    try:
        stores = Stores(configs)
    except (KvcoreError, TypeError) as error:
        return [checks.Error(str(error), hint="Correct KVCORE_STORES.", id="kvcore.E001")]
    callables = {name for name, config in configs.items() if callable(config)}
    return [*_Storages(stores, callables).check(), *_check_urls(stores)]


class _Storages:
    """Those of `STORAGES` and of the fields of all models."""

    def __init__(self, stores: Stores, callables: set[str]) -> None:
        self._stores = stores
        self._callables = callables  # the names of stores that are not to be built here
        self._named: dict[str, KVStorage] = {}
        self._used: set[int] = set()

    def check(self) -> _Messages:
        for alias, entry in settings.STORAGES.items():
            yield from self._check_entry(alias, entry)
        for model in apps.get_models():
            for field in model._meta.local_fields:
                if isinstance(field, FileField):
                    yield from self._check_field(field)
        for alias, storage in self._named.items():
            # What fields do with a storage is told of each of them.
            if id(storage) not in self._used and not self._can_create(storage):
                yield _cannot_create(f"STORAGES[{alias!r}]: save()", None)

    def _check_entry(self, alias: str, entry: dict[str, Any]) -> _Messages:
        try:
            backend = import_string(entry["BACKEND"])
            if not (isinstance(backend, type) and issubclass(backend, KVStorage)):
                return
            storage = cast("KVStorage", storages[alias])
            wrong = _unknown(storage.store_name, self._stores)
        except (KvcoreError, ImproperlyConfigured, TypeError) as error:
            wrong = str(error)
        except (ImportError, KeyError):
            return  # Django's to tell
        if wrong:
            hint = "Correct its OPTIONS, or name the store in KVCORE_STORES."
            yield checks.Error(f"STORAGES[{alias!r}]: {wrong}", hint=hint, id="kvcore.E002")
        else:
            self._named[alias] = storage

    def _check_field(self, field: FileField) -> _Messages:
        storage: object = field.storage
        if storage is default_storage:  # to look at its class is to build it, which may fail
            storage = self._named.get("default")
        limit = field.max_length
        generated = field.upload_to if isinstance(field.upload_to, KeyGenerator) else None
        if generated is not None and limit is not None and limit < generated.max_length:
            yield checks.Error(
                f"generate_key({generated.template!r}) makes names of up to"
                f" {generated.max_length} characters, and max_length is {limit}.",
                hint=f"Say max_length={generated.max_length}, or shorten the template.",
                obj=field,
                id="kvcore.E005",
            )
        if not isinstance(storage, KVStorage):
            return
        self._used.add(id(storage))
        wrong = _unknown(storage.store_name, self._stores)
        if wrong:
            hint = "Correct the storage of this field, or name the store in KVCORE_STORES."
            yield checks.Error(f"its storage: {wrong}", hint=hint, obj=field, id="kvcore.E002")
        elif generated is None and not self._can_create(storage):
            yield _cannot_create("a file under a chosen name", field)

    def _can_create(self, storage: KVStorage) -> bool:
        if storage.allow_overwrite or storage.store_name in self._callables:
            return True
        return storage.store.capabilities.if_absent


def _cannot_create(what: str, field: object) -> checks.Error:
    return checks.Error(
        f"{what} could overwrite another's: this store has no `if_absent`, so it is refused.",
        hint="Use upload_to=generate_key(...), allow_overwrite=True or another store.",
        obj=field,
        id="kvcore.E004",
    )


def _check_urls(stores: Stores) -> _Messages:
    if not getattr(settings, "ROOT_URLCONF", None):
        return
    for route, store in served_stores(get_resolver(), "", {}):
        wrong = _unknown(store, stores)
        if wrong:
            hint = (
                'Name it in KVCORE_STORES, or pass {"store": ...} as third argument of path():'
                " another name, or a storage such as default_storage."
            )
            yield checks.Error(f"the URLs below {route!r}: {wrong}", hint=hint, id="kvcore.E003")


def served_stores(
    resolver: URLResolver, route: str, given: dict[str, Any]
) -> Iterator[tuple[str, object]]:
    """The routes that serve a store, and what they serve."""
    for entry in resolver.url_patterns:
        below = f"{route}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from served_stores(entry, below, {**given, **entry.default_kwargs})
        elif entry.callback in (serve, aserve):
            yield below, {**given, **entry.default_args}.get("store", "default")


def _unknown(store: object, stores: Stores) -> str | None:
    # By its type: to look at the class of `default_storage` is to build it, which may fail.
    if not issubclass(type(store), str) or store in stores:
        return None
    return f"there is no store {store!r} in KVCORE_STORES; there are {sorted(stores)}"
