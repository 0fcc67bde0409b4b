"""Signed URLs of `GoogleCloudStore` without a private key: IAM signs, or nobody does."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth import compute_engine
from google.auth.exceptions import TransportError
from google.cloud.storage import Client
from google.oauth2.credentials import Credentials as UserCredentials

from kvcore import GoogleCloudStore, StoreError, StoreTimeout, Unsupported
from kvcore.backends.gcs import transport
from tests.backends.gcs.conftest import EMAIL
from tests.backends.gcs.signatures import make as make
from tests.backends.gcs.signatures import opens, verify


class Answer:
    """What a service answered."""

    def __init__(self, status: int, found: object) -> None:
        self.status = status
        self.headers = {"content-type": "application/json", "metadata-flavor": "Google"}
        self.data = json.dumps(found).encode()


class Google:
    """The metadata server of a machine, and IAM, in the place of the network."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.refusal: Answer | Exception | None = None
        self.asked: list[tuple[str, str]] = []
        self.deadlines: list[float | None] = []

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Answer:
        """Answer a request."""
        self.asked.append((method, url))
        self.deadlines.append(transport.call.ends)
        if "/token" in url:
            return Answer(200, {"access_token": "machine-token", "expires_in": 3600})
        if "/service-accounts/" in url:
            return Answer(200, {"email": EMAIL, "scopes": ["cloud-platform"]})
        assert url.endswith(":signBlob")
        assert headers is not None
        assert headers["authorization"] == "Bearer machine-token"
        if isinstance(self.refusal, Exception):
            raise self.refusal
        if self.refusal is not None:
            return self.refusal
        assert body is not None
        message = base64.b64decode(json.loads(body)["payload"])
        signed = self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return Answer(200, {"signedBlob": base64.b64encode(signed).decode()})

    @property
    def signers(self) -> list[str]:
        """In whose name IAM was asked to sign."""
        blobs = [url for _, url in self.asked if ":signBlob" in url]
        return [url.rpartition("/")[2].partition(":")[0] for url in blobs]


@pytest.fixture
def google(key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> Google:
    """In the place of the network."""
    google = Google(key)
    monkeypatch.setattr(
        transport.TokenRequest, "__call__", lambda _, *args, **named: google(*args, **named)
    )
    return google


class MachineCredentials(compute_engine.Credentials):
    """Those of a machine of Google's, which asks for no regions, in a thread of its own."""

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False


@pytest.fixture
def machine() -> Iterator[Client]:
    """A client on a machine of Google's, whose credentials have no key."""
    credentials = MachineCredentials(universe_domain="googleapis.com")
    client = Client("kvcore-tests", credentials=credentials)
    yield client
    client.close()


def test_iam_signs_where_there_is_no_key(
    make: Callable[..., GoogleCloudStore], machine: Client, google: Google, key: rsa.RSAPrivateKey
) -> None:
    """In the name of the machine's account, with one request for each URL or form."""
    store = make(client=machine)
    url = store.url_for("key", 60)
    assert opens(key, url, "GET")
    put = store.presign_put("key", content_length=5)
    assert opens(key, put.url, "PUT", put.headers)
    form = store.presign_post("key", 10)
    assert verify(key, form.fields["x-goog-signature"], form.fields["policy"].encode())
    assert google.signers == [EMAIL] * 3
    (token,) = {url for _, url in google.asked if "/token" in url}
    assert "cloud-platform" in token


def test_iam_signs_in_the_name_of_another(
    make: Callable[..., GoogleCloudStore], machine: Client, google: Google, key: rsa.RSAPrivateKey
) -> None:
    """Of the account that the option ``sign_as`` names."""
    store = make(client=machine, sign_as="other@example")
    assert opens(key, store.url_for("key"), "GET", email="other@example")
    assert google.signers == ["other@example"]


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Answer(403, {"error": {"message": "no permission"}}), "does not sign"),
        (Answer(400, {"error": {"message": "API not enabled"}}), "does not sign"),
        (TransportError("no route"), "does not sign"),
    ],
    ids=["403", "400", "network"],
)
def test_iam_refuses(
    make: Callable[..., GoogleCloudStore],
    machine: Client,
    google: Google,
    refusal: Answer | Exception,
    status: str,
) -> None:
    """The error says which account needs what; it is ours, and has key and store."""
    store = make(client=machine)
    google.refusal = refusal
    for call in (store.url_for, store.presign_put, lambda key: store.presign_post(key, 1)):
        with pytest.raises(StoreError, match=status) as caught:
            call("key")
        assert not isinstance(caught.value, StoreTimeout)
        assert EMAIL in str(caught.value)
        assert "Token Creator" in str(caught.value)
        assert (caught.value.key, caught.value.store) == ("key", repr(store))
    google.refusal = None
    assert store.url_for("key")


@pytest.mark.parametrize("found", [{}, [], {"signedBlob": 7}, "no"])
def test_iam_answers_nonsense(
    make: Callable[..., GoogleCloudStore], machine: Client, google: Google, found: object
) -> None:
    """It is an error of ours, and no `KeyError`, which would mean that there is no value."""
    store = make(client=machine)
    google.refusal = Answer(200, found)
    for call in (store.url_for, store.presign_put, lambda key: store.presign_post(key, 1)):
        with pytest.raises(StoreError, match="not understood") as caught:
            call("key")
        assert (caught.value.key, caught.value.store) == ("key", repr(store))


def test_the_services_have_the_time_of_a_call(
    make: Callable[..., GoogleCloudStore], machine: Client, google: Google
) -> None:
    """What signs far away ends with the deadline of the store, which is over after the call."""
    store = make(client=machine, deadline=7)
    before = time.monotonic()
    store.url_for("key")
    for ends in google.deadlines:
        assert ends is not None
        assert before < ends <= time.monotonic() + 7
    assert len(google.deadlines) == len(google.asked) > 1
    assert transport.call.ends is None


def test_credentials_of_a_user(
    make: Callable[..., GoogleCloudStore], google: Google, key: rsa.RSAPrivateKey
) -> None:
    """They belong to no account that could sign, unless one is named."""
    credentials = UserCredentials("machine-token")  # type: ignore[no-untyped-call]
    client = Client("kvcore-tests", credentials=credentials)
    try:
        store = make(client=client)
        with pytest.raises(StoreError, match="sign_as") as caught:
            store.url_for("key")
        assert caught.value.key == "key"
        named = make(client=client, sign_as=EMAIL)
        assert opens(key, named.url_for("key"), "GET")
    finally:
        client.close()


def test_without_credentials(make: Callable[..., GoogleCloudStore]) -> None:
    """All URLs are public; nothing is signed."""
    store = make(anonymous=True)
    for url in (store.url_for("key"), store.url_for("key", public=True)):
        assert url == "https://storage.googleapis.com/bucket/key"
    calls: list[Callable[[], object]] = [
        lambda: store.url_for("key", 60),
        lambda: store.presign_put("key"),
        lambda: store.presign_post("key", 1),
    ]
    for call in calls:
        with pytest.raises(Unsupported):
            call()
