"""Writing: whole or not at all, whatever fails on the way; an upload is always taken back."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kvcore import GoogleCloudStore
from kvcore.errors import KeyExists, PreconditionFailed, StoreError
from kvcore.testing.contract.fixtures import blob
from tests.backends.gcs.conftest import PART, Place
from tests.backends.gcs.front import Answer, Request, Reset, Send, error

OLD = b"the old value"
LARGE = blob(3 * PART + 100)

Put = Callable[..., object]


def by_put(store: GoogleCloudStore, data: bytes, **options: Any) -> None:
    store.put("key", data, **options)


def by_file(store: GoogleCloudStore, data: bytes, **options: Any) -> None:
    store.put_file("key", io.BytesIO(data), **options)


def by_iterator(store: GoogleCloudStore, data: bytes, **options: Any) -> None:
    pieces = (data[start : start + 70_001] for start in range(0, len(data), 70_001))
    store.put_file("key", pieces, **options)


def by_writer(store: GoogleCloudStore, data: bytes, **options: Any) -> None:
    with store.open_write("key", **options) as writer:
        for start in range(0, len(data), 70_001):
            writer.write(data[start : start + 70_001])


WAYS: list[Put] = [by_put, by_file, by_iterator, by_writer]
every_way = pytest.mark.parametrize("put", WAYS)


def is_part(request: Request) -> bool:
    return str(request) == "PUT resumable"


@every_way
@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, len(LARGE)])
def test_every_byte_is_stored(put: Put, size: int, store: GoogleCloudStore, place: Place) -> None:
    """At every size at which something changes, with the right type."""
    put(store, LARGE[:size], content_type="image/png")
    assert place.bucket.get("key") == LARGE[:size]
    assert store.stat("key").content_type == "image/png"


@every_way
def test_a_part_fails_for_ever(put: Put, store: GoogleCloudStore, place: Place) -> None:
    """The old value stays, and the upload is taken back."""
    store.put("key", OLD)
    place.front.counted()
    with place.front.failing(lambda request, send: error(503) if is_part(request) else None):
        with pytest.raises(StoreError, match=r"the service failed \(503\).*'key'"):
            put(store, LARGE)
    assert store.get("key") == OLD
    assert place.bucket.keys() == ["key"]
    assert "DELETE resumable" in place.front.counted()


class Broken(Exception):
    """What a source of the caller's raises."""


@pytest.mark.parametrize("after", [0, 1, PART + 1, 2 * PART + 5])
@pytest.mark.parametrize("reason", [Broken, SystemExit, KeyboardInterrupt])
def test_a_source_fails(
    after: int, reason: type[BaseException], store: GoogleCloudStore, place: Place
) -> None:
    """Its exception passes as it is; nothing is stored, and nothing left."""

    def pieces() -> Iterator[bytes]:
        yield LARGE[:after]
        raise reason

    store.put("key", OLD)
    place.front.counted()
    with pytest.raises(reason):
        store.put_file("key", pieces())
    counted = place.front.counted()
    assert ("POST resumable" in counted) == ("DELETE resumable" in counted) == (after > PART)
    with pytest.raises(reason), store.open_write("key") as writer:
        writer.write(LARGE[:after])
        raise reason
    assert store.get("key") == OLD
    assert place.bucket.keys() == ["key"]


def test_an_upload_that_cannot_be_taken_back(store: GoogleCloudStore, place: Place) -> None:
    """The first error is told, and nothing is published: the service forgets it."""

    def fault(request: Request, send: Send) -> Answer | None:
        return error(403) if request.method in {"PUT", "DELETE"} else None

    with place.front.failing(fault), pytest.raises(StoreError, match="does not allow"):
        store.put("key", LARGE)
    assert place.bucket.keys() == []


@every_way
@pytest.mark.parametrize("lost", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["answer", "request", "503"])
def test_a_part_is_sent_again(
    put: Put, lost: int, kind: str, store: GoogleCloudStore, place: Place
) -> None:
    """Whether it arrived and its answer was lost, or it did not: every byte is there once."""
    parts = 0

    def fault(request: Request, send: Send) -> Answer | None:
        nonlocal parts
        if not is_part(request) or "*/" in request.headers["content-range"]:
            return None
        parts += 1
        if parts != lost:
            return None
        if kind == "503":
            return error(503)
        if kind == "answer":
            send(request)
        raise Reset

    with place.front.failing(fault):
        put(store, LARGE, if_absent=True)
    assert place.bucket.get("key") == LARGE
    assert parts >= lost


def test_a_part_that_is_kept_in_part(store: GoogleCloudStore, place: Place) -> None:
    """What the service did not keep of a part is sent again."""
    kept = bytearray()

    def fault(request: Request, send: Send) -> Answer | None:
        if not is_part(request):
            return None
        span, total = request.headers["content-range"].removeprefix("bytes ").split("/")
        if span != "*":
            assert int(span.split("-")[0]) == len(kept)
            kept.extend(request.body[: PART // 2 + 1])
        if total == str(len(kept)):
            content = {"size": total, "generation": "5"}
            return Answer(200, {}, json.dumps(content).encode())
        return Answer(308, {"Range": f"bytes=0-{len(kept) - 1}"} if kept else {}, b"")

    with place.front.failing(fault):
        store.put("key", LARGE)
    assert kept == LARGE


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (308, {}, b""),
        (308, {"Range": "bytes=0-0"}, b""),
        (308, {"Range": "bytes=0-99999999"}, b""),
        (308, {"Range": "?"}, b""),
        (200, {}, b"{}"),
        (200, {}, b"<html>"),
        (204, {}, b""),
    ],
)
def test_a_service_that_answers_nonsense(
    status: int, headers: dict[str, str], body: bytes, store: GoogleCloudStore, place: Place
) -> None:
    """It ends, and as an error of ours."""

    def fault(request: Request, send: Send) -> Answer | None:
        return Answer(status, headers, body) if is_part(request) else None

    with place.front.failing(fault), pytest.raises(StoreError, match="not understood"):
        store.put("key", LARGE)
    assert len(place.front.requests) < 20


def test_a_forgotten_upload(store: GoogleCloudStore, place: Place) -> None:
    """It is not taken for a missing bucket."""

    def fault(request: Request, send: Send) -> Answer | None:
        return error(404, "No such upload") if is_part(request) else None

    with place.front.failing(fault), pytest.raises(StoreError, match="forgotten the upload"):
        store.put("key", LARGE)


@pytest.mark.parametrize("what", ["size", "crc32c"])
def test_a_value_that_arrived_otherwise(what: str, store: GoogleCloudStore, place: Place) -> None:
    """It is removed, and told."""

    def fault(request: Request, send: Send) -> Answer | None:
        answer = send(request)
        if is_part(request) and answer.status == 200:
            content = json.loads(answer.body)
            content[what] = {"size": "7", "crc32c": "AAAAAA=="}[what]
            return answer._replace(body=json.dumps(content).encode())
        return answer

    with place.front.failing(fault), pytest.raises(StoreError, match="not what was sent"):
        store.put("key", LARGE)
    assert place.bucket.keys() == []


def test_the_checksum_goes_with_the_value(store: GoogleCloudStore, place: Place) -> None:
    """The service compares what arrives, in one request and in parts."""
    store.put("key", b"value")
    (request,) = place.front.requests
    assert b'"crc32c"' in request.body
    place.front.counted()
    store.put("key", LARGE)
    last = place.front.requests[-1]
    found = store._connector.link().blob("key")
    found.reload()
    assert last.headers["x-goog-hash"] == f"crc32c={found.crc32c}"


@every_way
@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("condition", ["if_absent", "if_present", "if_match"])
def test_conditions_are_decided_at_the_end(
    put: Put, data: bytes, condition: str, store: GoogleCloudStore, place: Place
) -> None:
    """Another writer that comes between wins: its value stays."""
    store.put("key", OLD)
    options = {
        "if_absent": {"if_absent": True},
        "if_present": {"if_present": True},
        "if_match": {"if_match": store.stat("key").etag},
    }[condition]
    if condition == "if_absent":
        store.delete("key")
    done = False

    def fault(request: Request, send: Send) -> Answer | None:
        nonlocal done
        is_last = str(request) == "POST multipart" or (
            is_part(request) and not request.headers["content-range"].endswith("*")
        )
        if is_last and not done:
            done = True
            if condition == "if_present":
                place.bucket.direct.bucket(place.bucket.name).blob("key").delete()
            else:
                place.bucket.put("key", b"of another")
        return None

    with place.front.failing(fault):
        kind = KeyExists if condition == "if_absent" else PreconditionFailed
        with pytest.raises(kind):
            put(store, data, **options)
    assert place.bucket.keys() == ([] if condition == "if_present" else ["key"])
    if condition != "if_present":
        assert store.get("key") == b"of another"


def test_a_writer_may_be_used_in_another_thread(store: GoogleCloudStore) -> None:
    """As web servers do with uploads."""
    writer = store.open_write("key")
    steps: list[Callable[[], object]] = [
        lambda: writer.write(LARGE[:PART]),
        lambda: writer.write(LARGE[PART:]),
        writer.commit,
    ]
    for step in steps:
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()
    assert store.get("key") == LARGE


def test_an_etag_of_another_kind_matches_nothing(store: GoogleCloudStore, place: Place) -> None:
    """Least of all 0, which would mean that there is no value."""
    place.front.counted()
    for etag in ("0", "00", "no-etag", "-1", "1e3", "9" * 30):
        for data in (b"x", LARGE):
            with pytest.raises(PreconditionFailed):
                store.put("key", data, if_match=etag)
        with pytest.raises(PreconditionFailed):
            store.delete("key", if_match=etag)
    assert place.bucket.keys() == []
