"""Signed URLs and forms of `GoogleCloudStore`, by the key of a service account."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kvcore import ConfigError, GoogleCloudStore, PrefixDecorator, Unsupported, store_from_url
from tests.backends.gcs.signatures import make as make
from tests.backends.gcs.signatures import opens, query, verify
from tests.object_servers.gcs import GcsBucket

KEYS = ["plain", "media/2026/Übersicht 1.pdf", "a+b%20c%", "?#&=;", "😀", "~-._'()*!"]
METHODS = ("GET", "HEAD", "PUT", "DELETE")


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
