"""The suite on GoogleCloudStore: by URL and by client, in threads, in stacks, with a prefix."""

from collections.abc import Iterator
from typing import Any

import pytest

from kvcore import AsyncStore, GoogleCloudStore, KeyValueStore, PrefixDecorator, store_from_url
from kvcore.testing import BlockingStore, StoreContract
from tests.backends.gcs.conftest import Place


class OnGoogle(StoreContract):
    """Subclasses say how the store gets to the bucket."""

    keys = "strict"
    prefix = ""

    @pytest.fixture
    def store(self, place: Place) -> Iterator[KeyValueStore]:
        """An empty store."""
        self._place = place
        with self.open() as store:
            yield store

    def open(self) -> Any:
        return store_from_url(self._place.url(self.prefix, keys=self.keys))

    def reopen(self, store: KeyValueStore) -> Any:
        return self.open()

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        """A foreign object."""
        if name not in {".", ".."} and len(f"{self.prefix}{name}".encode()) <= 1024:
            self._place.bucket.put(f"{self.prefix}{name}", data)


class TestGoogle(OnGoogle):
    pass


class TestGoogleWithPrefix(OnGoogle):
    keys = "path"
    prefix = "media/a-"


class TestGoogleByClient(OnGoogle):
    keys = "path"
    pickles = False

    def open(self) -> Any:
        return GoogleCloudStore(
            self._place.bucket.name, client=self._place.client(), keys=self.keys
        )


class TestGoogleInThreads(OnGoogle):
    def open(self) -> Any:
        return BlockingStore(AsyncStore(super().open()))

    def reopen(self, store: Any) -> Any:
        return BlockingStore(AsyncStore(super().open()), store._runner)


class TestGoogleInStack(OnGoogle):
    keys = "path"

    def open(self) -> Any:
        return PrefixDecorator("deep/", super().open())
