"""Every option of the store has an effect: on what is asked, or on how the client is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kvcore import S3Store, StoreError, store_from_url
from kvcore.backends.s3.providers import PROVIDERS
from kvcore.backends.s3.urls import OPTIONS
from tests.backends.s3.scripted import ScriptedS3, always, error
from tests.object_servers.s3 import S3Server

MIB = 1024 * 1024
KEYS = {"access_key": "AKID", "secret_key": "a-canary-of-a-secret"}


def made(**options: Any) -> Any:
    """A client as the store makes it; nothing is asked of any server."""
    with S3Store("bucket", **{**KEYS, "region": "eu-west-1", **options}) as store:
        return store._client()


def header(server: ScriptedS3, name: str, **options: object) -> str | None:
    """A header of a put, by a store with these options."""
    with store_from_url(server.url(**options)) as store:
        store.put("key", b"value")
    return server.asked[-1].headers.get(name)


# What is asked

HEADERS: Mapping[str, tuple[dict[str, object], str, str]] = {
    "storage_class": ({"storage_class": "STANDARD_IA"}, "x-amz-storage-class", "STANDARD_IA"),
    "encryption": ({"encryption": "aws:kms"}, "x-amz-server-side-encryption", "aws:kms"),
    "kms_key": (
        {"encryption": "aws:kms", "kms_key": "alias/mine"},
        "x-amz-server-side-encryption-aws-kms-key-id",
        "alias/mine",
    ),
    "acl": ({"acl": "public-read"}, "x-amz-acl", "public-read"),
    "headers": (
        {"headers": '{"Cache-Control":"max-age=60"}'},
        "cache-control",
        "max-age=60",
    ),
    "headers, own": ({"headers": '{"x-amz-meta-Owner":"ann"}'}, "x-amz-meta-owner", "ann"),
    "checksums": (
        {"checksums": "sha256"},
        "x-amz-checksum-sha256",
        "zUJATVKtVb3EeS2/3VQtuvBImPL0d9zlmTXYl5eytRw=",
    ),
    "session_token": ({**KEYS, "session_token": "a-token"}, "x-amz-security-token", "a-token"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_of_every_put(name: str, server: ScriptedS3) -> None:
    """In one request, in parts, and by a writer."""
    options, sent, value = HEADERS[name]
    if name == "checksums":
        assert header(server, sent, **options) is not None
        return
    assert header(server, sent, **options) == value
    sizes = {"multipart_threshold": 5 * MIB, "part_size": 5 * MIB}
    with store_from_url(server.url(**options, **sizes)) as store:
        store.put("key", bytes(5 * MIB + 1))
        begun = [asked for asked in server.asked if asked.operation == "CreateMultipartUpload"]
        assert [asked.headers.get(sent) for asked in begun] == [value]


def test_checksums(server: ScriptedS3) -> None:
    """Sent and asked for as the option says; an unknown service is not bothered with them."""
    for options, put, get in (
        ({}, None, None),
        ({"checksums": "when_supported"}, "x-amz-checksum-crc32", "enabled"),
        ({"checksums": "sha1"}, "x-amz-checksum-sha1", "enabled"),
        ({"provider": "minio"}, "x-amz-checksum-crc32", "enabled"),
        ({"provider": "minio", "checksums": "when_required"}, None, None),
    ):
        with store_from_url(server.url(**options)) as store:
            store.put("key", b"value")
            sent = {name for name in server.asked[-1].headers if name.startswith("x-amz-checksum-")}
            assert sent == ({put} if put else set())
            store.get("key")
            mode = server.asked[-1].headers.get("x-amz-checksum-mode")
            assert (mode and mode.lower()) == get


def test_keys_and_region_sign(server: ScriptedS3) -> None:
    """The scope of the signature names them, and it is always of version 4."""
    signed = header(server, "authorization", **KEYS, region="eu-north-7")
    assert signed is not None
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-north-7/s3/aws4_request" in signed


def test_a_profile_signs(
    server: ScriptedS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the keys that stand in boto3's configuration under its name."""
    shared = tmp_path / "credentials"
    shared.write_text("[site]\naws_access_key_id = AKPROFILE\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    signed = header(server, "authorization", profile="site")
    assert signed is not None
    assert "Credential=AKPROFILE/" in signed


def test_anonymous_requests_are_not_signed(server: ScriptedS3) -> None:
    """Although there are keys in the environment."""
    server.keep("key", b"value")
    with store_from_url(server.url(anonymous="true")) as store:
        assert store.get("key") == b"value"
    assert "authorization" not in server.asked[-1].headers


def test_a_role_is_assumed(
    server: ScriptedS3, moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys sign, those given only ask for it; they are fetched when they are first needed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.endpoint)
    given = {"role": "arn:aws:iam::123456789012:role/site", "role_session_name": "tests"}
    store = S3Store("bucket", endpoint=server.endpoint, external_id="42", **given, **KEYS)
    asked: list[str] = []

    with store:
        store.put("key", b"value")
        source = store._connection.credentials()
        assert source is not None
        asked.append(source.get_frozen_credentials().access_key)
    headers = server.asked[-1].headers
    assert f"Credential={asked[0]}/" in headers["authorization"]
    assert asked[0].startswith("ASIA")
    assert "x-amz-security-token" in headers


def test_what_a_role_is_asked_with(server: ScriptedS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the session, and the external id."""
    from botocore.credentials import AssumeRoleCredentialFetcher as Fetcher

    seen: dict[str, object] = {}

    def fetch(self: Any) -> dict[str, str]:
        seen.update(self._assume_role_kwargs())
        expires = "2099-01-01T00:00:00+00:00"
        return {"access_key": "A", "secret_key": "b", "token": "c", "expiry_time": expires}

    monkeypatch.setattr(Fetcher, "fetch_credentials", fetch)
    with S3Store(
        "bucket",
        endpoint=server.endpoint,
        role="arn:aws:iam::1:role/site",
        role_session_name="tests",
        external_id="42",
        **KEYS,  # type: ignore[arg-type]  # two texts
    ) as store:
        store.put("key", b"value")
    assert (seen["RoleArn"], seen["RoleSessionName"], seen["ExternalId"]) == (
        "arn:aws:iam::1:role/site",
        "tests",
        "42",
    )


def test_addressing(s3_environment: None) -> None:
    """The bucket stands in the path or in the name of the host."""
    for options, url in (
        ({"addressing": "path"}, "https://s3.eu-west-1.amazonaws.com/bucket/key"),
        ({"endpoint": "https://s3.example.com"}, "https://s3.example.com/bucket/key"),
        (
            {"endpoint": "https://s3.example.com", "addressing": "virtual"},
            "https://bucket.s3.example.com/key",
        ),
    ):
        client = made(**options)
        signed = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "key"})
        assert signed.partition("?")[0] == url


def test_etags_go_with_quotes_or_without(server: ScriptedS3) -> None:
    """As the option says, or as the provider needs it."""
    server.keep("key", b"value")
    for options, quoted in (
        ({}, True),
        ({"quoted_etags": "false"}, False),
        ({"provider": "ceph"}, False),
        ({"provider": "ceph", "quoted_etags": "true"}, True),
    ):
        with store_from_url(server.url(**{"conditional": "put", **options})) as store:
            etag = store.stat("key").etag
            store.put("key", b"value", if_match=etag)
            assert server.asked[-1].headers["if-match"] == (f'"{etag}"' if quoted else etag)


def test_retries(server: ScriptedS3) -> None:
    """So often is a request sent again."""
    server.fail("PutObject", always(error(503, "SlowDown")))
    for retries in (0, 1, 2):
        server.asked.clear()
        with store_from_url(server.url(retries=retries)) as store, pytest.raises(StoreError):
            store.put("key", b"value")
        assert len(server.asked) == retries + 1


def test_large_values_are_cut_as_it_is_said(server: ScriptedS3) -> None:
    """Above the threshold, into parts of this size."""
    options = {"multipart_threshold": 8 * MIB, "part_size": 6 * MIB}
    with store_from_url(server.url(**options)) as store:
        store.put("key", bytes(8 * MIB))
        assert server.operations == ["PutObject"]
        server.asked.clear()
        store.put("key", bytes(8 * MIB + 1))
    parts = [len(asked.body) for asked in server.asked if asked.operation == "UploadPart"]
    assert sorted(parts) == [2 * MIB + 1, 6 * MIB]


def test_concurrency_of_one_goes_in_order(server: ScriptedS3) -> None:
    """One thread sends one part, or one value, after the other."""
    sizes = {"multipart_threshold": 5 * MIB, "part_size": 5 * MIB, "concurrency": 1}
    keys = [f"{number:02}" for number in range(20)]
    with store_from_url(server.url(**sizes)) as store:
        store.put("key", bytes(21 * MIB))
        parts = [asked for asked in server.asked if asked.operation == "UploadPart"]
        assert [asked.query["partNumber"] for asked in parts] == ["1", "2", "3", "4", "5"]
        server.asked.clear()
        store.put_many(dict.fromkeys(keys, b"value"))
        assert [asked.key for asked in server.asked] == keys


def test_a_missing_bucket_is_created_only_if_asked(server: ScriptedS3) -> None:
    """With the first use, in its region."""
    server.fail("HeadBucket", always(error(404, "")), times=1)
    with store_from_url(server.url(create_if_missing="true", region="eu-west-1")) as store:
        assert server.operations == []
        store.put("key", b"value")
        store.put("key", b"value")
    assert server.operations == ["HeadBucket", "CreateBucket", "PutObject", "PutObject"]
    assert b"eu-west-1" in server.asked[1].body
    server.asked.clear()
    with store_from_url(server.url()) as store:
        store.put("key", b"value")
    assert server.operations == ["PutObject"]


def test_conditions_are_asked_for_where_they_are_trusted(server: ScriptedS3) -> None:
    """By default on Amazon and on what a provider says, never on an unknown endpoint."""
    for options, expected in (
        ({}, (False, False, False)),
        ({"conditional": "all"}, (True, True, True)),
        ({"conditional": "put"}, (True, True, False)),
        ({"conditional": "put,delete"}, (True, True, True)),
        ({"provider": "minio"}, (True, True, False)),
        ({"provider": "minio", "conditional": "none"}, (False, False, False)),
    ):
        can = store_from_url(server.url(**options)).capabilities
        assert (can.if_absent, can.if_match, can.delete_if_match) == expected
        assert can.if_present == can.if_match
    amazon = store_from_url("s3://bucket").capabilities
    assert amazon.if_absent
    assert amazon.delete_if_match


def test_keys(server: ScriptedS3) -> None:
    """The key space of the store."""
    assert store_from_url(server.url()).keyspace.name == "strict"
    assert store_from_url(server.url(keys="any")).keyspace.name == "any"
    assert store_from_url("hs3://bucket").keyspace.name == "path"


# How the client is made


def test_the_configuration_of_the_client(s3_environment: None, tmp_path: Path) -> None:
    """Time-outs within the deadline, connections, retries (none: they are ours), signatures."""
    config = made().meta.config
    assert (config.connect_timeout, config.read_timeout) == (3, 15)
    assert (config.max_pool_connections, config.tcp_keepalive) == (32, True)
    assert (config.signature_version, config.retries["total_max_attempts"]) == ("s3v4", 1)
    config = made(
        connect_timeout=1.5, read_timeout=4, deadline=8, pool_size=5, checksums="when_required"
    ).meta.config
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (1.5, 4, 5)
    assert config.response_checksum_validation == "when_required"
    assert made(deadline=2).meta.config.connect_timeout == 2


def test_who_signs_the_certificate(
    s3_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is the one that the client verifies with."""
    from boto3.session import Session

    seen: dict[str, object] = {}
    client = Session.client

    def spy(self: Session, name: str, **options: Any) -> Any:
        seen.update(options)
        return client(self, "s3", **options)

    monkeypatch.setattr(Session, "client", spy)
    made(ca_file=str(tmp_path / "ca.pem"))
    assert seen["verify"] == str(tmp_path / "ca.pem")


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_preset_makes_a_client(name: str, s3_environment: None) -> None:
    """With the address of the service, and what it needs."""
    own = {
        "aws": ("https://s3.eu-west-1.amazonaws.com", {"region": "eu-west-1"}),
        "b2": ("https://s3.us-west-004.backblazeb2.com", {"region": "us-west-004"}),
        "spaces": ("https://ams3.digitaloceanspaces.com", {"region": "ams3"}),
        "wasabi": ("https://s3.eu-central-1.wasabisys.com", {"region": "eu-central-1"}),
    }
    url, options = own.get(name, ("https://s3.test", {"endpoint": "https://s3.test"}))
    with S3Store("bucket", provider=name, **options, **KEYS) as store:  # type: ignore[arg-type]
        meta = store._client().meta
    assert meta.endpoint_url == url
    region = PROVIDERS[name].region
    assert meta.region_name == (region or options.get("region"))
    supported = "when_supported" if PROVIDERS[name].checksums else "when_required"
    assert meta.config.request_checksum_calculation == supported


# A client that was passed in


def test_a_client_is_used_as_it_is(server: ScriptedS3, moto: S3Server) -> None:
    """It is neither configured nor closed."""
    import boto3

    client = boto3.client("s3", endpoint_url=server.endpoint)
    store = S3Store("bucket", "pre/", client=client)
    store.put("key", b"value")
    store.close()
    client.put_object(Bucket="bucket", Key="pre/other", Body=b"value")
    assert store.keys() == ["key", "other"]
    assert not store.capabilities.if_absent
    assert S3Store("bucket", client=client, provider="minio").capabilities.if_absent
    client.close()


def test_a_client_has_its_own_settings(s3_environment: None) -> None:
    """Those of the store would not reach it, so they are refused; so is what is no client."""
    import boto3
    from botocore.config import Config

    client = boto3.client("s3")
    for options in ({"region": "eu-west-1"}, {"deadline": 3}, {"create_if_missing": True}):
        with pytest.raises(TypeError, match="its own settings"):
            S3Store("bucket", client=client, **options)  # type: ignore[arg-type]
    for wrong in (boto3.client("sts"), boto3.session.Session(), "s3"):
        with pytest.raises(TypeError, match="a client of boto3 for S3"):
            S3Store("bucket", client=wrong)  # type: ignore[arg-type]
    endless = boto3.client("s3", config=Config(read_timeout=None))
    with pytest.warns(RuntimeWarning, match="waits for ever"):
        S3Store("bucket", client=endless)


TESTED: Mapping[str, Callable[..., None]] = {
    **dict.fromkeys(
        ("storage_class", "encryption", "kms_key", "acl", "headers", "session_token"),
        test_a_header_of_every_put,
    ),
    **dict.fromkeys(("access_key", "secret_key", "region"), test_keys_and_region_sign),
    **dict.fromkeys(("multipart_threshold", "part_size"), test_large_values_are_cut_as_it_is_said),
    **dict.fromkeys(
        ("connect_timeout", "read_timeout", "pool_size"), test_the_configuration_of_the_client
    ),
    **dict.fromkeys(("external_id", "role_session_name"), test_what_a_role_is_asked_with),
    "addressing": test_addressing,
    "anonymous": test_anonymous_requests_are_not_signed,
    "ca_file": test_who_signs_the_certificate,
    "checksums": test_checksums,
    "concurrency": test_concurrency_of_one_goes_in_order,
    "conditional": test_conditions_are_asked_for_where_they_are_trusted,
    "create_if_missing": test_a_missing_bucket_is_created_only_if_asked,
    "endpoint": test_addressing,
    "keys": test_keys,
    "profile": test_a_profile_signs,
    "provider": test_a_preset_makes_a_client,
    "quoted_etags": test_etags_go_with_quotes_or_without,
    "retries": test_retries,
    "role": test_a_role_is_assumed,
}
ELSEWHERE = {
    *("base_url", "deadline", "public_endpoint", "url_expires"),
    *("force_bucket_suffix", "is_secure", "region_name"),
}
"""See test_deadlines, test_signed_urls and test_urls."""


def test_no_option_is_forgotten() -> None:
    """Each has a test that shows its effect."""
    assert {*TESTED, *ELSEWHERE} == set(OPTIONS)
