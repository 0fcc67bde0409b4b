"""A server for all tests of this folder, behind a front, and a bucket for each."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client
from google.oauth2.service_account import Credentials

from kvcore import GoogleCloudStore
from kvcore.backends.gcs import retrying
from tests.backends.gcs.front import Front
from tests.object_servers.gcs import GcsBucket, GcsServer, running

EMAIL = "signer@kvcore-tests.iam.gserviceaccount.com"
KEY_ID = "the-id-of-a-key"
PART = 256 * 1024


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    """The private key of the account."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def account(key: rsa.RSAPrivateKey) -> str:
    """What Google gives for a service account."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "kvcore-tests",
            "private_key_id": KEY_ID,
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    )


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

    def __init__(self, bucket: GcsBucket, front: Front, account: str) -> None:
        self.bucket = bucket
        self.front = front
        self.account = account
        self._client: Client | None = None

    def url(self, prefix: str = "", **options: Any) -> str:
        """The URL of a store."""
        query = urlencode({"endpoint": self.front.endpoint, **options}, quote_via=quote)
        return f"gcs://{self.bucket.name}/{prefix}?{query}"

    def store(self, prefix: str = "", **options: Any) -> GoogleCloudStore:
        """A store by options."""
        return GoogleCloudStore(self.bucket.name, prefix, endpoint=self.front.endpoint, **options)

    def client(self) -> Client:
        """A client of Google's, to be passed in: it can sign, and sends no token."""
        if self._client is None:
            self._client = Client(
                "project",
                credentials=Credentials.from_service_account_info(json.loads(self.account)),
                _http=AuthorizedSession(AnonymousCredentials()),
                client_options={"api_endpoint": self.front.endpoint},
            )
        return self._client

    def close(self) -> None:
        """Close the client."""
        if self._client is not None:
            self._client.close()


@pytest.fixture
def place(bucket: GcsBucket, front: Front, account: str) -> Iterator[Place]:
    """Where stores of a test keep their values."""
    place = Place(bucket, front, account)
    yield place
    place.close()


@pytest.fixture
def store(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleCloudStore]:
    """A store that has made its client, and loses no time between tries."""
    monkeypatch.setattr(retrying, "_FIRST_DELAY_SECS", 0.001)
    with place.store(keys="path", part_size=PART) as store:
        assert "warm" not in store
        place.front.counted()
        yield store
