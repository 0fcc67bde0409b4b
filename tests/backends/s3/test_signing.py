"""Signatures: character by character those of botocore, whose Python signer is the reference."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.compat import HAS_CRT
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

from kvcore.backends.s3.presigner import place_of
from kvcore.backends.s3.signing import Place, signed_form, signed_url

NOW = 1795434217.9
KEYS = [
    *("plain", "media/2026/Übersicht 1.pdf", "a+b%20c%", "?#&=;", "//x//", "p/../q/.", "dir/"),
    *("\n\t", "😀", "~-._'()*!", "x" * 1000, "/lead"),
]
METHODS = {
    "GET": "get_object",
    "HEAD": "head_object",
    "PUT": "put_object",
    "DELETE": "delete_object",
}
LASTING = ReadOnlyCredentials("AKIDEXAMPLE", "secret/+=", None)
PASSING = ReadOnlyCredentials("AKIDEXAMPLE", "secret/+=", "to/ken+=é")


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's clock stands at the same moment."""

    def now(remove_tzinfo: bool = True) -> datetime:
        moment = datetime.fromtimestamp(int(NOW), UTC)
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    modules = ["botocore.auth", "botocore.signers", *(["botocore.crt.auth"] if HAS_CRT else [])]
    for module in modules:
        monkeypatch.setattr(f"{module}.get_current_datetime", now)


@pytest.fixture(
    params=[
        {"addressing_style": "path", "endpoint": "http://127.0.0.1:9000"},
        {"addressing_style": "virtual", "endpoint": "https://s3.example.com"},
        {"addressing_style": "virtual", "endpoint": None},
        {"addressing_style": "path", "endpoint": "https://s3.example.com:443/below"},
    ],
    ids=["path", "virtual", "amazon", "below"],
)
def client(request: pytest.FixtureRequest, s3_environment: None) -> Iterator[Any]:
    """A client of boto3, by each form of address."""
    client = boto3.client(
        "s3",
        region_name="eu-central-1",
        endpoint_url=request.param["endpoint"],
        aws_access_key_id=LASTING.access_key,
        aws_secret_access_key=LASTING.secret_key,
        config=Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": request.param["addressing_style"]},
        ),
    )
    yield client
    client.close()


def same(ours: str, theirs: str) -> bool:
    """Whether two URLs are equal; awscrt, if it is installed, writes the parameters elsewhere."""
    if not HAS_CRT:
        return ours == theirs
    here, there = urlsplit(ours), urlsplit(theirs)
    return here[:3] == there[:3] and sorted(here.query.split("&")) == sorted(there.query.split("&"))


def reference(
    url: str, method: str, expires: int, headers: dict[str, str], credentials: ReadOnlyCredentials
) -> str:
    """What botocore's own signer in Python makes of a request."""
    request = AWSRequest(method, url, headers=headers)
    S3SigV4QueryAuth(credentials, "s3", "eu-central-1", expires).add_auth(request)
    signed: str = request.url
    return signed


def test_the_example_of_the_specification() -> None:
    """The one on https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html."""
    credentials = ReadOnlyCredentials(
        "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None
    )
    place = Place.at("https://examplebucket.s3.amazonaws.com", "us-east-1")
    now = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
    url = signed_url(place, credentials, "GET", "test.txt", 86400, now=now)
    assert url.endswith(
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


@pytest.mark.parametrize("method", METHODS)
def test_urls_are_those_of_boto3(client: Any, method: str) -> None:
    """For odd keys, by every method, for each form of address."""
    place = place_of(client, "bucket")
    for key in KEYS:
        theirs = client.generate_presigned_url(
            METHODS[method], {"Bucket": "bucket", "Key": key}, ExpiresIn=604800
        )
        ours = signed_url(place, LASTING, method, key, 604800, now=NOW)
        assert same(ours, theirs), key


def test_urls_of_the_python_signer(client: Any) -> None:
    """Equal to it whether awscrt is installed or not, with credentials that expire, too."""
    place = place_of(client, "bucket")
    for credentials in (LASTING, PASSING):
        for key in KEYS:
            theirs = reference(place.url(key), "GET", 60, {}, credentials)
            assert signed_url(place, credentials, "GET", key, 60, now=NOW) == theirs


def test_headers_of_the_answer_are_signed_as_boto3_does(client: Any) -> None:
    """Names for downloads and content types stand in the query."""
    shown = "attachment; filename=\"na_ve.pdf\"; filename*=UTF-8''na%C3%AFve.pdf"
    asked = {"ResponseContentDisposition": shown, "ResponseContentType": "text/html; charset=x"}
    theirs = client.generate_presigned_url(
        "get_object", {"Bucket": "bucket", "Key": "key", **asked}, ExpiresIn=60
    )
    query = [
        ("response-content-disposition", shown),
        ("response-content-type", "text/html; charset=x"),
    ]
    ours = signed_url(place_of(client, "bucket"), LASTING, "GET", "key", 60, now=NOW, query=query)
    assert same(ours, theirs)
    assert ("response-content-disposition", shown) in parse_qsl(urlsplit(ours).query)


def test_headers_of_the_request_are_signed_as_boto3_does(client: Any) -> None:
    """Length, type and condition of a put, and runs of blanks in a value."""
    asked = {"ContentType": "text/plain;  charset=x", "ContentLength": 5, "IfNoneMatch": "*"}
    theirs = client.generate_presigned_url(
        "put_object", {"Bucket": "bucket", "Key": "key", **asked}, ExpiresIn=60
    )
    headers = {
        "content-type": "text/plain;  charset=x",
        "content-length": "5",
        "if-none-match": "*",
    }
    place = place_of(client, "bucket")
    ours = signed_url(place, LASTING, "PUT", "key", 60, now=NOW, headers=headers)
    assert same(ours, theirs)
    assert ours == reference(place.url("key"), "PUT", 60, headers, LASTING)


@pytest.mark.parametrize("credentials", [LASTING, PASSING], ids=["lasting", "passing"])
def test_the_hash_of_the_value_is_signed_as_botocore_does(credentials: ReadOnlyCredentials) -> None:
    """As a header and in place of the payload's hash, which is unsigned else."""
    place = Place.at("https://bucket.example", "eu-central-1")
    for sha256 in ("0" * 64, "ab" * 32):
        headers = {"x-amz-content-sha256": sha256}
        ours = signed_url(place, credentials, "PUT", "key", 60, now=NOW, headers=headers)
        signer = S3SigV4QueryAuth(credentials, "s3", "eu-central-1", 60)
        request = AWSRequest("PUT", place.url("key"), headers={"X-Amz-Content-SHA256": sha256})
        signer.add_auth(request)
        assert ours == request.url


def test_forms_are_those_of_boto3(client: Any) -> None:
    """The address, the policy and its signature."""
    fields = {"Content-Type": "image/png", "x-amz-storage-class": "STANDARD_IA"}
    for key in KEYS:
        theirs = client.generate_presigned_post(
            "bucket",
            key,
            Fields=dict(fields),
            Conditions=[
                ["content-length-range", 0, 1000],
                *({name: value} for name, value in fields.items()),
            ],
            ExpiresIn=60,
        )
        place = place_of(client, "bucket")
        ours = signed_form(place, LASTING, "bucket", key, 1000, 60, now=NOW, fields=fields)
        assert urlsplit(ours.url)[1:3] == urlsplit(theirs["url"])[1:3]
        assert ours.fields == theirs["fields"]
        assert list(ours.fields) == list(theirs["fields"])


def test_a_form_with_credentials_that_expire() -> None:
    """The token is a field and a condition."""
    place = Place.at("https://host/bucket", "eu-central-1")
    form = signed_form(place, PASSING, "bucket", "key", 1, 60, now=NOW, fields={})
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert {"x-amz-security-token": PASSING.token} in policy["conditions"]
    assert form.fields["x-amz-security-token"] == PASSING.token
    assert policy["expiration"] == "2026-11-23T11:44:37Z"


def test_nothing_is_kept_of_other_credentials() -> None:
    """Each URL is of the credentials that it is given, though keys are derived but once a day."""
    place = Place.at("https://host/bucket", "eu-central-1")
    others = [
        LASTING,
        PASSING,
        ReadOnlyCredentials("OTHER", LASTING.secret_key, None),
        ReadOnlyCredentials(LASTING.access_key, "other", None),
    ]
    for _ in range(2):
        for credentials in others:
            for days in (0, 1):
                request = reference(place.url("key"), "GET", 60, {}, credentials)
                ours = signed_url(place, credentials, "GET", "key", 60, now=NOW + days * 86400)
                assert (ours == request) == (days == 0)


@pytest.mark.parametrize(
    ("root", "url", "host"),
    [
        ("https://bucket.s3.amazonaws.com/", "https://bucket.s3.amazonaws.com/k", None),
        ("http://127.0.0.1:9000/bucket", "http://127.0.0.1:9000/bucket/k", "127.0.0.1:9000"),
        ("http://[::1]:80/bucket", "http://[::1]:80/bucket/k", "[::1]"),
        ("https://HOST.example:443/a/b/", "https://HOST.example:443/a/b/k", "host.example"),
    ],
)
def test_places(root: str, url: str, host: str | None) -> None:
    """What stands before the key, and what a client sends as Host."""
    place = Place.at(root, "us-east-1")
    assert place.url("k") == url
    assert place.host == (host or urlsplit(root).netloc)
    assert signed_url(place, LASTING, "GET", "k", 1, now=0).startswith(f"{url}?")
