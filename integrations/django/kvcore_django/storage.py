"""`KVStorage`: any store as a file storage of Django.

::

    KVCORE_STORES = {"default": "fs:///srv/media"}
    STORAGES = {
        "default": {"BACKEND": "kvcore_django.storage.KVStorage", "OPTIONS": {"store": "default"}},
        ...
    }
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePath
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import Storage
from django.urls import get_script_prefix
from django.utils.encoding import filepath_to_uri

from kvcore import InvalidKey, KeyExists, KeyNotFound, KeyValueStore, Stat, Stores
from kvcore.config import StorePlan, redacted
from kvcore_django.files import KVFile
from kvcore_django.stores import current_store

_TRIES = 10  # for names: each has 7 random characters
_BLOCK_BYTES = 256 * 1024


class KVStorage(Storage):
    """Files in a store: by its name in ``KVCORE_STORES``, or by a ``url`` of its own.

    An existing file is never overwritten by ``save``, however many save the same name at once.
    The URL of a file is ``base_url`` and its name. Without a ``base_url`` it is the store's own,
    where that is of the web (``https:``, ``/media/…``), else ``MEDIA_URL`` and the name: serve
    files there with `kvcore_django.urls`. (A ``MEDIA_URL`` of ``""``, Django's default, or ``"/"``
    counts as none; for the root of a site say ``base_url="/"``.)

    In migrations a ``url`` appears without secrets; there a name is the better choice. A store
    object does for tests, but not for the field of a model, as a migration cannot hold it.
    """

    def __init__(
        self,
        store: str | KeyValueStore = "default",
        *,
        url: str | None = None,
        base_url: str | None = None,
    ) -> None:
        if url is not None and store != "default":
            raise ImproperlyConfigured("KVStorage takes a store or a url, not both")
        self._store, self._url, self._base_url = store, url, base_url
        self._own = None if url is None else Stores({"default": url})

    @property
    def store(self) -> KeyValueStore:
        """The store; asked for anew by each operation, as tests change settings."""
        if self._own is not None:
            return self._own["default"].with_keys("path")
        return current_store(self._store)

    @property
    def store_name(self) -> str | None:
        """The name in ``KVCORE_STORES``; none for a ``url`` or a store object."""
        return self._store if self._own is None and isinstance(self._store, str) else None

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """What a migration writes down: the arguments, without secrets.

        Raises ``ImproperlyConfigured`` for a store object: a migration can only hold its name.
        """
        given: dict[str, Any] = {}
        if not isinstance(self._store, str):
            raise ImproperlyConfigured(
                f"a migration cannot hold {self._store!r}: name it in KVCORE_STORES and write"
                " KVStorage('that name'), or give the field a function that makes the storage"
            )
        if self._store != "default":
            given["store"] = self._store
        if self._url is not None:
            given["url"] = redacted(self._url, StorePlan.from_config(self._url).recipe)
        if self._base_url is not None:
            given["base_url"] = self._base_url
        return f"{type(self).__module__}.{type(self).__qualname__}", [], given

    def _key(self, name: str | os.PathLike[str]) -> str:
        """The key of a file name. Raises ``SuspiciousFileOperation`` for what cannot be one."""
        key = self._path(name)
        if key:
            try:
                self.store.keyspace.check(key)
            except InvalidKey as error:
                raise SuspiciousFileOperation(str(error)) from error
        return key

    def _path(self, name: str | os.PathLike[str]) -> str:
        text = os.fspath(name).replace("\\", "/")
        if text.startswith("/") or ".." in text.split("/"):
            raise SuspiciousFileOperation(f"{name!r} leads out of the storage")
        key = posixpath.normpath(text)
        return "" if key == "." else key

    # Reading

    def _open(self, name: str, mode: str = "rb") -> KVFile:
        return KVFile(self.store, self._key(name), mode)

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name, or files below it as in a directory."""
        key, store = self._path(name), self.store
        if key and key not in store.keyspace:
            return False
        if key and key in store:
            return True
        return next(store.iter_keys(f"{key}/" if key else ""), None) is not None

    def size(self, name: str) -> int:
        """Bytes. A missing file is ``FileNotFoundError``."""
        return self._stat(name).size

    def get_modified_time(self, name: str) -> datetime:
        """When the file was saved: aware (UTC) with ``USE_TZ``, else in the system's zone."""
        modified = self._stat(name).modified
        if modified is None:
            raise NotImplementedError("this store does not know when a value was put")
        if settings.USE_TZ:
            return modified
        return datetime.fromtimestamp(modified.timestamp())  # noqa: DTZ006  # Django's rule

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The names of directories and of files directly below ``path``."""
        key = self._key(path)
        prefix = f"{key}/" if key else ""
        directories, files = [], []
        for found in self.store.iter_prefixes("/", prefix):
            name = found[len(prefix) :]
            if name.endswith("/"):
                directories.append(name[:-1])
            else:
                files.append(name)
        return directories, files

    def url(self, name: str | None) -> str:
        """Where a browser gets the file."""
        base, store = self._base_url, self.store
        if base is None and name and "GET" in store.capabilities.url_methods:
            url = store.url_for(self._key(name))
            if not url.startswith("file:"):
                return url
        if base is None:
            # Django puts the script's prefix ("/") before a MEDIA_URL that is not set.
            base = settings.MEDIA_URL if get_script_prefix() != settings.MEDIA_URL else ""
        base = str(base)  # it may be lazy
        if not base:
            raise ValueError("This file is not accessible via a URL: set MEDIA_URL or base_url.")
        base = base if base.endswith("/") else f"{base}/"
        return urljoin(base, (filepath_to_uri(name) or "").lstrip("/"))

    # Writing

    def _save(self, name: str, content: File[Any]) -> str:
        store, wanted = self.store, self._key(name)
        key = wanted
        path = getattr(content, "temporary_file_path", None)
        for left in reversed(range(_TRIES)):
            try:
                if path is not None:  # consumed, as by Django's own storages
                    return store.put_file(key, path(), move=True, if_absent=True)
                return store.put_file(key, _blocks(content), if_absent=True)
            except KeyExists:
                # Somebody else was faster, or a file bars the way of this directory.
                if not left or not (path or content.seekable()) or _is_barred(wanted, store):
                    raise
                key = self._key(self._alternative(wanted))
        raise AssertionError("unreachable")

    def _alternative(self, key: str) -> str:
        directory, name = posixpath.split(key)
        suffix = "".join(PurePath(name).suffixes)
        root = name.removesuffix(suffix)
        return posixpath.join(directory, self.get_alternative_name(root, suffix))

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """A free name like this one: cut to what a segment of the store's keys may have."""
        directory, base = posixpath.split(str(name).replace("\\", "/"))
        root, extension = os.path.splitext(base)
        cut = self._cut(root, extension) + extension
        return super().get_available_name(posixpath.join(directory, cut), max_length)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """The name with 7 random characters, cut as `get_available_name` does."""
        directory, root = posixpath.split(file_root)
        cut = self._cut(root, f"_{'x' * 7}{file_ext}")
        return super().get_alternative_name(posixpath.join(directory, cut), file_ext)

    def _cut(self, root: str, rest: str) -> str:
        limit = self.store.keyspace.max_segment_bytes
        room = None if limit is None else max(limit - len(rest.encode(errors="replace")), 1)
        encoded = root.encode(errors="surrogatepass")
        if room is None or len(encoded) <= room:
            return root
        return encoded[:room].decode(errors="ignore")

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Whether a file may be saved under this name; one request to the store."""
        return not (max_length and len(name) > max_length) and self._key(name) not in self.store

    def delete(self, name: str) -> None:
        """Remove the file; a missing one is no error."""
        if not name:
            raise ValueError("The name must be given to delete().")
        self.store.delete(self._key(name))

    def _stat(self, name: str) -> Stat:
        try:
            return self.store.stat(self._key(name))
        except KeyNotFound as error:
            raise FileNotFoundError(f"there is no file {name!r} in this storage") from error


def _is_barred(key: str, store: KeyValueStore) -> bool:
    """Whether a file stands where this key needs a directory, so that no other name helps."""
    parts = key.split("/")
    return any("/".join(parts[:depth]) in store for depth in range(1, len(parts)))


def _blocks(content: File[Any]) -> Iterator[bytes]:
    """The content from its start; text as UTF-8."""
    for chunk in content.chunks(_BLOCK_BYTES):
        yield chunk.encode() if isinstance(chunk, str) else chunk
