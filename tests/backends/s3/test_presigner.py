"""URLs and forms of `S3Store`, without a server: what is signed, for whom, and for how long."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from kvcore import ConfigError, PrefixDecorator, S3Store, StoreError, Unsupported, store_from_url

KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "a-secret"}
REGION = "eu-central-1"

pytestmark = pytest.mark.usefixtures("s3_environment")


@pytest.fixture
def make() -> Iterator[Callable[..., S3Store]]:
    """Makes stores that are closed at the end."""
    stores = []

    def made(bucket: str = "bucket", prefix: str = "", **options: Any) -> S3Store:
        given = {"region": REGION, **KEYS, **options}
        store = S3Store(bucket, prefix, **given)
        stores.append(store)
        return store

    yield made
    for store in stores:
        store.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Any]]:
    """Makes clients of boto3 that are closed at the end."""
    clients = []

    def made(config: dict[str, Any] | None = None, **options: Any) -> Any:
        given = {"region_name": REGION, **options}
        config = {"connect_timeout": 1, "read_timeout": 1, **(config or {})}
        clients.append(boto3.session.Session().client("s3", config=Config(**config), **given))
        return clients[-1]

    yield made
    for one in clients:
        one.close()


def query(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


def policy(fields: Any) -> Any:
    """What the policy of a form says."""
    return json.loads(base64.b64decode(fields["policy"]))


@pytest.mark.parametrize(
    ("bucket", "options", "root"),
    [
        ("bucket", {}, "https://bucket.s3.eu-central-1.amazonaws.com/"),
        ("bucket", {"region": "us-east-1"}, "https://bucket.s3.amazonaws.com/"),
        ("with.dots", {}, "https://s3.eu-central-1.amazonaws.com/with.dots/"),
        ("bucket", {"addressing": "path"}, "https://s3.eu-central-1.amazonaws.com/bucket/"),
        ("bucket", {"region": "cn-north-1"}, "https://bucket.s3.cn-north-1.amazonaws.com.cn/"),
        ("bucket", {"endpoint": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/bucket/"),
        ("bucket", {"endpoint": "https://s3.example.com"}, "https://s3.example.com/bucket/"),
        (
            "bucket",
            {"endpoint": "https://s3.example.com", "addressing": "virtual"},
            "https://bucket.s3.example.com/",
        ),
        (
            "bucket",
            {"provider": "spaces", "region": "ams3"},
            "https://bucket.ams3.digitaloceanspaces.com/",
        ),
    ],
)
def test_where_a_bucket_is(
    make: Callable[..., S3Store], bucket: str, options: dict[str, Any], root: str
) -> None:
    """In the host name or the path, at the name of its own region."""
    store = make(bucket, "some/", keys="path", **options)
    assert store.url_for("a/b c", public=True) == f"{root}some/a/b%20c"
    signed = store.url_for("a/b c")
    assert signed.startswith(f"{root}some/a/b%20c?")
    region = options.get("region", REGION)
    assert f"/{region}/s3/aws4_request" in query(signed)["X-Amz-Credential"]
    assert store.presign_post("a", 1).url.rstrip("/") == root.rstrip("/")


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:9000"])
@pytest.mark.parametrize("version", ["s3v4", "s3", None])
def test_signature_version_4_always(
    client: Callable[..., Any], version: str | None, endpoint: str | None
) -> None:
    """Also by a client that signs as of old, in the region where boto3 still does by itself."""
    config = {} if version is None else {"signature_version": version}
    store = S3Store("bucket", client=client(config, region_name="us-east-1", endpoint_url=endpoint))
    found = query(store.url_for("key"))
    assert found["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert "/us-east-1/s3/" in found["X-Amz-Credential"]
    assert "AWSAccessKeyId" not in found
    fields = store.presign_post("key", 1).fields
    assert fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert "/us-east-1/s3/" in fields["x-amz-credential"]


def test_the_clients_own_keys_sign(client: Callable[..., Any]) -> None:
    """Those that it was made with, not those of the environment; with their session's token."""
    given = client(
        aws_access_key_id="OTHER", aws_secret_access_key="other", aws_session_token="to/ken="
    )
    store = S3Store("bucket", client=given)
    found = query(store.url_for("key"))
    assert found["X-Amz-Credential"].startswith("OTHER/")
    assert found["X-Amz-Security-Token"] == "to/ken="
    fields = store.presign_post("key", 1).fields
    assert fields["x-amz-security-token"] == "to/ken="
    assert {"x-amz-security-token": "to/ken="} in policy(fields)["conditions"]


def test_credentials_are_as_fresh_as_the_sessions(client: Callable[..., Any]) -> None:
    """Those that expire are renewed, and the next URL is signed with the new ones."""
    given = client()
    numbers = count()

    def renew() -> dict[str, str]:
        # So near to its end that they are renewed each time.
        when = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
        name = f"KEY{next(numbers)}"
        return {"access_key": name, "secret_key": name, "token": name, "expiry_time": when}

    given._request_signer._credentials = RefreshableCredentials.create_from_metadata(
        renew(), renew, "test"
    )
    store = S3Store("bucket", client=given)
    seen = []
    for _ in range(3):
        found = query(store.url_for("key"))
        seen.append(found["X-Amz-Security-Token"])
        assert found["X-Amz-Credential"].startswith(f"{seen[-1]}/")
        assert seen[-1] == f"KEY{next(numbers) - 1}"
    assert len(set(seen)) == 3


def test_without_keys(client: Callable[..., Any], make: Callable[..., S3Store]) -> None:
    """All URLs are public, and nothing is signed with keys that happen to be around."""
    anonymous = make(access_key=None, secret_key=None, anonymous=True)
    unsigned = S3Store("bucket", client=client({"signature_version": UNSIGNED}))
    for store in (anonymous, unsigned):
        expected = "https://bucket.s3.eu-central-1.amazonaws.com/key"
        assert store.url_for("key", public=True) == store.url_for("key") == expected
        assert store.capabilities.url_methods == {"GET", "HEAD"}
        asked: dict[str, Any]
        for asked in ({"expires": 60}, {"filename": "a"}, {"method": "PUT"}):
            with pytest.raises(Unsupported):
                store.url_for("key", **asked)
        with pytest.raises(Unsupported):
            store.presign_post("key", 1)


def test_keys_that_are_missing(client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to give, and is ours."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = S3Store("bucket", client=client())
    calls: list[Callable[[str], object]]
    calls = [store.url_for, store.presign_put, lambda key: store.presign_post(key, 1)]
    for call in calls:
        with pytest.raises(StoreError, match="no keys to sign with") as caught:
            call("key")
        assert (caught.value.key, caught.value.store) == ("key", repr(store))


def test_how_long(make: Callable[..., S3Store]) -> None:
    """An hour, or as the store has it, or as asked: whole seconds, never fewer than asked."""
    store = make()
    assert query(store.url_for("key"))["X-Amz-Expires"] == "3600"
    assert query(store.url_for("key", expires=0.1))["X-Amz-Expires"] == "1"
    assert query(store.url_for("key", expires=604800))["X-Amz-Expires"] == "604800"
    assert query(make(url_expires=60).url_for("key"))["X-Amz-Expires"] == "60"
    for expires in (604801, float("inf")):
        for call in (
            lambda expires=expires: store.url_for("key", expires),
            lambda expires=expires: store.presign_put("key", expires),
            lambda expires=expires: store.presign_post("key", 1, expires=expires),
        ):
            with pytest.raises(ValueError, match="at most 604800 seconds"):
                call()


def test_a_name_for_the_download_cannot_break_out(make: Callable[..., S3Store]) -> None:
    """It is cleaned and quoted as RFC 6266 and 8187 ask, so it adds no header and no path."""
    store = make()
    for method in ("GET", "HEAD"):
        url = store.url_for("key", filename='../a"\r\nX-Evil: 1; ü.html', method=method)
        shown = query(url)["response-content-disposition"]
        assert shown.startswith('attachment; filename="')
        assert "\r" not in shown
        assert "\n" not in shown
        assert shown.count('"') == 2
        assert ".." not in shown
        assert "filename*=UTF-8''" in shown
    url = store.url_for("key", filename="a.pdf", content_type="application/pdf")
    assert query(url)["response-content-disposition"] == 'attachment; filename="a.pdf"'
    assert query(url)["response-content-type"] == "application/pdf"


def test_a_put_is_told_what_it_is_bound_to(make: Callable[..., S3Store]) -> None:
    """Each option is a signed header, and comes with the URL; the length sends every client."""
    store = make(storage_class="STANDARD_IA", headers={"Cache-Control": "no-cache"})
    put = store.presign_put(
        "key", 60, "image/png", content_length=5, sha256="AB" * 32, if_absent=True
    )
    assert query(put.url)["X-Amz-SignedHeaders"].split(";") == [
        *("cache-control", "content-length", "content-type", "host", "if-none-match"),
        *("x-amz-content-sha256", "x-amz-storage-class"),
    ]
    assert put.headers == {
        "Cache-Control": "no-cache",
        "Content-Type": "image/png",
        "If-None-Match": "*",
        "X-Amz-Content-Sha256": "ab" * 32,
        "X-Amz-Storage-Class": "STANDARD_IA",
    }
    assert query(make().url_for("key", method="PUT"))["X-Amz-SignedHeaders"] == "host"
    assert query(store.url_for("key", method="DELETE"))["X-Amz-SignedHeaders"] == "host"


def test_a_form_is_bound_to_all_of_it(make: Callable[..., S3Store]) -> None:
    """Key, size and type exactly, and what the store puts with."""
    store = make("bucket", "in/", acl="private", encryption="aws:kms", kms_key="k")
    fields = store.presign_post("key", 1000, "image/png", 60).fields
    conditions = policy(fields)["conditions"]
    assert ["content-length-range", 0, 1000] in conditions
    for name, value in {
        "key": "in/key",
        "bucket": "bucket",
        "Content-Type": "image/png",
        "acl": "private",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "k",
    }.items():
        assert {name: value} in conditions
        assert name == "bucket" or fields[name] == value
    assert not any(isinstance(condition, list) for condition in conditions[1:])
    ends = datetime.fromisoformat(policy(fields)["expiration"])
    assert timedelta(seconds=50) < ends - datetime.now(UTC) <= timedelta(seconds=60)


def test_a_form_does_not_let_the_service_choose_the_key(make: Callable[..., S3Store]) -> None:
    """S3 puts the name of the file for ``${filename}``, so such a key has no form."""
    store = make(keys="path")
    with pytest.raises(Unsupported, match="filename") as caught:
        store.presign_post("a/${filename}", 1)
    assert caught.value.key == "a/${filename}"
    assert store.url_for("a/${filename}", method="PUT")


def test_a_form_that_cannot_bring_a_header_is_refused(make: Callable[..., S3Store]) -> None:
    """A value put so would be another than the store puts."""
    store = make(headers={"Content-Language": "de"})
    with pytest.raises(Unsupported, match="content-language") as caught:
        store.presign_post("key", 1)
    assert (caught.value.key, caught.value.store) == ("key", repr(store))


def test_a_cdn(make: Callable[..., S3Store]) -> None:
    """Plain URLs are its, without the prefix; what has to be signed goes to the service."""
    store = make("bucket", "in/", base_url="https://cdn.example/media", keys="path")
    assert store.url_for("a/b c+ü") == "https://cdn.example/media/a/b%20c%2B%C3%BC"
    assert store.url_for("key", method="HEAD") == "https://cdn.example/media/key"
    assert store.url_for("key", public=True) == "https://cdn.example/media/key"
    for signed in (
        store.url_for("key", expires=60),
        store.url_for("key", filename="a"),
        store.url_for("key", content_type="a/b"),
        store.url_for("key", method="PUT"),
        store.url_for("key", method="DELETE"),
    ):
        assert signed.startswith("https://bucket.s3.eu-central-1.amazonaws.com/in/key?")


def test_another_address_for_others(make: Callable[..., S3Store]) -> None:
    """``public_endpoint`` stands in URLs and forms, and the client goes on asking its own."""
    path = make(endpoint="http://127.0.0.1:1", public_endpoint="https://files.example:8443")
    assert path.url_for("key").startswith("https://files.example:8443/bucket/key?")
    assert path.url_for("key", public=True) == "https://files.example:8443/bucket/key"
    assert path.presign_post("key", 1).url == "https://files.example:8443/bucket"
    host = make(
        endpoint="http://s3.internal", addressing="virtual", public_endpoint="https://s3.example"
    )
    assert host.url_for("key").startswith("https://bucket.s3.example/key?")
    assert path._connection.client().meta.endpoint_url == "http://127.0.0.1:1"


def test_by_a_url(make: Callable[..., S3Store]) -> None:
    """The options have the same names there, and are shown."""
    url = "s3://bucket/in/?region=eu-central-1&base_url=https://cdn.example/m&url_expires=60"
    with store_from_url(url) as store:
        assert store.url_for("key") == "https://cdn.example/m/key"
        assert query(store.url_for("key", filename="a"))["X-Amz-Expires"] == "60"
        assert "base_url=https://cdn.example/m" in repr(store)
    for wrong in ("base_url=cdn.example", "public_endpoint=ftp://a", "url_expires=0"):
        with pytest.raises(ConfigError):
            store_from_url(f"s3://bucket?{wrong}")


@pytest.mark.parametrize(
    ("options", "methods", "if_absent", "forms"),
    [
        ({}, True, True, True),
        ({"endpoint": "http://127.0.0.1:1"}, True, False, True),
        ({"endpoint": "http://127.0.0.1:1", "conditional": "put"}, True, True, True),
        ({"provider": "r2", "endpoint": "http://127.0.0.1:1"}, True, True, False),
        ({"provider": "b2", "region": "eu-central-003"}, True, False, False),
    ],
)
def test_what_a_service_can_do(
    make: Callable[..., S3Store],
    options: dict[str, Any],
    methods: bool,
    if_absent: bool,
    forms: bool,
) -> None:
    """A condition that is not known to be kept is not signed, a form not made where none works."""
    store = make(**options)
    can = store.capabilities
    assert bool(can.url_methods) == methods
    assert ("if_absent" in can.url_options) == if_absent
    assert can.presign_post == forms
    if not if_absent:
        with pytest.raises(Unsupported, match="if_absent"):
            store.presign_put("key", if_absent=True)
    if not forms:
        with pytest.raises(Unsupported):
            store.presign_post("key", 1)


def test_directory_buckets_have_no_urls(make: Callable[..., S3Store]) -> None:
    """Those of S3 Express are signed in another way; no request is made to find that out."""
    store = make("name--euc1-az1--x-s3")
    assert not store.capabilities.url_methods
    with pytest.raises(Unsupported):
        store.url_for("key")
    with pytest.raises(Unsupported):
        store.presign_post("key", 1)


def test_through_decorators_and_views(make: Callable[..., S3Store]) -> None:
    """The key is the one inside; a pickled store and a view sign the same."""
    store = PrefixDecorator("b-", make("bucket", "a/"))
    assert "/a/b-key?" in store.url_for("key")
    assert store.presign_post("key", 1).fields["key"] == "a/b-key"
    inner = make("bucket", "a/")
    inner.url_for("key")
    with pickle.loads(pickle.dumps(inner)) as copy:  # our own
        assert "/a/key?" in copy.url_for("key")
    assert "/a/x/y?" in inner.with_keys("path").url_for("x/y")


def test_no_secret_is_shown(make: Callable[..., S3Store]) -> None:
    """Neither in a URL or form, nor by what makes them."""
    store = make(session_token="a-token")
    shown = store.url_for("key") + repr(store.presign_post("key", 1)) + repr(store._presigner)
    assert KEYS["secret_key"] not in shown
    assert "a-token" not in repr(store._presigner)
