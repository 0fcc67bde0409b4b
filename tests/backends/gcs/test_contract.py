"""The suite on GoogleCloudStore: by URL, with a prefix, called.

And what may be otherwise by a client that is passed in, on paths, awaited in threads: a part of it,
as each run of the whole asks a thousand times.
"""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from kvcore import AsyncStore, GoogleCloudStore, KeyValueStore, store_from_url
from kvcore.testing import BlockingStore, Clock, StoreContract, StoreMachine
from kvcore.testing.contract import (
    ConditionalWriteTests,
    LifeTests,
    ListingTests,
    PutTests,
    ReadingTests,
    StoreFixtures,
)
from tests.backends.gcs.conftest import KEY_ID, Place
from tests.soak import count


class OnGoogle(StoreFixtures):
    """Subclasses say how the store gets to the bucket."""

    overtaken_readers_end = True
    secrets = (KEY_ID,)
    keys = "strict"
    prefix = "media/a-"

    @pytest.fixture
    def store(self, place: Place) -> Iterator[KeyValueStore]:
        """An empty store."""
        self._place = place
        with self.open() as store:
            yield store

    def open(self) -> Any:
        options = {"keys": self.keys, "credentials_json": self._place.account}
        return store_from_url(self._place.url(self.prefix, **options))

    def reopen(self, store: KeyValueStore) -> Any:
        return self.open()

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        """A foreign object."""
        if len(f"{self.prefix}{name}".encode()) <= 1024:
            self._place.bucket.put(f"{self.prefix}{name}", data)


class TestGoogle(OnGoogle, StoreContract):
    pass


class TestGoogleByClientInThreads(
    OnGoogle, ReadingTests, ListingTests, PutTests, ConditionalWriteTests, LifeTests
):
    keys = "path"
    prefix = ""
    pickles = False

    def open(self) -> Any:
        return BlockingStore(AsyncStore(self._store()))

    def reopen(self, store: Any) -> Any:
        return BlockingStore(AsyncStore(self._store()), store._runner)

    def _store(self) -> GoogleCloudStore:
        return GoogleCloudStore(
            self._place.bucket.name, client=self._place.client(), keys=self.keys
        )

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        if name not in {".", ".."}:  # the service has no such names
            super().plant(store, name, data)


SETTINGS = hypothesis.settings(
    max_examples=count(4, 1000),
    stateful_step_count=count(20, 50),
    phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),  # to explain takes a trace
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def test_a_bucket_is_a_dict(place: Place) -> None:
    """Whatever is done with it, and in what order."""

    class Machine(StoreMachine):
        def make_store(self, clock: Clock) -> KeyValueStore:
            store = self.reopen(None)
            store.delete_many(store.keys())
            return store

        def reopen(self, store: KeyValueStore | None) -> KeyValueStore:
            return store_from_url(place.url("x/", keys="path"))

    hypothesis.stateful.run_state_machine_as_test(Machine, settings=SETTINGS)
