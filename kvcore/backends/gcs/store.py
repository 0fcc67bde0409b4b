"""`GoogleCloudStore`: values as objects of a bucket in Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, ClassVar, TypeVar

from kvcore.backends.gcs import signing
from kvcore.backends.gcs.client import (
    CONNECT_SECS,
    DEADLINE_SECS,
    POOL_SIZE,
    RETRIES,
    Configured,
    Connector,
    Given,
    Settings,
)
from kvcore.backends.gcs.headers import HEADERS
from kvcore.backends.gcs.objects import Client, Timeout
from kvcore.backends.gcs.outcomes import Refused, generation_of, stat_of
from kvcore.backends.gcs.place import Place
from kvcore.backends.gcs.urls import OPTIONS, RECIPE, bucket_name
from kvcore.backends.objects import copy_whole, open_reader, read_whole, type_of_key
from kvcore.backends.objects.options import SURROGATE, check_arguments, shown
from kvcore.backends.objects.parallel import call_each
from kvcore.backends.objects.presigning import (
    EXPIRES_SECS,
    UNSIGNED,
    URL_METHODS,
    PresigningStore,
)
from kvcore.contract import (
    PLAIN,
    Capabilities,
    CopyMixin,
    Fetched,
    Reader,
    Stat,
    WriteOptions,
    Writer,
)
from kvcore.contract.streams import read_blocks
from kvcore.errors import (
    InvalidKey,
    KeyExists,
    KeyNotFound,
    KvcoreError,
    PreconditionFailed,
    StoreError,
)
from kvcore.keys import KeySpace
from kvcore.recipe import StoreRecipe, url_text

if TYPE_CHECKING:
    from kvcore.backends.gcs.media import Media
    from kvcore.backends.gcs.uploads import Target

_T = TypeVar("_T")

PART_BYTES = 8 * 1024 * 1024
_AT_ONCE = 8  # threads for many values
_UNKNOWN = "application/octet-stream"


class GoogleCloudStore(PresigningStore, CopyMixin):
    """Keeps each value as an object of a bucket, under ``prefix`` and its key as they stand.

    ``client`` is a ``google.cloud.storage.Client``: it is never closed, and gets our time-outs.
    Without it the store makes one when it is first needed, from the options, which are those of a
    ``gcs://`` URL and stand in ``docs/backends.md``; a forked child makes another.

    Raises `ConfigError` for options that make no sense.
    """

    _recipe: ClassVar[StoreRecipe] = RECIPE
    _declared = Capabilities(
        if_absent=True,
        if_present=True,
        if_match=True,
        delete_if_match=True,
        content_type=True,
        pinned_reads=True,
        url_methods=URL_METHODS,
        url_options=signing.URL_OPTIONS,
        presign_post=True,
    )

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        client: Client | None = None,
        keys: str = "strict",
        endpoint: str | None = None,
        project: str | None = None,
        credentials: str | None = None,
        credentials_json: str | None = None,
        anonymous: bool = False,
        retries: int = RETRIES,
        connect_timeout: float = CONNECT_SECS,
        deadline: float = DEADLINE_SECS,
        pool_size: int = POOL_SIZE,
        part_size: int = PART_BYTES,
        storage_class: str | None = None,
        acl: str | None = None,
        headers: Mapping[str, str] | None = None,
        kms_key: str | None = None,
        user_project: str | None = None,
        location: str | None = None,
        sign_as: str | None = None,
        public_endpoint: str | None = None,
        base_url: str | None = None,
        url_expires: float = EXPIRES_SECS,
        create_if_missing: bool = False,
    ) -> None:
        given: dict[str, Any] = {name: value for name, value in locals().items() if name in OPTIONS}
        check_arguments(bucket, prefix, given, bucket_name=bucket_name, options=OPTIONS)
        settings = Settings(**{name: given[name] for name in Settings._fields})
        place = Place(bucket, prefix, user_project, kms_key)
        self._where = place
        self._connector: Connector
        if client is None:
            create_in = (location or "") if create_if_missing else None
            self._connector = Configured(settings, place, create_in=create_in)
        else:
            plain = Settings(connect_timeout=connect_timeout, deadline=deadline, retries=retries)
            if settings != plain or create_if_missing:
                raise TypeError("a client has its own settings: give it them, not the store")
            self._connector = Given(client, settings, place)
            given["endpoint"] = self._connector.endpoint()
        properties, self._metadata = HEADERS.split(headers or {})
        if storage_class is not None:
            properties["storage_class"] = storage_class
        self._properties = properties
        self._acl = acl
        if not self._connector.signs:
            self._declared = self._declared._replace(**UNSIGNED)
        self._presigner = signing.GooglePresigner(
            self._connector,
            sign_as=sign_as,
            public_endpoint=public_endpoint,
            base_url=base_url,
            expires_secs=url_expires,
            put_headers=signing.put_headers(given),
        )
        self._part_size = part_size
        self._shown = shown(given, OPTIONS, _DEFAULTS)
        self._use_keyspace(self._space(keys))

    # What goes to the service.

    def _name(self, key: str) -> str:
        """The name of the object under a key."""
        name = self._where.prefix + key
        if name in {".", ".."}:  # no object has such a name; its address would be that of others
            raise InvalidKey(f"{name!r} is not allowed as a name", key=key, store=self)
        return name

    def _use_keyspace(self, space: KeySpace) -> None:
        super()._use_keyspace(space.behind(self._where.prefix))

    @classmethod
    def _space(cls, name: str) -> KeySpace:
        return KeySpace(name)

    # Reading

    def _media(self, key: str) -> Media:
        return self._connector.link().media(self._name(key), key, self)

    def _get(self, key: str) -> bytes:
        return read_whole(self._media(key)).data

    def _fetch(self, key: str) -> Fetched:
        return read_whole(self._media(key))

    def _open(self, key: str) -> Reader:
        return open_reader(self._media(key))

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        copy_whole(self._media(key), file)

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        if length == 0:
            self._stat(key)  # raises for a missing one
            return b""
        return self._media(key).part(start, None if length is None else start + length)

    def _found(self, key: str) -> Stat | None:
        """What is known of a value, by one request; ``None`` if it is missing."""
        name = self._name(key)
        link = self._connector.link()

        def work(timeout: Timeout) -> Stat:
            blob = link.blob(name)
            blob.reload(timeout=timeout, retry=None)
            return stat_of(blob._properties)

        try:
            return link.ask(key, self, work, reads=True)
        except Refused:
            return None

    def _stat(self, key: str) -> Stat:
        found = self._found(key)
        if found is None:
            raise KeyNotFound(key=key, store=self)
        return found

    def _has_key(self, key: str) -> bool:
        return self._found(key) is not None

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

    def _each(
        self, keys: Iterable[str], call: Callable[[str], _T]
    ) -> tuple[dict[str, _T], dict[str, KvcoreError]]:
        return call_each(keys, call, threads=_AT_ONCE, not_tried=self._not_tried)

    # Writing

    def _target(self, key: str, options: WriteOptions) -> Target:
        return self._connector.link().target(
            self,
            key,
            self._name(key),
            options,
            options.content_type or type_of_key(key) or _UNKNOWN,
            self._acl,
            self._properties,
            self._metadata,
            self._part_size,
        )

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        target = self._target(key, options)
        if len(data) <= self._part_size:
            target.put(data)
        else:
            step = self._part_size
            view = memoryview(data)
            target.put_blocks(view[start : start + step] for start in range(0, len(data), step))

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        self._target(key, options).put_blocks(read_blocks(file))

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        if key is None:
            return super()._open_write(key, options)
        return self._target(key, options).writer()

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        self._put_each({key: (data, options) for key, data in items.items()})

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        errors = self._each(items, lambda key: self._put(key, *items[key]))[1]
        self._report(errors, "put")

    # Removing, copying

    def _delete(self, key: str) -> None:
        self._remove(key, None)

    def _delete_if_match(self, key: str, etag: str) -> None:
        refusal = self._remove(key, generation_of(etag, key, self))
        if refusal is None:
            return
        if refusal.unclear:
            raise StoreError(
                "the answer to a delete was lost, and the version is gone now: whether by it or by"
                " another is not known",
                key=key,
                store=self,
            ) from refusal.error
        raise PreconditionFailed(key=key, store=self) from refusal.error

    def _remove(self, key: str, generation: int | None) -> Refused | None:
        name = self._name(key)
        link = self._connector.link()

        def work(timeout: Timeout) -> None:
            link.blob(name).delete(if_generation_match=generation, timeout=timeout, retry=None)

        try:
            link.ask(key, self, work)
        except Refused as refusal:
            return refusal
        return None

    def _delete_many(self, keys: Iterable[str]) -> None:
        self._report(self._each(keys, self._delete)[1], "deleted")

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._rewrite(source, dest, None, if_absent=if_absent)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        etag = self._stat(source).etag
        self._rewrite(source, dest, etag, if_absent=if_absent)
        try:
            self._delete_if_match(source, etag or "")
        except PreconditionFailed:
            return  # a newer value was put to it, and stays

    def _rewrite(self, source: str, dest: str, etag: str | None, *, if_absent: bool) -> None:
        names = self._name(source), self._name(dest)
        try:
            self._connector.link().rewrite(*names, source, etag, self, if_absent=if_absent)
        except Refused as refusal:
            if refusal.is_missing:
                raise KeyNotFound(key=source, store=self) from refusal.error
            if refusal.unclear:
                raise StoreError(
                    "the answer to a copy was lost, and there is a value now: whether it is the"
                    " copy is not known",
                    key=dest,
                    store=self,
                ) from refusal.error
            kind = KeyExists if if_absent else PreconditionFailed
            raise kind(key=dest, store=self) from refusal.error

    # Listing

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``, in the order of their bytes."""
        start, space = len(self._where.prefix), self._keyspace
        for page in self._pages(prefix, stats=False):
            for name, _ in page.items:
                key = name[start:]
                if key in space:
                    yield key

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        start, space = len(self._where.prefix), self._keyspace
        for page in self._pages(prefix, stats=True):
            for name, stat in page.items:
                key = name[start:]
                if key in space and stat is not None:
                    yield key, stat

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        if len(delimiter) > 1:  # which not all that speak like the service understand
            yield from super()._iter_prefixes(delimiter, prefix)
            return
        start, space = len(self._where.prefix), self._keyspace
        for page in self._pages(prefix, stats=False, delimiter=delimiter):
            for name, _ in page.items:
                key = name[start:]
                if key in space:
                    yield key
            for name in page.prefixes:
                # Whether what is below is legal is not told: any key may be.
                if f"{name[start:]}x" in space:
                    yield name[start:]

    def _pages(self, prefix: str, *, stats: bool, delimiter: str | None = None) -> Iterator[Any]:
        if SURROGATE.search(prefix + (delimiter or "")):  # no key has one
            return iter(())
        whole = self._where.prefix + prefix
        return self._connector.link().pages(self, whole, stats=stats, delimiter=delimiter)

    # Life

    def _close(self) -> None:
        self._connector.close()

    def _place(self) -> tuple[object, str]:
        return ("gcs", self._connector.endpoint(), self._where.bucket), self._where.prefix

    def _url(self) -> str:
        bucket, prefix = self._where.bucket, self._where.prefix
        keys = {} if self._keyspace.name == "strict" else {"keys": self._keyspace.name}
        return url_text("gcs", f"{bucket}/{prefix}" if prefix else bucket, {**self._shown, **keys})


_DEFAULTS: Mapping[str, Any] = GoogleCloudStore.__init__.__kwdefaults__ or {}
