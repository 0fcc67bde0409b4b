"""URLs of S3: what they say, what is wrong with them, what they never show."""

from __future__ import annotations

from typing import Any

import pytest

from kvcore import ConfigError, S3Store, StoreError, store_from_config, store_from_url
from kvcore.config import StorePlan
from tests.backends.s3.scripted import ScriptedS3, always, error

KEYS = {"access_key": "AKID", "secret_key": "a-canary-of-a-secret"}


def options_of(url: str) -> dict[str, Any]:
    """What a URL says."""
    return dict(StorePlan.from_config(url).options)


def test_the_address() -> None:
    """Bucket, then the prefix as it stands."""
    assert options_of("s3://bucket") == {"bucket": "bucket"}
    assert options_of("s3://bucket/") == {"bucket": "bucket"}
    assert options_of("s3://bucket/a/b") == {"bucket": "bucket", "prefix": "a/b"}
    assert options_of("s3://bucket/a/b/") == {"bucket": "bucket", "prefix": "a/b/"}
    assert options_of("s3://bucket//caf%C3%A9") == {"bucket": "bucket", "prefix": "/café"}


def test_the_address_of_minimalkv(s3_environment: None) -> None:
    """Key and secret, the endpoint with its port, and the bucket."""
    url = "hs3://AKID:se%2Fcret@127.0.0.1:9000/bucket?is_secure=false&region_name=eu-west-1"
    with store_from_url(url) as store:
        assert isinstance(store, S3Store)
        assert store.keyspace.name == "path"
        assert store._connection.address() == ("http://127.0.0.1:9000", "eu-west-1")
        keys = store._connection.credentials()
        assert keys is not None
        assert (keys.access_key, keys.secret_key) == ("AKID", "se/cret")
        assert store._bucket == "bucket"
    with store_from_url("s3://AKID:secret@/bucket?region=eu-west-1") as store:
        assert store._place()[0] == ("s3", None, "bucket")
    suffixed = store_from_url("s3://AKID:secret@host/bucket?force_bucket_suffix=true")
    assert suffixed._place()[0] == ("s3", "https://host", "bucket-akid")


@pytest.mark.parametrize(
    ("url", "problem"),
    {
        "nothing": ("s3://", "a bucket is missing"),
        "no bucket": ("s3://AKID:canary@host", "stands the bucket"),
        "no secret": ("s3://AKID@host/bucket", "the secret stands behind a colon"),
        "a port": ("s3://bucket:9000/x", "a bucket has no port"),
        "half a login": ("s3://AKID:cana/ry@host/bucket", "port"),
        "no bucket's name": ("s3://ab", "the name of a bucket"),
        "an unknown option": ("s3://bucket?endpont=http://x", "did you mean 'endpoint'"),
        "an unknown provider": ("s3://bucket?provider=r3", "'provider' takes"),
        "a provider without a place": ("s3://bucket?provider=minio", "needs an endpoint"),
        "a provider without a region": ("s3://bucket?provider=b2", "needs a region"),
        "no address": ("s3://bucket?endpoint=host:9000", "'endpoint' takes an address"),
        "a login in the endpoint": ("s3://bucket?endpoint=http://u:p@host", "'endpoint' takes"),
        "a small part": ("s3://bucket?part_size=1000", "'part_size' takes"),
        "a slow read": ("s3://bucket?deadline=5&read_timeout=6", "read_timeout is at most"),
        "an id for no role": ("s3://bucket?external_id=4", "belong to a role"),
        "keys and nobody": ("s3://bucket?anonymous=true&profile=x", "anonymous"),
        "conditions": ("s3://bucket?conditional=delete", "'conditional' takes no"),
        "other conditions": ("s3://bucket?conditional=get", "'conditional' takes 'all'"),
        "headers": ("s3://bucket?headers={}x", "'headers' takes JSON"),
        "unknown headers": ('s3://bucket?headers={"Host":"x"}', "'headers' takes cache-control"),
        "two endpoints": ("s3://A:b@host/bucket?endpoint=http://x", "stands in the address"),
    }.values(),
    ids=lambda value: value if "://" not in value else "",
)
def test_what_makes_no_sense(url: str, problem: str) -> None:
    """Is refused when it is read, with a hint, and no secret is repeated."""
    with pytest.raises(ConfigError, match=problem) as caught:
        store_from_url(url)
    assert "cana" not in str(caught.value)


def test_keys_that_do_not_go_together() -> None:
    """Are refused as well, when the store is made."""
    for options in (
        {"access_key": "A"},
        {"secret_key": "b"},
        {"session_token": "c"},
        {**KEYS, "profile": "x"},
        {**KEYS, "anonymous": True},
    ):
        with pytest.raises(ConfigError):
            S3Store("bucket", **options)  # type: ignore[arg-type]


def test_no_secret_is_shown(server: ScriptedS3) -> None:
    """Neither by the plan nor by the store, its client or its errors."""
    canary = "a-canary-of-a-secret"
    tokens = {"session_token": f"{canary}-too"}
    config = {"url": server.url(), **KEYS, **tokens}
    server.fail("GetObject", always(error(403, "AccessDenied")))
    plan = StorePlan.from_config(config)
    store = store_from_config(config)
    assert isinstance(store, S3Store)
    with store, pytest.raises(StoreError) as caught:
        store.get("key")
    shown = [plan, store, caught.value, store._connection, store._connection.settings]  # type: ignore[attr-defined]
    assert not [thing for thing in shown if canary in f"{thing!r} {thing}"]


def test_a_store_shows_its_url(server: ScriptedS3) -> None:
    """From which another one like it can be made."""
    url = server.url("pre/", conditional="put", keys="path", headers='{"Cache-Control":"x"}')
    with store_from_url(url) as store:
        shown = repr(store).removeprefix("<S3Store ").removesuffix(">")
        again = store_from_url(shown)
        assert repr(again) == repr(store)
        assert again._place() == store._place()
        assert again.keyspace == store.keyspace
