"""Listing: by our hook and by botocore the same, whatever others have put there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kvcore import S3Store, StoreError, store_from_url
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3, always

ODD = [
    "//x",
    "/lead",
    "a b",
    "a%20b",
    "a+b",
    "a//b",
    "a/b",
    "a/b/c",
    "a/./b",
    "dir/",
    "line\nbreak",
    "p/../q",
    "plain",
    "tab\tstop",
    "umlaut-\N{LATIN SMALL LETTER U WITH DIAERESIS}",
    "x" * 1000,
    "<&>\"'",
    "\\",
]
"""Names that a bucket can hold."""
PATHS = ["a b", "a%20b", "a+b", "a/b", "a/b/c", "plain", "umlaut-ü", "x" * 1000, "<&>\"'"]
"""Those of them that are keys."""


@pytest.fixture
def server(server: ScriptedS3) -> ScriptedS3:
    """A server that lists seven at a time."""
    server.page_size = 7
    return server


@pytest.fixture(params=["our client", "a client passed in"])
def store(request: pytest.FixtureRequest, server: ScriptedS3) -> Iterator[S3Store]:
    """A store of paths below a prefix, read by the hook, or by botocore."""
    if request.param == "our client":
        with store_from_url(server.url("pre/", keys="path", retries=0)) as store:
            assert isinstance(store, S3Store)
            yield store
        return
    import boto3
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": 1})
    client = boto3.client("s3", endpoint_url=server.endpoint, config=config)
    yield S3Store("bucket", "pre/", client=client, keys="path")
    client.close()


def fill(server: ScriptedS3) -> None:
    """Put odd names past the store, and some beside its prefix."""
    for name in ODD:
        server.keep(f"pre/{name}", name.encode())
    server.keep("pr", b"")
    server.keep("pre", b"")
    server.keep("pref", b"")
    server.keep("pre/", b"")


def test_keys(store: S3Store, server: ScriptedS3) -> None:
    """Those that are legal, each once, over several pages; all of them with keys="any"."""
    fill(server)
    assert sorted(store.keys()) == sorted(PATHS)
    assert sorted(store.with_keys("any").keys()) == sorted(ODD)
    assert store.keys("a/") == ["a/b", "a/b/c"]
    assert store.keys("A") == []
    assert store.keys("\ud800") == []


def test_stats(store: S3Store, server: ScriptedS3) -> None:
    """Size, time and etag are those of a HEAD; the content type is not listed."""
    fill(server)
    store = store.with_keys("any")
    listed = dict(store.iter_stats())
    assert sorted(listed) == sorted(ODD)
    for key, stat in listed.items():
        assert stat == store.stat(key)._replace(content_type=None, modified=stat.modified)
        assert stat.modified == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_prefixes(store: S3Store, server: ScriptedS3) -> None:
    """What is below a delimiter, once; not what no key begins with."""
    fill(server)
    found = list(store.iter_prefixes("/"))
    # Of `dir/` nobody can tell without another request that nothing legal is below it.
    assert sorted(found) == sorted(
        {*(key.partition("/")[0] for key in PATHS if "/" not in key)} | {"a/", "dir/", "p/"}
    )
    assert sorted(store.iter_prefixes("/", "a/")) == ["a/b", "a/b/"]
    assert sorted(store.iter_prefixes("b", "a")) == ["a b", "a%20b", "a+b", "a/b"]
    assert list(store.iter_prefixes("\n")) == store.keys()


def test_a_page_that_makes_no_sense(store: S3Store, server: ScriptedS3) -> None:
    """Is an error, not an empty bucket."""
    for body in (b"", b"<html>", b"<html></html>", b"<ListBucketResult>", b"{}", b"\xff"):
        server.heal()
        server.fail("ListObjectsV2", always(Answer(200, body)))
        with pytest.raises(StoreError):
            store.keys()


def test_a_service_that_lists_in_circles(store: S3Store, server: ScriptedS3) -> None:
    """Ends in an error, not never."""
    fill(server)

    def again(asked: Asked, do: Do) -> Answer:
        query = {name: value for name, value in asked.query.items() if name != "continuation-token"}
        return do(asked._replace(query=query))

    server.fail("ListObjectsV2", again)
    with pytest.raises(StoreError, match="again and again"):
        store.keys()


def test_a_listing_that_fails_half_way(store: S3Store, server: ScriptedS3) -> None:
    """Is an error where it failed; what came before was given."""
    fill(server)
    listed: list[Any] = []
    with pytest.raises(StoreError, match="denied"):
        for key in store.with_keys("any"):
            listed.append(key)
            server.fail("ListObjectsV2", always(_denied()))
    assert listed


def _denied() -> Answer:
    return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", {})
