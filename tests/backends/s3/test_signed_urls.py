"""Signed URLs and forms, used by others on Ceph's gateway, which checks signatures."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from email.message import Message
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from kvcore import PresignedPost, S3Store, store_from_url
from tests.object_servers.s3 import Bucket

KEYS = [
    *("plain", "media/2026/Übersicht 1.pdf", "a+b%20c%", "?#&=;", "a//x", "p/../q", "dir/"),
    *("line\nfeed", "😀", "~-._'()*!", "x" * 900, "/lead"),
]
VALUE = b"hello"
SHA256 = hashlib.sha256(VALUE).hexdigest()
FORBIDDEN = 403


class Reply(NamedTuple):
    """What the service says to somebody without keys."""

    status: int
    headers: Message
    body: bytes


def ask(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Send one request as it is, with no header but those given and Host."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=20)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, body, dict(headers or {}))
        with connection.getresponse() as answer:
            return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def send(form: PresignedPost, data: bytes, **changed: str | None) -> Reply:
    """Send a form as a browser does, with some fields changed or left out."""
    fields = {**form.fields, **changed}
    boundary = "----boundary"
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
        if value is not None
    ]
    lines.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = "".join(lines).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return ask(
        "POST", form.url, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )


@pytest.fixture
def store(ceph_bucket: Bucket) -> Iterator[S3Store]:
    """A store of which others get URLs; Ceph keeps the conditions of a put."""
    url = ceph_bucket.url("in/", provider="ceph", keys="any", access_key="env:AWS_ACCESS_KEY_ID")
    with store_from_url(f"{url}&secret_key=env:AWS_SECRET_ACCESS_KEY") as store:
        assert isinstance(store, S3Store)
        yield store


def test_by_every_method_under_odd_keys(store: S3Store, ceph_bucket: Bucket) -> None:
    """Put, looked at, read and deleted without keys; the object is that of the store."""
    for key in KEYS:
        data = key.encode()
        assert ask("PUT", store.url_for(key, method="PUT"), data).status == 200, key
        assert ceph_bucket.get(f"in/{key}") == data
        assert ask("GET", store.url_for(key)).body == data
        assert ask("HEAD", store.url_for(key, method="HEAD")).headers["Content-Length"] == str(
            len(data)
        )
        assert ask("DELETE", store.url_for(key, method="DELETE")).status == 204
        assert key not in store


def test_what_is_changed_is_refused(store: S3Store, ceph_bucket: Bucket) -> None:
    """A URL does one thing with one key, as long as it says, and nothing else."""
    ceph_bucket.put("in/key", VALUE)
    ceph_bucket.put("in/other", VALUE)
    url = store.url_for("key", 60)
    assert ask("GET", url).status == 200
    signature = url[-64:]
    flipped = f"{url[:-64]}{'0' if signature[0] != '0' else '1'}{signature[1:]}"
    for changed in (
        flipped,
        url.replace("/in/key?", "/in/other?"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        url.replace("&X-Amz-Signature", "&response-content-type=text%2Fhtml&X-Amz-Signature"),
        url.partition("?")[0],
    ):
        assert changed != url
        assert ask("GET", changed).status == FORBIDDEN, changed
    for method in ("PUT", "DELETE"):
        assert ask(method, url, b"" if method == "PUT" else None).status == FORBIDDEN
    assert ask("GET", store.url_for("key", method="PUT")).status == FORBIDDEN
    assert ceph_bucket.get("in/key") == VALUE


def test_other_keys_sign_in_vain(ceph_bucket: Bucket) -> None:
    """What is signed with another secret opens nothing."""
    ceph_bucket.put("key", VALUE)
    client = ceph_bucket.server.client(secret_key="another")  # a wrong one
    try:
        store = S3Store(ceph_bucket.name, client=client)
        assert ask("GET", store.url_for("key")).status == FORBIDDEN
        assert send(store.presign_post("key", 10), VALUE).status == FORBIDDEN
    finally:
        client.close()


def test_after_its_time(store: S3Store, ceph_bucket: Bucket) -> None:
    """A URL or form works for its time and no longer."""
    ceph_bucket.put("in/key", VALUE)
    store._presigner._clock = lambda: time.time() - 100
    assert ask("GET", store.url_for("key", 200)).status == 200
    assert ask("GET", store.url_for("key", 60)).status == FORBIDDEN
    assert ask("PUT", store.url_for("key", 60, "PUT"), b"late").status == FORBIDDEN
    assert send(store.presign_post("key", 10, expires=200), VALUE).status == 204
    assert send(store.presign_post("key", 10, expires=60), b"late").status == FORBIDDEN
    assert ceph_bucket.get("in/key") == VALUE


def test_a_put_bound_to_length_and_type(store: S3Store, ceph_bucket: Bucket) -> None:
    """Another length or type is refused, and so is none."""
    put = store.presign_put("key", content_type="image/png", content_length=5)
    for data, headers in (
        (VALUE + b"!", put.headers),
        (VALUE, {"Content-Type": "text/html"}),
        (VALUE, {}),
    ):
        assert ask("PUT", put.url, data, headers).status == FORBIDDEN
    assert "key" not in store
    assert ask("PUT", put.url, VALUE, put.headers).status == 200
    assert store.stat("key")[::3] == (5, "image/png")


def test_a_put_bound_to_its_bytes(store: S3Store) -> None:
    """Other bytes are refused, with the digest that was signed, their own, or none."""
    put = store.presign_put("key", sha256=SHA256)
    other = {"X-Amz-Content-Sha256": hashlib.sha256(b"jello").hexdigest()}
    assert ask("PUT", put.url, b"jello", put.headers).status == 400
    assert ask("PUT", put.url, b"jello", other).status == FORBIDDEN
    assert ask("PUT", put.url, b"jello").status == FORBIDDEN
    assert "key" not in store
    assert ask("PUT", put.url, VALUE, put.headers).status == 200
    assert store.get("key") == VALUE


def test_a_put_that_only_creates(store: S3Store) -> None:
    """The first one wins; the condition cannot be left out."""
    put = store.presign_put("key", if_absent=True)
    assert ask("PUT", put.url, VALUE, put.headers).status == 200
    assert ask("PUT", put.url, b"second", put.headers).status == 412
    assert ask("PUT", put.url, b"second").status == FORBIDDEN
    assert store.get("key") == VALUE


def test_what_the_store_puts_with_is_put_by_others_too(ceph_bucket: Bucket) -> None:
    """Its headers are signed into URL and form. (Ceph keeps not all that a form brings.)"""
    headers = '{"Cache-Control":"no-cache","x-amz-meta-by":"ann"}'
    with store_from_url(ceph_bucket.url(headers=headers, acl="public-read")) as store:
        put = store.presign_put("key")
        assert ask("PUT", put.url, VALUE).status == FORBIDDEN
        assert ask("PUT", put.url, VALUE, put.headers).status == 200
        assert send(store.presign_post("form", 10), VALUE).status == 204
        for key in ("key", "form"):
            found: Any = ceph_bucket.direct.head_object(Bucket=ceph_bucket.name, Key=key)
            assert found["Metadata"] == {"by": "ann"}
            assert ask("GET", store.url_for(key, public=True)).body == VALUE
        assert ask("GET", store.url_for("key")).headers["Cache-Control"] == "no-cache"


def test_how_the_answer_is_called(store: S3Store, ceph_bucket: Bucket) -> None:
    """As a download of that name and type, whatever is stored."""
    ceph_bucket.put("in/key", VALUE, ContentType="text/html")
    url = store.url_for("key", filename='naïve "1".txt', content_type="text/plain")
    for method in ("GET", "HEAD"):
        if method == "HEAD":
            url = store.url_for("key", None, "HEAD", 'naïve "1".txt', "text/plain")
        headers = ask(method, url).headers
        assert headers["Content-Type"] == "text/plain"
        assert headers["Content-Disposition"] == (
            "attachment; filename=\"naive _1_.txt\"; filename*=UTF-8''na%C3%AFve%20%221%22.txt"
        )


def test_a_form(store: S3Store, ceph_bucket: Bucket) -> None:
    """It uploads what it says, and nothing else."""
    for key in ("key", "a b+ü.png"):
        form = store.presign_post(key, len(VALUE), "image/png")
        for changed in (
            {"key": "in/other"},
            {"Content-Type": "text/html"},
            {"Content-Type": None},
            {"x-amz-signature": "0" * 64},
            {"policy": f"e30={form.fields['policy']}"},
            {"acl": "public-read"},
            {"x-amz-meta-a": "b"},
        ):
            status = send(form, VALUE, **changed).status
            assert 400 <= status < 500, changed
        assert 400 <= send(form, VALUE + b"!").status < 500
        assert key not in store
        assert "other" not in store
        assert send(form, VALUE).status == 204
        assert ceph_bucket.get(f"in/{key}") == VALUE
        assert store.stat(key).content_type == "image/png"


def test_public_urls(store: S3Store, ceph_bucket: Bucket) -> None:
    """They open what the service shows to everybody, and nothing else."""
    ceph_bucket.put("in/hidden", VALUE)
    ceph_bucket.put("in/shown ü", VALUE, ACL="public-read")
    assert ask("GET", store.url_for("hidden", public=True)).status == FORBIDDEN
    assert ask("GET", store.url_for("shown ü", public=True)).body == VALUE


def test_another_address_for_others(ceph_bucket: Bucket) -> None:
    """The name in the URL is the one that is signed."""
    port = urlsplit(ceph_bucket.server.endpoint).port
    ceph_bucket.put("key", VALUE)
    public = f"http://localhost:{port}"
    with store_from_url(ceph_bucket.url(public_endpoint=public)) as store:
        url = store.url_for("key")
        assert url.startswith(f"{public}/")
        assert ask("GET", url).body == VALUE
        assert ask("GET", url, headers={"Host": f"127.0.0.1:{port}"}).status == FORBIDDEN
        assert store.get("key") == VALUE


def test_by_a_client_that_signs_as_of_old(ceph_bucket: Bucket) -> None:
    """Whatever boto3 would sign with, our URLs have version 4, and are taken."""
    client = ceph_bucket.server.client(signature_version="s3")
    try:
        store = S3Store(ceph_bucket.name, client=client)
        assert ask("PUT", store.url_for("key", method="PUT"), VALUE).status == 200
        assert ask("GET", store.url_for("key")).body == VALUE
        assert send(store.presign_post("form", 10), VALUE).status == 204
    finally:
        client.close()
