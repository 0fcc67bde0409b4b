"""Many keys at a time, copies, and keys that nobody could have put here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kvcore import (
    InvalidKey,
    KeyExists,
    KeyNotFound,
    PartialFailure,
    S3Store,
    StoreError,
    StoreTimeout,
    store_from_url,
)
from kvcore.backends.s3 import copying
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3, always, error
from tests.backends.s3.test_listing import ODD
from tests.object_servers.s3 import Bucket

MIB = 1024 * 1024


@pytest.fixture
def server(server: ScriptedS3) -> ScriptedS3:
    """A server with some values."""
    for key in ("a", "b", "c"):
        server.keep(f"pre/{key}", key.encode())
    return server


@pytest.fixture
def store(server: ScriptedS3) -> Iterator[Any]:
    """A store on it."""
    with store_from_url(server.url("pre/", conditional="all", retries=0)) as store:
        yield store


# delete_many


def test_each_key_has_its_own_error(server: ScriptedS3, store: Any) -> None:
    """Of those that one request names, all others are deleted."""
    body = (
        b"<DeleteResult><Error><Key>pre/b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        b"<Error><Key>pre/c</Key><Code>NoSuchKey</Code></Error></DeleteResult>"
    )
    server.fail("DeleteObjects", always(Answer(200, body)))
    with pytest.raises(PartialFailure) as caught:
        store.delete_many(["a", "b", "c"])
    assert list(caught.value.errors) == ["b"]
    assert "AccessDenied: no" in str(caught.value.errors["b"])
    assert caught.value.errors["b"].key == "b"


def test_a_request_that_fails_fails_its_keys(server: ScriptedS3, store: Any) -> None:
    """Those of other requests are deleted; after a time-out no more are tried."""
    keys = [f"{number:04}" for number in range(1500)]
    server.fail("DeleteObjects", always(error(403, "AccessDenied")), times=1)
    with pytest.raises(PartialFailure) as caught:
        store.delete_many(keys)
    assert list(caught.value.errors) == keys[:1000]
    server.asked.clear()
    server.fail("DeleteObjects", always(error(400, "RequestTimeout")), times=1)
    with pytest.raises(PartialFailure) as caught:
        store.delete_many(keys)
    errors = caught.value.errors
    assert isinstance(errors["0000"], StoreTimeout)
    assert "not tried" in str(errors["1400"])
    assert server.operations == ["DeleteObjects"]


@pytest.mark.parametrize("code", ["NotImplemented", "MissingContentMD5", "MethodNotAllowed"])
def test_a_service_that_deletes_one_at_a_time(code: str, server: ScriptedS3, store: Any) -> None:
    """Is asked so, in a few threads."""
    server.fail("DeleteObjects", always(error(501, code)))
    store.delete_many(["a", "b", "missing"])
    assert sorted(server.objects) == ["pre/c"]
    assert sorted(server.operations) == ["DeleteObject"] * 3 + ["DeleteObjects"]


def test_the_checksum_that_every_service_knows(server: ScriptedS3, store: Any) -> None:
    """A request that names keys carries an MD5, for a service that may know no other."""
    store.delete_many(["a"])
    headers = server.asked[-1].headers
    assert "content-md5" in headers
    assert not [name for name in headers if name.startswith(("x-amz-checksum", "x-amz-sdk-ch"))]
    with store_from_url(server.url("pre/", provider="minio")) as modern:
        modern.delete_many(["b"])
    assert "x-amz-checksum-crc32" in server.asked[-1].headers


# get_many, put_many


def test_many_are_fetched_side_by_side(server: ScriptedS3, store: Any) -> None:
    """Several requests are under way at a time, and no more than ``concurrency``."""
    under_way, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(4, timeout=20)

    def watch(asked: Asked, do: Do) -> Answer:
        nonlocal under_way, most
        return do(asked)

    server.fail("GetObject", watch)
    keys = [f"{number:02}" for number in range(16)]
    for key in keys:
        server.keep(f"pre/{key}", key.encode())
    with store_from_url(server.url("pre/", concurrency=4)) as parallel:
        get = parallel._get

        def meet(key: str) -> bytes:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            together.wait()  # four have to be here, or nobody goes on
            with lock:
                under_way -= 1
            found: bytes = get(key)
            return found

        parallel._get = meet  # type: ignore[method-assign]
        assert parallel.get_many(keys) == {key: key.encode() for key in keys}
    assert most == 4


def test_many_with_some_that_fail(server: ScriptedS3, store: Any) -> None:
    """What is missing is left out; each put that fails is named, and the others are done."""
    assert store.get_many(["a", "missing", "c"]) == {"a": b"a", "c": b"c"}

    def deny(asked: Asked, do: Do) -> Answer:
        return error(403, "AccessDenied") if asked.key == "pre/b" else do(asked)

    server.fail(".*Object", deny)
    with pytest.raises(StoreError, match="may not") as denied:
        store.get_many(["a", "b"])
    assert denied.value.key == "b"
    with pytest.raises(PartialFailure) as caught:
        store.put_many(dict.fromkeys("abc", b"new"))
    assert list(caught.value.errors) == ["b"]
    assert server.objects["pre/a"].data == server.objects["pre/c"].data == b"new"


# copy, move


def test_a_copy_passes_by_the_service(server: ScriptedS3) -> None:
    """One request; type and metadata go along, and what the store puts with is put."""
    server.keep("pre/a", b"a", Content_Type="image/png", x_amz_meta_owner="ann")
    with store_from_url(server.url("pre/", storage_class="STANDARD_IA", acl="private")) as store:
        store.copy("a", "d")
        assert server.operations == ["CopyObject"]
        headers = server.asked[0].headers
        assert headers["x-amz-copy-source"] == "bucket/pre/a"
        assert (headers["x-amz-storage-class"], headers["x-amz-acl"]) == ("STANDARD_IA", "private")
        assert store.stat("d").content_type == "image/png"


@pytest.mark.parametrize("trusted", ["all", "put", "put,copy"])
def test_if_absent_of_a_copy(trusted: str, server: ScriptedS3) -> None:
    """Decided by the service as a condition of the copy, else as one of a put."""
    with store_from_url(server.url("pre/", conditional=trusted)) as store:
        for verb in (store.copy, store.move):
            with pytest.raises(KeyExists) as caught:
                verb("a", "b", if_absent=True)
            assert caught.value.key == "b"
            assert server.objects["pre/b"].data == b"b"
            assert server.objects["pre/a"].data == b"a"
        store.copy("a", "d", if_absent=True)
        store.move("a", "e", if_absent=True)
    assert "pre/a" not in server.objects
    assert server.objects["pre/d"].data == server.objects["pre/e"].data == b"a"
    assert ("PutObject" in server.operations) == (trusted == "put")


def test_a_move_leaves_what_is_newer(server: ScriptedS3, store: Any) -> None:
    """A value that is put to the source between copy and delete stays there."""

    def overtake(asked: Asked, do: Do) -> Answer:
        answer = do(asked)
        server.keep("pre/a", b"newer")
        return answer

    server.fail("CopyObject", overtake)
    store.move("a", "d")
    assert server.objects["pre/d"].data == b"a"
    assert server.objects["pre/a"].data == b"newer"


@pytest.fixture
def small_copies(server: ScriptedS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that copies eight bytes in one request, and six in a part."""
    monkeypatch.setattr(copying, "MOST_PUT_BYTES", 8)
    monkeypatch.setattr(copying, "PART_BYTES", 6)
    monkeypatch.setattr("kvcore.backends.s3.uploading.Sizes.part_of", lambda *_: 6)
    large = "The specified copy source is larger than the maximum allowable size"

    def refuse(asked: Asked, do: Do) -> Answer:
        source = asked.headers["x-amz-copy-source"].partition("/")[2]
        if source in server.objects and len(server.objects[source].data) > 8:
            return error(400, "InvalidRequest", large)
        return do(asked)

    server.fail("CopyObject", refuse)


def test_a_large_value_is_copied_in_parts(
    small_copies: None, server: ScriptedS3, store: Any
) -> None:
    """What one request does not take; type and metadata go along."""
    server.keep("pre/a", b"0123456789abcde", Content_Type="image/png", x_amz_meta_owner="ann")
    store.copy("a", "d")
    assert server.objects["pre/d"].data == b"0123456789abcde"
    assert store.stat("d").content_type == "image/png"
    ranges = [
        a.headers["x-amz-copy-source-range"]
        for a in server.asked
        if a.operation == "UploadPartCopy"
    ]
    assert sorted(ranges) == ["bytes=0-5", "bytes=12-14", "bytes=6-11"]
    with pytest.raises(KeyExists):
        store.copy("a", "b", if_absent=True)
    assert server.objects["pre/b"].data == b"b"
    assert server.uploads == {}


def test_a_large_value_that_is_replaced_while_it_is_copied(
    small_copies: None, server: ScriptedS3, store: Any
) -> None:
    """Is never a mixture: the copy fails, and nothing stays behind."""
    server.keep("pre/a", b"0123456789abcde")

    def overtake(asked: Asked, do: Do) -> Answer:
        server.keep("pre/a", b"another value, as large")
        return do(asked)

    server.fail("UploadPartCopy", overtake)
    with pytest.raises(StoreError, match="replaced while it was copied") as caught:
        store.copy("a", "d")
    assert caught.value.key == "a"
    assert "pre/d" not in server.objects
    assert server.uploads == {}


def test_a_copy_that_is_refused_for_another_reason(
    small_copies: None, server: ScriptedS3, store: Any
) -> None:
    """Is not tried in parts."""
    server.heal()
    server.fail("CopyObject", always(error(400, "InvalidRequest", "for another reason")))
    with pytest.raises(StoreError, match="for another reason"):
        store.copy("a", "d")
    assert server.uploads == {}
    with pytest.raises(KeyNotFound):
        store.copy("missing", "d")


# Keys of any kind


@pytest.fixture(params=["our client", "a client passed in"])
def anything(request: pytest.FixtureRequest, bucket: Bucket) -> Iterator[S3Store]:
    """A store of any keys on moto, below a prefix."""
    if request.param == "our client":
        with store_from_url(bucket.url("pre/", keys="any")) as store:
            assert isinstance(store, S3Store)
            yield store
        return
    client = bucket.server.client()
    yield S3Store(bucket.name, "pre/", client=client, keys="any")
    client.close()


def test_what_no_key_space_allows(anything: S3Store, bucket: Bucket) -> None:
    """Is listed, read, told of and deleted, exactly as it is; it is not put."""
    names = [name for name in ODD if "\n" not in name]  # which moto does not keep
    for name in names:
        bucket.put(f"pre/{name}", name.encode())
    bucket.put("pref", b"not below the prefix")
    assert sorted(anything) == sorted(names)
    for name in names:
        assert anything.get(name) == name.encode()
        assert anything.stat(name).size == len(name.encode())
        assert name in anything
        with anything.open(name) as reader:
            assert reader.read() == name.encode()
    paths = anything.with_keys("path")
    for name in names:
        if name not in paths.keyspace:
            for write in (
                lambda name=name: anything.put(name, b"new"),
                lambda name=name: anything.put_file(name, iter([b"new"])),
                lambda name=name: anything.open_write(name),
                lambda name=name: anything.put_many({name: b"new"}),
                lambda name=name: anything.copy("plain", name),
            ):
                with pytest.raises(InvalidKey, match="read and deleted, not put"):
                    write()
            assert anything.get(name) == name.encode()
    assert anything.put("a/path", b"new") == "a/path"
    anything.copy("a//b", "a/copy")
    assert anything.get("a/copy") == b"a//b"
    anything.delete(names[0])
    assert names[0] not in anything
    anything.delete_many(anything.keys())
    assert bucket.keys() == ["pref"]
