"""`S3Store`: values as objects of a bucket, in Amazon S3 or what speaks like it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, Any, ClassVar

from kvcore.backends.objects.listing import Page
from kvcore.backends.objects.options import check_arguments, shown
from kvcore.backends.objects.presigning import EXPIRES_SECS
from kvcore.backends.objects.store import ObjectStore
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
from kvcore.backends.s3.reading import ObjectSource, check_told, stat_of
from kvcore.backends.s3.uploading import AT_ONCE_BYTES, PartWriter, Put
from kvcore.backends.s3.urls import ALGORITHMS, OPTIONS, RECIPE, bucket_name
from kvcore.contract import (
    PLAIN,
    Capabilities,
    Stat,
    WriteOptions,
    Writer,
)
from kvcore.errors import PreconditionFailed, StoreError
from kvcore.recipe import StoreRecipe

_DELETES = 10  # where one may be dropped

# Options that become parameters of what puts.
_PUT_PARAMS: Mapping[str, str] = {
    "ACL": "acl",
    "SSEKMSKeyId": "kms_key",
    "ServerSideEncryption": "encryption",
    "StorageClass": "storage_class",
}


class S3Store(ObjectStore):
    """Keeps each value as an object of a bucket, under ``prefix`` and its key as they stand.

    ``client`` is one of boto3 (``boto3.client("s3", …)``): it is used as it is and never closed.
    Without it the store makes one from the options, which are those of an ``s3://`` URL and stand
    in ``docs/backends.md``, when it is first needed: one for all threads, and for a forked child
    another.

    Raises `ConfigError` for options that make no sense.
    """

    _scheme = "s3"
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
        part_size: int | None = None,
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
            multipart_threshold,
            part_size or uploading.PART_BYTES,
            concurrency,
            equal=service.equal_parts,
            largest_part=part_size or uploading.LARGE_PART_BYTES,
        )
        self._threads = concurrency
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

    def _request(self, key: str) -> dict[str, Answer]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    @property
    def _repeats_safely(self) -> bool:
        """Whether a conditional write is never sent again that may have taken effect."""
        return self._connection.owned

    def _fingerprint(self, size: int) -> EtagHash:
        return EtagHash(size, self._sizes)

    # Reading

    def _source(self, key: str) -> ObjectSource:
        return ObjectSource(key, self)

    def _found(self, key: str) -> Stat | None:
        found = self._head(key)
        return None if found is None else stat_of(found)

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
        check_told(found, key, self)
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

    def _pages(self, whole: str, delimiter: str, *, stats: bool) -> Iterator[Page]:
        return listing.pages(self, whole, delimiter)  # the stats stand in every page

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

    def _endpoint(self) -> str | None:
        return self._connection.address()[0]


_DEFAULTS: Mapping[str, Any] = S3Store.__init__.__kwdefaults__ or {}
