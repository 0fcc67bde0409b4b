"""A server for all tests of this folder, behind a front, and a bucket for each."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from tests.backends.gcs.front import Front
from tests.object_servers.gcs import GcsBucket, GcsServer, running


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """fake-gcs-server."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def gcs_front(gcs_server: GcsServer) -> Iterator[Front]:
    """The front before it."""
    front = Front(gcs_server.endpoint)
    yield front
    front.close()


@pytest.fixture
def bucket(gcs_server: GcsServer) -> Iterator[GcsBucket]:
    """An empty bucket."""
    with gcs_server.bucket() as bucket:
        yield bucket


@pytest.fixture
def front(gcs_front: Front) -> Iterator[Front]:
    """The front, as it was in the beginning."""
    gcs_front.requests.clear()
    yield gcs_front
    gcs_front.fault = None


class Place:
    """A bucket behind the front."""

    def __init__(self, bucket: GcsBucket, front: Front) -> None:
        self.bucket = bucket
        self.front = front
        self._client: Client | None = None

    def url(self, prefix: str = "", **options: Any) -> str:
        """The URL of a store."""
        query = urlencode({"endpoint": self.front.endpoint, **options})
        return f"gcs://{self.bucket.name}/{prefix}?{query}"

    def client(self) -> Client:
        """A client of Google's, to be passed in."""
        if self._client is None:
            options = {"api_endpoint": self.front.endpoint}
            self._client = Client(
                "project", credentials=AnonymousCredentials(), client_options=options
            )
        return self._client

    def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            self._client.close()


@pytest.fixture
def place(bucket: GcsBucket, front: Front) -> Iterator[Place]:
    """Where stores of a test keep their values."""
    place = Place(bucket, front)
    yield place
    place.close()
