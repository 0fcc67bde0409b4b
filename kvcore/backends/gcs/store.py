"""`GoogleCloudStore`: values as objects of a bucket in Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, ClassVar

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
from kvcore.backends.objects import type_of_key
from kvcore.backends.objects.listing import Page
from kvcore.backends.objects.options import check_arguments, shown
from kvcore.backends.objects.presigning import (
    EXPIRES_SECS,
    UNSIGNED,
    URL_METHODS,
)
from kvcore.backends.objects.store import ObjectStore
from kvcore.contract import (
    PLAIN,
    Capabilities,
    Stat,
    WriteOptions,
    Writer,
)
from kvcore.contract.streams import read_blocks
from kvcore.errors import (
    InvalidKey,
    KeyExists,
    KeyNotFound,
    PreconditionFailed,
    StoreError,
)
from kvcore.recipe import StoreRecipe

if TYPE_CHECKING:
    from kvcore.backends.gcs.media import Media
    from kvcore.backends.gcs.uploads import Target

PART_BYTES = 8 * 1024 * 1024
_UNKNOWN = "application/octet-stream"


class GoogleCloudStore(ObjectStore):
    """Keeps each value as an object of a bucket, under ``prefix`` and its key as they stand.

    ``client`` is a ``google.cloud.storage.Client``: it is never closed, and gets our time-outs.
    Without it the store makes one when it is first needed, from the options, which are those of a
    ``gcs://`` URL and stand in ``docs/backends.md``; a forked child makes another.

    Raises `ConfigError` for options that make no sense.
    """

    _scheme = "gcs"
    _threads = 8
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
        self._bucket = bucket
        self._prefix = prefix
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
        name = super()._name(key)
        if name in {".", ".."}:  # no object has such a name; its address would be that of others
            raise InvalidKey(f"{name!r} is not allowed as a name", key=key, store=self)
        return name

    # Reading

    def _source(self, key: str) -> Media:
        return self._connector.link().media(self._name(key), key, self)

    def _found(self, key: str) -> Stat | None:
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

    def _pages(self, whole: str, delimiter: str, *, stats: bool) -> Iterator[Page]:
        return self._connector.link().pages(self, whole, delimiter, stats=stats)

    def _cuts_at(self, delimiter: str) -> bool:
        return len(delimiter) == 1 and super()._cuts_at(delimiter)

    # Life

    def _close(self) -> None:
        self._connector.close()

    def _endpoint(self) -> str | None:
        return self._connector.endpoint()


_DEFAULTS: Mapping[str, Any] = GoogleCloudStore.__init__.__kwdefaults__ or {}
