"""Conditions: decided by the service in one request or in parts, or not promised at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    KeyExists,
    KvcoreError,
    PreconditionFailed,
    StoreError,
    Unsupported,
    store_from_url,
)
from kvcore.backends.s3 import uploading
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3, error

MIB = 1024 * 1024
LARGE = bytes(5 * MIB + 1)
SIZES = {"multipart_threshold": 5 * MIB, "part_size": 5 * MIB}

Write = Callable[[Any, bytes, Path, Mapping[str, Any]], object]


def _put(store: Any, data: bytes, _: Path, options: Mapping[str, Any]) -> None:
    store.put("key", data, **options)


def _put_stream(store: Any, data: bytes, _: Path, options: Mapping[str, Any]) -> None:
    store.put_file("key", iter([data]), **options)


def _put_path(store: Any, data: bytes, folder: Path, options: Mapping[str, Any]) -> None:
    (folder / "source").write_bytes(data)
    store.put_file("key", folder / "source", **options)


def _write(store: Any, data: bytes, _: Path, options: Mapping[str, Any]) -> None:
    with store.open_write("key", **options) as writer:
        writer.write(data)


WRITES: Mapping[str, Write] = {
    "put": _put,
    "put_file, a stream": _put_stream,
    "put_file, a path": _put_path,
    "open_write": _write,
}
TRUSTED = {"in one request and in parts": "all", "in one request only": "put"}
VALUES = {"small": b"new", "large": LARGE}


@pytest.fixture
def server(server: ScriptedS3) -> ScriptedS3:
    """A server with a value."""
    server.keep("key", b"old")
    return server


@pytest.fixture(params=TRUSTED)
def store(request: pytest.FixtureRequest, server: ScriptedS3) -> Iterator[Any]:
    """A store on it."""
    url = server.url(conditional=TRUSTED[request.param], **SIZES)
    with store_from_url(url) as store:
        yield store


@pytest.mark.parametrize("size", VALUES)
@pytest.mark.parametrize("write", WRITES)
def test_every_condition_is_decided(
    size: str, write: str, store: Any, server: ScriptedS3, tmp_path: Path
) -> None:
    """By the service, whatever the value's size and source; a refused one leaves nothing."""
    data, put = VALUES[size], WRITES[write]
    etag = store.stat("key").etag
    for options, refusal in (
        ({"if_absent": True}, KeyExists),
        ({"if_match": "0" * 32}, PreconditionFailed),
        ({"if_match": "*"}, PreconditionFailed),
        ({"if_match": f'{etag}","{"0" * 32}'}, PreconditionFailed),
    ):
        with pytest.raises(refusal) as caught:
            put(store, data, tmp_path, options)
        assert caught.value.key == "key"
        assert server.objects["key"].data == b"old"
    put(store, data, tmp_path, {"if_match": etag})
    assert server.objects["key"].data == data
    put(store, data, tmp_path, {"if_present": True})
    store.delete("key")
    for options in ({"if_present": True}, {"if_match": etag}):
        with pytest.raises(PreconditionFailed):
            put(store, data, tmp_path, options)
        assert "key" not in server.objects
    put(store, data, tmp_path, {"if_absent": True})
    assert server.objects["key"].data == data
    assert server.uploads == {}


def test_where_parts_are_not_decided_no_part_is_sent(server: ScriptedS3, tmp_path: Path) -> None:
    """A value with a condition goes in one request then, of any size that such a request takes."""
    with store_from_url(server.url(conditional="put", **SIZES)) as store:
        for write in WRITES.values():
            store.delete("key")
            server.asked.clear()
            write(store, LARGE, tmp_path, {"if_absent": True})
            assert server.operations == ["PutObject"]
            assert server.asked[0].headers["if-none-match"] == "*"


def test_what_is_too_large_for_one_request(
    server: ScriptedS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is refused before anything is sent, never stored without the condition."""
    monkeypatch.setattr(uploading, "MOST_PUT_BYTES", 5 * MIB)
    with store_from_url(server.url(conditional="put", **SIZES)) as store:
        for write in WRITES.values():
            with pytest.raises(Unsupported, match="in single requests only"):
                write(store, LARGE, tmp_path, {"if_absent": True})
    assert server.operations == []


def test_a_conflict_is_tried_again(server: ScriptedS3, store: Any) -> None:
    """409 says that another write was under way: not who won."""
    server.fail("PutObject", error(409, "ConditionalRequestConflict"), times=2)
    with pytest.raises(KeyExists):
        store.put("key", b"new", if_absent=True)
    assert server.operations == ["PutObject"] * 3


def test_a_conflict_of_parts_is_told(server: ScriptedS3) -> None:
    """Their upload has to begin anew, which is the caller's to decide; nothing stays behind."""
    server.fail("CompleteMultipartUpload", error(409, "ConditionalRequestConflict"))
    with store_from_url(server.url(conditional="all", **SIZES)) as store:
        with pytest.raises(StoreError, match="try again"):
            store.put("key", LARGE, if_absent=True)
    assert server.objects["key"].data == b"old"
    assert server.uploads == {}


def test_if_present_follows_the_other_writers(server: ScriptedS3, store: Any) -> None:
    """The version changes between our question and our write: it asks again."""
    turns = iter(range(3))

    def overtake(asked: Asked, do: Do) -> Answer:
        if (turn := next(turns, None)) is not None:
            server.keep("key", b"of another %d" % turn)
        return do(asked)

    server.fail("PutObject", overtake)
    store.put("key", b"new", if_present=True)
    assert server.objects["key"].data == b"new"
    assert server.operations == ["HeadObject", "PutObject"] * 4


def test_if_present_does_not_follow_for_ever(server: ScriptedS3, store: Any) -> None:
    """Somebody who replaces it all the time is told of."""

    def overtake(asked: Asked, do: Do) -> Answer:
        server.keep("key", asked.headers["if-match"].encode())
        return do(asked)

    server.fail("PutObject", overtake)
    with pytest.raises(StoreError, match="other writers replaced the value"):
        store.put("key", b"new", if_present=True)


def test_a_client_that_repeats_by_itself_does_not_tell_who_won(server: ScriptedS3) -> None:
    """Its first try may have stored the value, its answer lost: no refusal is made of that."""
    import boto3

    from kvcore import S3Store

    def lose_once(asked: Asked, do: Do) -> Answer:
        do(asked)
        return Answer(reset=True)

    server.fail("PutObject", lose_once, times=1)
    client = boto3.client("s3", endpoint_url=server.endpoint)
    store = S3Store("bucket", client=client, conditional="put")
    with pytest.raises(KvcoreError, match="is not known") as caught:
        store.put("new", b"value", if_absent=True)
    assert not isinstance(caught.value, PreconditionFailed)
    assert server.objects["new"].data == b"value"
    client.close()


@pytest.mark.parametrize("trusted", ["none", "put", "put,delete", "put,complete", "all"])
def test_advice(trusted: str, server: ScriptedS3) -> None:
    """What the service decides beyond what is trusted is said, with the option to set."""
    with store_from_url(server.url(conditional=trusted)) as store:
        advice = store._advice("free")
    if trusted == "all":
        assert advice is None
    else:
        assert advice is not None
        assert advice.endswith("set conditional=all to use them")
    assert sorted(server.objects) == ["key"]
    assert server.uploads == {}


def test_advice_where_conditions_are_ignored(server: ScriptedS3) -> None:
    """What is trusted and does not hold is an error: it would overwrite silently."""

    def forget(asked: Asked, do: Do) -> Answer:
        headers = {name: text for name, text in asked.headers.items() if not name.startswith("if-")}
        return do(asked._replace(headers=headers))

    server.fail("CompleteMultipartUpload|CopyObject", forget)
    with store_from_url(server.url(conditional="all")) as store:
        with pytest.raises(StoreError, match=r"complete and copy.*set conditional=put,delete"):
            store._advice("free")
    server.fail(".*", forget)
    with store_from_url(server.url(conditional="put")) as store:
        with pytest.raises(StoreError, match="set conditional=none"):
            store._advice("free")
    assert sorted(server.objects) == ["key"]


def test_advice_on_the_form_of_etags(server: ScriptedS3) -> None:
    """Where a quoted one never matches, as on Ceph 16."""

    def literally(asked: Asked, do: Do) -> Answer:
        wanted = asked.headers.get("if-match", "")
        if wanted.startswith('"'):
            return error(412, "PreconditionFailed")
        headers = {**asked.headers, **({"if-match": f'"{wanted}"'} if wanted else {})}
        return do(asked._replace(headers=headers))

    server.fail("PutObject", literally)
    with store_from_url(server.url(conditional="none")) as store:
        advice = store._advice("free")
    assert advice is not None
    assert "quoted_etags=false" in advice
    with store_from_url(server.url(conditional="put")) as store:
        with pytest.raises(StoreError, match="quoted_etags=false"):
            store._advice("free")


def test_a_stream_is_not_read_for_a_condition_that_is_not_there(server: ScriptedS3) -> None:
    """On a service that is not trusted, nothing is read and nothing is sent."""
    source = io.BytesIO(b"value")
    with store_from_url(server.url()) as store, pytest.raises(Unsupported):
        store.put_file("key", source, if_absent=True)
    assert source.tell() == 0
    assert server.operations == []
