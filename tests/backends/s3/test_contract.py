"""The contract on real servers: moto in every run, Ceph's gateway where it is installed."""

from collections.abc import Iterator

import pytest

from kvcore import S3Store, store_from_url
from kvcore.contract import KeyValueStore
from kvcore.testing import StoreContract
from tests.object_servers.s3 import ACCESS_KEY, SECRET_KEY, Bucket

DECIDED = "put,complete,delete"
"""The conditions that moto decides."""


def list_in_short_pages(store: S3Store, keys: int = 20) -> None:
    """Have listings take more than a page, without a thousand keys."""

    def ask(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = keys

    store._client().meta.events.register("provide-client-params.s3.ListObjectsV2", ask)


class TestOnMoto(StoreContract):
    """Made from a URL, with a prefix; a service whose conditions are trusted."""

    overtaken_readers_end = True
    secrets = (SECRET_KEY,)

    @pytest.fixture
    def store(self, bucket: Bucket) -> Iterator[KeyValueStore]:
        keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        with store_from_url(bucket.url("some/pre", conditional=DECIDED, **keys)) as store:
            assert isinstance(store, S3Store)
            list_in_short_pages(store)
            yield store

    def reopen(self, store: KeyValueStore) -> KeyValueStore:
        assert isinstance(store, S3Store)
        return S3Store(
            store._bucket, store._prefix, client=store._client(), conditional="put,complete,delete"
        )

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        assert isinstance(store, S3Store)
        if "\n" not in name:  # moto loses it
            store._client().put_object(**store._request(name), Body=data)
