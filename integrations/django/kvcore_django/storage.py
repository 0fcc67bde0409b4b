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
from datetime import UTC, datetime
from pathlib import PurePath
from typing import IO, Any, TypeGuard
from urllib.parse import urljoin

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.utils import validate_file_name
from django.urls import get_script_prefix
from django.utils.encoding import filepath_to_uri

from kvcore import InvalidKey, KeyExists, KeyNotFound, KeyValueStore, PrefixDecorator, Stat
from kvcore.config import StorePlan, redacted
from kvcore.mime import extension_for
from kvcore_django.files import KVFile
from kvcore_django.names import AvailableName, GeneratedName, checked_location, path_of, taken_by
from kvcore_django.saving import Content
from kvcore_django.stores import PathStores, current_store

_TRIES = 10  # for names: each has 7 random characters
_IN_MEMORY = (ContentFile, InMemoryUploadedFile)
_SMALL_BYTES = 64 * 1024  # may be sent again, under another name


class KVStorage(Storage):
    """Files in a store: by its name in ``KVCORE_STORES``, or by a ``url`` of its own.

    ``location`` is a directory of the store: the storage sees nothing else of it. An existing file
    is never overwritten by ``save``, however many save the same name at once, unless
    ``allow_overwrite`` says so; then it is replaced in one step, and readers see the old file or
    the new one.

    The URL of a file is ``base_url`` and its name. Without a ``base_url`` it is the store's own,
    where that is of the web (``https:``, ``/media/…``), else ``MEDIA_URL``, the ``location`` and
    the name: serve files there with `kvcore_django.urls`. (A ``MEDIA_URL`` of ``""``, Django's
    default, or ``"/"`` counts as none; for the root of a site say ``base_url="/"``.)

    In migrations a ``url`` appears without secrets; there a name is the better choice. A store
    object does for tests, but not for the field of a model, as a migration cannot hold it.

    >>> from django.core.files.base import ContentFile
    >>> storage = KVStorage(url="memory://", location="letters")
    >>> storage.save("a.txt", ContentFile(b"Dear all"))
    'a.txt'
    >>> storage.save("a.txt", ContentFile(b"Dear both"))
    'a_....txt'
    """

    def __init__(
        self,
        store: str | KeyValueStore = "default",
        *,
        url: str | None = None,
        location: str = "",
        base_url: str | None = None,
        allow_overwrite: bool = False,
    ) -> None:
        if url is not None and store != "default":
            raise ImproperlyConfigured("KVStorage takes a store or a url, not both")
        self._store, self._store_url, self._base_url = store, url, base_url
        self._location = checked_location(location)
        self._allow_overwrite = allow_overwrite
        self._open_stores()

    def _open_stores(self) -> None:
        self._own = None if self._store_url is None else PathStores({"default": self._store_url})
        self._whole = None if isinstance(self._store, str) else current_store(self._store)
        self._below: tuple[KeyValueStore, KeyValueStore] | None = None
        kind, ours = type(self), KVStorage
        self._asks_as_we_do = (
            kind.get_available_name is ours.get_available_name
            and kind.is_name_available is ours.is_name_available
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_own": None, "_whole": None, "_below": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open_stores()

    @property
    def store(self) -> KeyValueStore:
        """The store, or the part of it below ``location``.

        Asked for anew by each operation, as tests change settings.
        """
        whole = self._whole
        if whole is None:
            named = str(self._store)
            whole = current_store(named) if self._own is None else self._own[named]
        if not self._location:
            return whole
        if self._below is None or self._below[0] is not whole:
            self._below = whole, PrefixDecorator(f"{self._location}/", whole)
        return self._below[1]

    @property
    def store_name(self) -> str | None:
        """The name in ``KVCORE_STORES``; none for a ``url`` or a store object."""
        return self._store if self._own is None and isinstance(self._store, str) else None

    @property
    def allow_overwrite(self) -> bool:
        """Whether ``save`` replaces an existing file."""
        return self._allow_overwrite

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
        if self._store_url is not None:
            recipe = StorePlan.from_config(self._store_url).recipe
            given["url"] = redacted(self._store_url, recipe)
        if self._location:
            given["location"] = self._location
        if self._base_url is not None:
            given["base_url"] = self._base_url
        if self._allow_overwrite:
            given["allow_overwrite"] = True
        return f"{type(self).__module__}.{type(self).__qualname__}", [], given

    def _key(self, name: str | os.PathLike[str]) -> str:
        """The key of a file name. Raises ``SuspiciousFileOperation`` for what cannot be one."""
        key = path_of(name)
        if key:
            try:
                self.store.keyspace.check(key)
            except InvalidKey as error:
                raise SuspiciousFileOperation(str(error)) from error
        return key

    # Reading

    def _open(self, name: str, mode: str = "rb") -> KVFile:
        return KVFile(self.store, self._key(name), mode)

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name, or files below it as in a directory."""
        key, store = path_of(name), self.store
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
        return _time(modified.timestamp())

    def get_accessed_time(self, name: str) -> datetime:
        """When a local file was last read; else ``NotImplementedError``."""
        return _time(os.path.getatime(self.path(name)))

    def get_created_time(self, name: str) -> datetime:
        """When a local file was made, as Django's own storage tells it (the system's ``ctime``).

        Raises ``NotImplementedError`` for a store without local files.
        """
        return _time(os.path.getctime(self.path(name)))

    def path(self, name: str) -> str:
        """The file on this machine, to be read by ``open``; a missing one is ``FileNotFoundError``.

        Raises ``NotImplementedError`` for a store without local files, and for the root: what lies
        there beside the files of this storage is not for others to look through.
        """
        store, key = self.store, self._key(name)
        if not key or not store.capabilities.local_path:
            raise NotImplementedError("the files of this storage are to be read by its open()")
        try:
            return store.local_path(key)
        except KeyNotFound as error:
            raise _missing(name) from error

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
        base = self._base_url
        if base is None and name and (url := self._url_of_store(name)):
            return url
        if base is None:
            # Django puts the script's prefix ("/") before a MEDIA_URL that is not set.
            base = settings.MEDIA_URL if get_script_prefix() != settings.MEDIA_URL else ""
            if base and self._location:
                name = f"{self._location}/{name or ''}"
        base = str(base or "")  # it may be lazy
        if not base:
            raise ValueError("This file is not accessible via a URL: set MEDIA_URL or base_url.")
        base = base if base.endswith("/") else f"{base}/"
        return urljoin(base, (filepath_to_uri(name) or "").lstrip("/"))

    def _url_of_store(self, name: str) -> str | None:
        """The store's own URL; ``None`` if it has none for browsers, or the name is no key."""
        store = self.store
        if "GET" not in store.capabilities.url_methods:
            return None
        try:
            url = store.url_for(self._key(name))
        except SuspiciousFileOperation:
            return None  # an address of nothing harms nobody, and a page that shows it works
        return None if url.startswith("file:") else url

    # Writing

    def save(self, name: str | None, content: IO[Any], max_length: int | None = None) -> str:
        """Store a file, read from its start; returns the name that it got.

        As Django's, but whether the name of a small file is taken is told by the store when it
        refuses to overwrite: over a network, asking before takes as long as storing.
        """
        wanted = content.name if name is None else name
        if wanted is None or not self._asks_as_we_do or not _is_small(content):
            return super().save(name, content, max_length)
        validate_file_name(wanted, allow_relative_path=True)
        return self._save(self._available(wanted, max_length, ask=False), content)

    def _save(self, name: str, content: File[Any]) -> str:
        store, what = self.store, Content(content)
        can = store.capabilities
        if isinstance(name, GeneratedName):
            # Nobody else has this name, so also a store without `if_absent` overwrites nothing.
            key = name.fill(extension_for(what.content_type))
            return what.put(store, key, if_absent=can.if_absent, typed=can.content_type)
        wanted = key = path_of(name)
        create = not self._allow_overwrite
        for left in reversed(range(_TRIES)):
            try:
                return what.put(store, key, if_absent=create, typed=can.content_type)
            except InvalidKey as error:
                raise SuspiciousFileOperation(str(error)) from error
            except KeyExists:
                if self._allow_overwrite or not left or not what.can_be_put_again:
                    raise
                key = self._another(wanted, getattr(name, "max_length", None))
        raise AssertionError("unreachable")

    def _another(self, key: str, max_length: int | None) -> str:
        """An alternative to a name that is taken, of at most this many characters."""
        taken = taken_by(key, self.store)
        directory, name = posixpath.split(taken)
        suffix = "".join(PurePath(name).suffixes)
        root, rest = name.removesuffix(suffix), key[len(taken) :]
        found = posixpath.join(directory, self.get_alternative_name(root, suffix)) + rest
        over = 0 if max_length is None else len(found) - max_length
        if over > 0:
            if over >= len(root):
                raise SuspiciousFileOperation(
                    f"no other name for {key!r} has at most {max_length} characters"
                )
            other = self.get_alternative_name(root[:-over], suffix)
            found = posixpath.join(directory, other) + rest
        return found

    def generate_filename(self, filename: str | os.PathLike[str]) -> str:
        """The name to save under; one that was generated stays as it is."""
        if isinstance(filename, GeneratedName):
            return filename
        return super().generate_filename(filename)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """A free name like this one: cut to what a segment of the store's keys may have."""
        return self._available(name, max_length, ask=True)

    def _available(self, name: str, max_length: int | None, *, ask: bool) -> str:
        if isinstance(name, GeneratedName):
            if max_length is not None and name.longest > max_length:
                raise SuspiciousFileOperation(
                    f"generated names have up to {name.longest} characters: give the field a"
                    f" max_length that allows them, instead of {max_length}"
                )
            return name
        text = str(name).replace("\\", "/")
        directory, base = posixpath.split(text)
        root, extension = os.path.splitext(base)
        cut = self._cut(root, extension)
        # Most names need nothing of what Django's method is for; it costs as much as a put.
        if cut == root and base.strip(".") and ".." not in text:
            fits = not max_length or len(text) <= max_length
            if fits and (not ask or self.is_name_available(text, max_length)):
                return AvailableName(text, max_length)
        else:
            text = posixpath.join(directory, cut + extension)
        return AvailableName(super().get_available_name(text, max_length), max_length)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """The name with 7 random characters, cut as `get_available_name` does."""
        if self._allow_overwrite:
            return f"{file_root}{file_ext}"
        directory, root = posixpath.split(file_root)
        cut = self._cut(root, f"_{'x' * 7}{file_ext}")
        return super().get_alternative_name(posixpath.join(directory, cut), file_ext)

    def _cut(self, root: str, rest: str) -> str:
        limit = self.store.keyspace.max_segment_bytes
        if limit is None or 4 * (len(root) + len(rest)) <= limit:  # a character has 1 to 4 bytes
            return root
        room = max(limit - len(rest.encode(errors="replace")), 1)
        encoded = root.encode(errors="surrogatepass")
        return root if len(encoded) <= room else encoded[:room].decode(errors="ignore")

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Whether a file may be saved under this name; one request to the store at most."""
        if max_length and len(name) > max_length:
            return False
        return self._allow_overwrite or self._key(name) not in self.store

    def delete(self, name: str) -> None:
        """Remove the file; a missing one is no error."""
        if not name:
            raise ValueError("The name must be given to delete().")
        self.store.delete(self._key(name))

    def _stat(self, name: str) -> Stat:
        try:
            return self.store.stat(self._key(name))
        except KeyNotFound as error:
            raise _missing(name) from error


def _is_small(content: object) -> TypeGuard[File[Any]]:
    """Whether it is in memory, and short."""
    return (
        isinstance(content, _IN_MEMORY)
        and content.size is not None
        and content.size <= _SMALL_BYTES
    )


def _missing(name: str) -> FileNotFoundError:
    return FileNotFoundError(f"there is no file {name!r} in this storage")


def _time(timestamp: float) -> datetime:
    """As Django's own storages: aware with ``USE_TZ``, else in the zone of the system."""
    return datetime.fromtimestamp(timestamp, UTC if settings.USE_TZ else None)
