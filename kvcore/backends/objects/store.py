"""`ObjectStore`: the hooks of a store in a bucket that do not depend on the service."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, ClassVar, TypeVar

from kvcore.backends.objects.listing import Page, check_page, keys_of
from kvcore.backends.objects.options import SURROGATE
from kvcore.backends.objects.parallel import call_each
from kvcore.backends.objects.presigning import PresigningStore
from kvcore.backends.objects.reader import open_reader
from kvcore.backends.objects.source import Source
from kvcore.backends.objects.whole import copy_whole, read_part, read_whole
from kvcore.contract import CopyMixin, Fetched, Reader, Stat, WriteOptions
from kvcore.errors import KeyNotFound, KvcoreError, StoreError
from kvcore.keys import KeySpace
from kvcore.recipe import url_text

_T = TypeVar("_T")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class ObjectStore(PresigningStore, CopyMixin):
    """Keeps each value as an object of a bucket, under a prefix and its key as they stand.

    A constructor sets what is declared here, and then the key space.
    """

    _scheme: ClassVar[str]
    """Of the store's URLs."""
    _bucket: str
    _prefix: str
    _threads: int
    """How many a verb for many values may have."""
    _shown: Mapping[str, str]
    """The options as a URL has them, but for ``keys``."""

    @abstractmethod
    def _source(self, key: str) -> Source:
        """How the bytes of a value are asked for."""

    @abstractmethod
    def _found(self, key: str) -> Stat | None:
        """What is known of a value, by one request; ``None`` if it is missing."""

    @abstractmethod
    def _pages(self, whole: str, delimiter: str, *, stats: bool) -> Iterator[Page]:
        """What begins with ``whole``, page by page; cut behind the delimiter, if there is one."""

    def _cuts_at(self, delimiter: str) -> bool:
        """Whether every service of the kind can cut there; not all know what is no character."""
        return delimiter.isprintable()

    @abstractmethod
    def _endpoint(self) -> object:
        """The address of the service, without opening anything."""

    # Names

    def _name(self, key: str) -> str:
        return self._prefix + key

    def _use_keyspace(self, space: KeySpace) -> None:
        super()._use_keyspace(space.behind(self._prefix))

    @classmethod
    def _space(cls, name: str) -> KeySpace:
        return KeySpace(name)

    def _place(self) -> tuple[object, str]:
        return (self._scheme, self._endpoint(), self._bucket), self._prefix

    def _url(self) -> str:
        address = f"{self._bucket}/{self._prefix}" if self._prefix else self._bucket
        keys = {} if self._keyspace.name == "strict" else {"keys": self._keyspace.name}
        return url_text(self._scheme, address, {**self._shown, **keys})

    # Reading

    def _get(self, key: str) -> bytes:
        return read_whole(self._source(key)).data

    def _fetch(self, key: str) -> Fetched:
        return read_whole(self._source(key))

    def _open(self, key: str) -> Reader:
        return open_reader(self._source(key))

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        copy_whole(self._source(key), file)

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        if length == 0:
            self._stat(key)  # it raises for a missing one
            return b""
        return read_part(self._source(key), start, None if length is None else start + length)

    def _stat(self, key: str) -> Stat:
        found = self._found(key)
        if found is None:
            raise KeyNotFound(key=key, store=self)
        return found

    def _has_key(self, key: str) -> bool:
        return self._found(key) is not None

    # Many values

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return self._many(keys, self._get)

    def _fetch_many(self, keys: Iterable[str]) -> dict[str, Fetched]:
        return self._many(keys, self._fetch)

    def _many(self, keys: Iterable[str], get: Callable[[str], _T]) -> dict[str, _T]:
        found, errors = self._each(keys, get)
        for error in errors.values():
            if not isinstance(error, KeyNotFound):
                raise error
        return found

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        self._put_each({key: (data, options) for key, data in items.items()})

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        errors = self._each(items, lambda key: self._put(key, *items[key]))[1]
        self._report(errors, "put")

    def _delete_many(self, keys: Iterable[str]) -> None:
        self._report(self._each(keys, self._delete)[1], "deleted")

    def _each(
        self, keys: Iterable[str], call: Callable[[str], _T]
    ) -> tuple[dict[str, _T], dict[str, KvcoreError]]:
        """Call it for each key, in a few threads; results, and errors."""
        return call_each(keys, call, threads=self._threads, not_tried=self._not_tried)

    # Listing

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``, in the order of their bytes."""
        start, space = len(self._prefix), self._keyspace
        for page in self._listed(prefix):
            yield from keys_of(page.names, start, space)

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        start, space = len(self._prefix), self._keyspace
        for page in self._listed(prefix, stats=True):
            try:
                stats = list(page.stats())
            except ValueError as error:
                raise StoreError(f"the list makes no sense: {error}", store=self) from error
            for name, stat in zip(page.names, stats, strict=True):
                key = name[start:]
                if key in space:
                    yield key, stat

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        if not self._cuts_at(delimiter):
            yield from super()._iter_prefixes(delimiter, prefix)
            return
        start, space = len(self._prefix), self._keyspace
        for page in self._listed(prefix, delimiter):
            yield from keys_of(page.names, start, space)
            for name in page.prefixes:
                # Whether what is below is legal is not told: any key may be.
                if f"{name[start:]}x" in space:
                    yield name[start:]

    def _listed(self, prefix: str, delimiter: str = "", *, stats: bool = False) -> Iterator[Page]:
        """The pages of what begins with the prefix, or none where no key can be."""
        if SURROGATE.search(prefix):  # no name has one
            return
        if _CONTROL.search(prefix) and self._keyspace.name != "any":
            # Nor has a key one of these; Ceph would repeat it in XML, which has no place for it.
            return
        whole = self._prefix + prefix
        for page in self._pages(whole, delimiter, stats=stats):
            check_page(page, whole, self)
            yield page
