"""`S3Store`: values as objects of a bucket, in Amazon S3 or what speaks like it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, Any, ClassVar, TypeVar

from kvcore.backends.objects import copy_whole, open_reader, read_whole
from kvcore.backends.objects.options import check_arguments, shown
from kvcore.backends.objects.parallel import call_each
from kvcore.backends.objects.presigning import EXPIRES_SECS, PresigningStore
from kvcore.backends.s3 import copying, deleting, listing, parts, probing, uploading
from kvcore.backends.s3.client import (
    DEADLINE_SECS,
    POOL_SIZE,
    RETRIES,
    Configured,
    Connection,
    Given,
    Settings,
)
from kvcore.backends.s3.conditions import Conditions
from kvcore.backends.s3.errors import failures, is_missing, said, status_of, told
from kvcore.backends.s3.etags import EtagHash
from kvcore.backends.s3.headers import parameters_of
from kvcore.backends.s3.objects import Answer, Boto, Client
from kvcore.backends.s3.presigner import S3Presigner, put_headers, signing_capabilities
from kvcore.backends.s3.providers import DELETE, PROVIDERS
from kvcore.backends.s3.reading import ObjectSource, read_range, stat_of
from kvcore.backends.s3.uploading import AT_ONCE_BYTES, PartWriter, Put
from kvcore.backends.s3.urls import ALGORITHMS, OPTIONS, RECIPE, bucket_name
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
from kvcore.errors import KeyNotFound, KvcoreError, PreconditionFailed, StoreError
from kvcore.keys import KeySpace
from kvcore.recipe import StoreRecipe, url_text

_T = TypeVar("_T")
_DELETES = 10  # where one may be dropped

# Options that become parameters of what puts.
_PUT_PARAMS: Mapping[str, str] = {
    "ACL": "acl",
    "SSEKMSKeyId": "kms_key",
    "ServerSideEncryption": "encryption",
    "StorageClass": "storage_class",
}


class S3Store(PresigningStore, CopyMixin):
    """Keeps each value as an object of a bucket, under ``prefix`` and its key as they stand.

    ``client`` is one of boto3 (``boto3.client("s3", …)``): it is used as it is and never closed.
    Without it the store makes one from the options, which are those of an ``s3://`` URL and stand
    in ``docs/backends.md``, when it is first needed: one for all threads, and for a forked child
    another.

    Raises `ConfigError` for options that make no sense.
    """

    _recipe: ClassVar[StoreRecipe] = RECIPE
    _declared = Capabilities(
        if_absent=True,
        if_present=True,
        if_match=True,
        delete_if_match=True,
        content_type=True,
    )

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        client: Client | None = None,
        keys: str = "strict",
        endpoint: str | None = None,
        region: str | None = None,
        provider: str | None = None,
        profile: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        session_token: str | None = None,
        anonymous: bool = False,
        role: str | None = None,
        role_session_name: str | None = None,
        external_id: str | None = None,
        addressing: str | None = None,
        checksums: str | None = None,
        ca_file: str | None = None,
        retries: int = RETRIES,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
        deadline: float = DEADLINE_SECS,
        pool_size: int = POOL_SIZE,
        conditional: str | None = None,
        quoted_etags: bool | None = None,
        storage_class: str | None = None,
        encryption: str | None = None,
        kms_key: str | None = None,
        acl: str | None = None,
        headers: Mapping[str, str] | None = None,
        multipart_threshold: int = uploading.THRESHOLD_BYTES,
        part_size: int = uploading.PART_BYTES,
        concurrency: int = uploading.CONCURRENCY,
        public_endpoint: str | None = None,
        base_url: str | None = None,
        url_expires: float = EXPIRES_SECS,
        create_if_missing: bool = False,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in OPTIONS}
        check_arguments(bucket, prefix, given, bucket_name=bucket_name, options=OPTIONS)
        settings = Settings(**{name: given[name] for name in Settings._fields})
        self._bucket = bucket
        self._prefix = prefix
        self._connection: Connection
        if client is None:
            self._connection = Configured(settings, bucket, create=create_if_missing)
        else:
            if settings._replace(provider=None) != Settings() or create_if_missing:
                raise TypeError("a client has its own settings: give it them, not the store")
            self._connection = Given(client, None if provider is None else PROVIDERS[provider])
            given["endpoint"], given["region"] = self._connection.address()
        service, signs = self._connection.service, self._connection.signs
        self._conditions = Conditions.of(service, conditional, quoted=quoted_etags)
        checksum = {"ChecksumAlgorithm": checksums.upper()} if checksums in ALGORITHMS else {}
        self._put_params: dict[str, Answer] = {
            **parameters_of(headers or {}),
            **{name: given[option] for name, option in _PUT_PARAMS.items() if given[option]},
            **checksum,
        }
        self._sizes = uploading.Sizes(
            multipart_threshold, part_size, concurrency, equal=service.equal_parts
        )
        self._shown = shown(given, OPTIONS, _DEFAULTS)
        self._presigner = S3Presigner(
            self._connection,
            bucket,
            public_endpoint=public_endpoint,
            base_url=base_url,
            expires_secs=url_expires,
            put_headers=put_headers(given),
            signs=signs,
        )
        on_put = self._conditions.on_put
        self._declared = self._declared._replace(
            if_absent=on_put,
            if_present=on_put,
            if_match=on_put,
            delete_if_match=DELETE in self._conditions.decided,
            **signing_capabilities(bucket, service, signs=signs, if_absent=on_put),
        )
        self._bucket_seen = False
        self._use_keyspace(self._space(keys))

    # What goes to the service, and errors back.

    def _client(self) -> Boto:
        return self._connection.client()

    def _name(self, key: str) -> str:
        return self._prefix + key

    def _request(self, key: str) -> dict[str, Answer]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    @property
    def _repeats_safely(self) -> bool:
        """Whether a conditional write is never sent again that may have taken effect."""
        return self._connection.owned

    def _use_keyspace(self, space: KeySpace) -> None:
        super()._use_keyspace(space.behind(self._prefix))

    def _fingerprint(self, size: int) -> EtagHash:
        return EtagHash(size, self._sizes)

    @classmethod
    def _space(cls, name: str) -> KeySpace:
        return KeySpace(name)

    # Reading

    def _get(self, key: str) -> bytes:
        return read_whole(ObjectSource(key, self)).data

    def _fetch(self, key: str) -> Fetched:
        return read_whole(ObjectSource(key, self))

    def _open(self, key: str) -> Reader:
        return open_reader(ObjectSource(key, self))

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        copy_whole(ObjectSource(key, self), file)

    def _stat(self, key: str) -> Stat:
        found = self._head(key)
        if found is None:
            raise KeyNotFound(key=key, store=self)
        said(found, "ContentLength", key, self)
        return stat_of(found)

    def _has_key(self, key: str) -> bool:
        return self._head(key) is not None

    def _head(self, key: str) -> Answer | None:
        """The answer to a HEAD, or ``None`` if there is nothing under the key."""
        try:
            found = self._client().head_object(Bucket=self._bucket, Key=self._prefix + key)
        except failures() as error:
            if not is_missing(error):
                raise told(error, key, self) from error
            self._see_bucket(key)
            return None
        self._bucket_seen = True
        return found

    def _see_bucket(self, key: str) -> None:
        """Raise `StoreError` if there is no bucket: a HEAD says the same of a missing key."""
        if self._bucket_seen:
            return
        try:
            self._client().head_bucket(Bucket=self._bucket)
        except failures() as error:
            if status_of(error) == 404:
                raise StoreError(
                    f"there is no bucket {self._bucket!r}: create it, or set create_if_missing",
                    key=key,
                    store=self,
                ) from error
            if status_of(error) != 403:  # it is there, and we may not list it
                raise told(error, key, self) from error
        self._bucket_seen = True

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        if length == 0:
            self._stat(key)  # it raises for a missing one
            return b""
        stop = None if length is None else start + length
        return read_range(ObjectSource(key, self), start, stop)

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
        """Call it for each key, in a few threads; results, and errors."""
        return call_each(keys, call, threads=self._sizes.concurrency, not_tried=self._not_tried)

    # Writing

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        put = Put(self, key, options)
        if len(data) > AT_ONCE_BYTES or options.conditional:
            uploading.put_bytes(put, data)
            return
        try:
            answer = self._client().put_object(**put.params(), Body=data)
        except failures() as error:
            raise put.told(error) from error
        said(answer, "ETag", key, self)

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        uploading.put_file(Put(self, key, options), file)

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        if key is None:
            return super()._open_write(key, options)
        put = Put(self, key, options)
        return super()._open_write(key, options) if put.only_whole else PartWriter(put)

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        self._put_each({key: (data, options) for key, data in items.items()})

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        errors = self._each(items, lambda key: self._put(key, *items[key]))[1]
        self._report(errors, "put")

    # Removing, copying

    def _delete(self, key: str) -> None:
        self._delete_once(key)
        if self._connection.service.drops_deletes:
            # What was put meanwhile came before the last of these, so it may go, too.
            for _ in range(_DELETES):
                if self._head(key) is None:
                    return
                self._delete_once(key)

    def _delete_once(self, key: str) -> None:
        try:
            self._client().delete_object(Bucket=self._bucket, Key=self._prefix + key)
        except failures() as error:
            if not is_missing(error):
                raise told(error, key, self) from error

    def _delete_if_match(self, key: str, etag: str) -> None:
        try:
            self._client().delete_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                IfMatch=self._conditions.matching(etag),
            )
        except PreconditionFailed as error:
            error.seen_from(self, key)
            raise
        except failures() as error:
            if is_missing(error):
                raise PreconditionFailed(key=key, store=self) from error
            raise told(error, key, self) from error

    def _delete_many(self, keys: Iterable[str]) -> None:
        self._report(deleting.delete_many(self, keys), "deleted")

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        if not copying.copy(self, source, dest, if_absent=if_absent):
            self._copy_through(source, dest, if_absent)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        if DELETE not in self._conditions.decided:
            self._copy(source, dest, if_absent=if_absent)
            self._delete(source)
            return
        etag = self._stat(source).etag
        self._copy(source, dest, if_absent=if_absent)
        try:
            self._delete_if_match(source, etag or "")
        except PreconditionFailed:
            return  # a newer value was put to it, and stays

    # Listing

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``, in the order of their bytes."""
        return listing.keys(self, prefix)

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return listing.stats(self, prefix)

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        if not delimiter.isprintable():  # not every service can cut there
            return super()._iter_prefixes(delimiter, prefix)
        return listing.prefixes(self, delimiter, prefix)

    # Life

    def _close(self) -> None:
        self._connection.close()

    def _sweep(self, older_than_secs: float) -> int:
        """Abort uploads in parts that began so long ago."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_secs)
        swept = 0
        for name, upload, began in list(listing.uploads(self)):
            if began <= before:
                parts.abort(self, name, upload)
                swept += 1
        return swept

    def _advice(self, key: str) -> str | None:
        return probing.advice(self, key)

    def _place(self) -> tuple[object, str]:
        endpoint, _ = self._connection.address()
        return ("s3", endpoint, self._bucket), self._prefix

    def _url(self) -> str:
        address = f"{self._bucket}/{self._prefix}" if self._prefix else self._bucket
        keys = {} if self._keyspace.name == "strict" else {"keys": self._keyspace.name}
        return url_text("s3", address, {**self._shown, **keys})


_DEFAULTS: Mapping[str, Any] = S3Store.__init__.__kwdefaults__ or {}
