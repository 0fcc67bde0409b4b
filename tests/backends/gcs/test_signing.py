"""Signed URLs of `GoogleCloudStore`: by the key of a service account, and by IAM without one.

fake-gcs-server verifies no signature, so `opens` does, as the service documents it:
https://cloud.google.com/storage/docs/authentication/canonical-requests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth import compute_engine
from google.auth.exceptions import TransportError
from google.cloud.storage import Client
from google.oauth2.credentials import Credentials as UserCredentials

from kvcore import (
    ConfigError,
    GoogleCloudStore,
    PrefixDecorator,
    StoreError,
    StoreTimeout,
    Unsupported,
    store_from_url,
)
from kvcore.backends.gcs import transport
from tests.backends.gcs.conftest import EMAIL
from tests.object_servers.gcs import GcsBucket

KEYS = ["plain", "media/2026/Übersicht 1.pdf", "a+b%20c%", "?#&=;", "😀", "~-._'()*!"]
METHODS = ("GET", "HEAD", "PUT", "DELETE")


@pytest.fixture
def make(account: str) -> Iterator[Callable[..., GoogleCloudStore]]:
    """Makes stores that sign with the key of the account."""
    stores = []

    def made(bucket: str = "bucket", prefix: str = "", **options: Any) -> GoogleCloudStore:
        if not {"client", "anonymous", "credentials"} & options.keys():
            options["credentials_json"] = account
        stores.append(GoogleCloudStore(bucket, prefix, **options))
        return stores[-1]

    yield made
    for store in stores:
        store.close()


def query(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True, keep_blank_values=True))


def verify(key: rsa.RSAPrivateKey, signature: str, text: bytes) -> bool:
    """Whether this is the account's signature of the text."""
    try:
        key.public_key().verify(bytes.fromhex(signature), text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def opens(
    key: rsa.RSAPrivateKey,
    url: str,
    method: str,
    headers: Mapping[str, str] | None = None,
    email: str = EMAIL,
) -> bool:
    """Whether the service would take a request, as far as the signature goes."""
    parts, given = urlsplit(url), query(url)
    sent = {name.lower(): value for name, value in (headers or {}).items()} | {"host": parts.netloc}
    names = given["X-Goog-SignedHeaders"].split(";")
    if not set(names) <= sent.keys():
        return False
    rest, _, signature = parts.query.rpartition("&X-Goog-Signature=")
    request = "\n".join(
        [
            method,
            parts.path,
            "&".join(sorted(rest.split("&"))),
            *(f"{name}:{sent[name]}" for name in names),
            "",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        ]
    )
    scope = f"{given['X-Goog-Date'][:8]}/auto/storage/goog4_request"
    assert given["X-Goog-Credential"] == f"{email}/{scope}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"GOOG4-RSA-SHA256\n{given['X-Goog-Date']}\n{scope}\n{digest}"
    return verify(key, signature, text.encode())


def test_by_the_key_of_an_account(
    make: Callable[..., GoogleCloudStore], key: rsa.RSAPrivateKey
) -> None:
    """By every method, under odd keys, with the prefix; and for that method and key alone."""
    store = make("bucket", "in/", keys="path")
    for name in KEYS:
        for method in METHODS:
            url = store.url_for(name, 60, method)
            assert url.startswith("https://storage.googleapis.com/bucket/in/")
            assert query(url)["X-Goog-Expires"] == "60"
            assert opens(key, url, method)
            assert not opens(key, url, "PUT" if method != "PUT" else "GET")
            assert not opens(key, url.replace("/in/", "/other/"), method)
            assert not opens(key, url.replace("Expires=60", "Expires=600"), method)


def test_a_put_is_bound_to_what_it_is_told(
    make: Callable[..., GoogleCloudStore], key: rsa.RSAPrivateKey
) -> None:
    """Type, length, condition and what the store puts with: each is a signed header."""
    store = make(acl="publicRead", headers={"Cache-Control": "no-cache"}, storage_class="NEARLINE")
    put = store.presign_put("key", 60, "image/png", content_length=5, if_absent=True)
    assert put.headers == {
        "Cache-Control": "no-cache",
        "Content-Type": "image/png",
        "X-Goog-Acl": "public-read",
        "X-Goog-Content-Length-Range": "5,5",
        "X-Goog-If-Generation-Match": "0",
        "X-Goog-Storage-Class": "NEARLINE",
    }
    assert opens(key, put.url, "PUT", put.headers)
    for name in put.headers:
        assert not opens(key, put.url, "PUT", {**put.headers, name: "other"})
        assert not opens(key, put.url, "PUT", {k: v for k, v in put.headers.items() if k != name})
    with pytest.raises(Unsupported, match="sha256"):
        store.presign_put("key", sha256=bytes(32))


def test_how_the_answer_is_called(
    make: Callable[..., GoogleCloudStore], key: rsa.RSAPrivateKey
) -> None:
    """As a download of that name and type; the name cannot break out."""
    url = make().url_for("key", filename='a"\r\nX: ü', content_type="text/plain")
    assert opens(key, url, "GET")
    shown = query(url)["response-content-disposition"]
    assert shown.startswith("attachment; filename=")
    assert "\r" not in shown
    assert "\n" not in shown
    assert query(url)["response-content-type"] == "text/plain"


def test_how_long(make: Callable[..., GoogleCloudStore]) -> None:
    """An hour, or as the store has it, or as asked; seven days at most."""
    assert query(make().url_for("key"))["X-Goog-Expires"] == "3600"
    assert query(make(url_expires=60).url_for("key"))["X-Goog-Expires"] == "60"
    assert query(make().url_for("key", 0.1))["X-Goog-Expires"] == "1"
    assert query(make().url_for("key", 604800))["X-Goog-Expires"] == "604800"
    with pytest.raises(ValueError, match="at most 604800 seconds"):
        make().url_for("key", 604801)
    with pytest.raises(ValueError, match="at most 604800 seconds"):
        make().presign_post("key", 1, expires=604801)


def test_a_form(make: Callable[..., GoogleCloudStore], key: rsa.RSAPrivateKey) -> None:
    """Bound to key, size and type, and signed."""
    store = make("bucket", "in/", acl="publicRead")
    form = store.presign_post("key", 1000, "image/png", 60)
    assert form.url == "https://storage.googleapis.com/bucket/"
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert ["content-length-range", 0, 1000] in policy["conditions"]
    for name, value in {"key": "in/key", "Content-Type": "image/png", "acl": "public-read"}.items():
        assert {name: value} in policy["conditions"]
        assert form.fields[name] == value
    assert {"bucket": "bucket"} in policy["conditions"]
    ends = datetime.fromisoformat(policy["expiration"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < ends <= timedelta(seconds=60)
    assert verify(key, form.fields["x-goog-signature"], form.fields["policy"].encode())
    with pytest.raises(Unsupported, match="filename"):
        make(keys="path").presign_post("a${filename}", 1)


def test_other_addresses(make: Callable[..., GoogleCloudStore], key: rsa.RSAPrivateKey) -> None:
    """Public URLs, those of a CDN, and another endpoint for others."""
    store = make("bucket", "in/", keys="path")
    assert store.url_for("a/ü", public=True) == (
        "https://storage.googleapis.com/bucket/in/a/%C3%BC"
    )
    cdn = make("bucket", "in/", base_url="https://cdn.example/m")
    assert cdn.url_for("key") == cdn.url_for("key", public=True) == "https://cdn.example/m/key"
    assert opens(key, cdn.url_for("key", 60), "GET")
    other = make(public_endpoint="https://files.example")
    assert other.url_for("key").startswith("https://files.example/bucket/key?")
    assert opens(key, other.url_for("key"), "GET")
    assert other.presign_post("key", 1).url == "https://files.example/bucket/"


def test_who_pays(make: Callable[..., GoogleCloudStore], key: rsa.RSAPrivateKey) -> None:
    """The project that pays is named in the URL, where the bucket asks for one."""
    url = make(user_project="payer").url_for("key")
    assert query(url)["userProject"] == "payer"
    assert opens(key, url, "GET")


def test_by_a_url(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The options have the same names there; the key shows nowhere."""
    monkeypatch.setenv("ACCOUNT", account)
    options = "credentials_json=env:ACCOUNT&base_url=https://cdn.example&sign_as=a@b&url_expires=60"
    with store_from_url(f"gcs://bucket/in/?{options}") as store:
        assert store.url_for("key") == "https://cdn.example/key"
        assert "PRIVATE KEY" not in repr(store)
    with pytest.raises(ConfigError):
        store_from_url("gcs://bucket?public_endpoint=files.example")


def test_through_decorators_and_pickles(
    make: Callable[..., GoogleCloudStore], key: rsa.RSAPrivateKey
) -> None:
    """The key is the one inside; a pickled store signs the same."""
    inner = make("bucket", "a/")
    assert "/bucket/a/b-key?" in PrefixDecorator("b-", inner).url_for("key")
    with pickle.loads(pickle.dumps(inner)) as copy:  # our own
        assert opens(key, copy.url_for("key"), "GET")


# Without a private key


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


# On a server


def ask(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Send one request as it is."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, dict(headers or {}))
        with connection.getresponse() as answer:
            return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_on_a_server(
    gcs_bucket: GcsBucket, account: str, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others put and get by the URLs what the store keeps."""
    monkeypatch.setenv("ACCOUNT", account)
    url = gcs_bucket.url("in/", credentials_json="env:ACCOUNT", keys="path")
    with store_from_url(url) as store:
        for name in ("plain", "a/Übersicht + 1.pdf"):
            put = store.presign_put(name, content_type="text/plain")
            assert opens(key, put.url, "PUT", put.headers)
            assert ask("PUT", put.url, b"hello", put.headers)[0] == 200
            assert gcs_bucket.get(f"in/{name}") == b"hello"
            status, headers, body = ask("GET", store.url_for(name, filename="a.txt"))
            assert (status, body) == (200, b"hello")
            assert headers["Content-Type"] == "text/plain"
