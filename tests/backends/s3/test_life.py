"""One client for a store and its process: made when needed, shared, left behind by a fork."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import AsyncStore, S3Store, StoreError, StoreTimeout, store_from_url
from kvcore.backends.s3.retrying import Retries
from kvcore.testing.contract.fixtures import blob, in_threads
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3, always, error, hang
from tests.soak import count

MIB = 1024 * 1024
CHILD_SECS = 60


@pytest.fixture
def server(s3_environment: None) -> Iterator[ScriptedS3]:
    """A server in this process."""
    with ScriptedS3() as server:
        yield server


# The client


def test_nothing_is_made_before_it_is_needed(server: ScriptedS3) -> None:
    """A store, its views and its pickle open no connection, and make no client."""
    with store_from_url(server.url("pre/")) as store:
        assert isinstance(store, S3Store)
        again = pickle.loads(pickle.dumps(store.with_keys("path")))
        assert repr(again) == repr(store.with_keys("path"))
        assert store.capabilities.content_type
        assert not [s for s in (store, again) if s._connection._client is not None]  # type: ignore[attr-defined]
        again.put("a/b", b"value")
        assert server.objects["pre/a/b"].data == b"value"
        again.close()
    assert server.operations == ["PutObject"]


def test_threads_and_views_share_it(server: ScriptedS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many begin at once, there is one; after a close there is another."""
    from boto3.session import Session

    made: list[object] = []
    client = Session.client

    def spy(self: Session, *args: Any, **options: Any) -> Any:
        made.append(client(self, *args, **options))
        return made[-1]

    monkeypatch.setattr(Session, "client", spy)
    store = store_from_url(server.url(keys="path"))
    views = [store, *(store.with_keys("strict") for _ in range(7))]
    in_threads(8, lambda number: views[number].put(f"key{number}", b"value"))
    assert len(made) == 1
    store.close()
    assert len(views[1].keys()) == 8
    assert len(made) == 2
    store.close()


def forked(work: Callable[[], bool]) -> int:
    """Do the work in a child; the id of the process."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.alarm(CHILD_SECS)
        code = 0 if work() else 2
    finally:
        sys.stderr.flush()
        os._exit(code)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_children_make_their_own(bucket: Any) -> None:
    """Four of them and their parent use one store at once; nobody takes another's answer."""
    with store_from_url(bucket.url("pre/")) as store:
        store.put("key", b"1")

        def own_values(name: str) -> bool:
            turns = range(count(10, 500))
            for turn in turns:
                store.put(f"{name}-{turn}", f"{name} {turn}".encode())
            return all(store.get(f"{name}-{turn}") == f"{name} {turn}".encode() for turn in turns)

        children = [forked(lambda n=number: own_values(f"child{n}")) for number in range(4)]
        assert own_values("parent")
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        assert codes == [0] * 4


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_leaves_the_parents_upload_alone(server: ScriptedS3) -> None:
    """A writer that was open at the fork goes on in the parent, whatever the child does with it."""
    with store_from_url(server.url(multipart_threshold=5 * MIB)) as store:
        writer = store.open_write("key")
        writer.write(bytes(6 * MIB))

        def drop() -> bool:
            nonlocal writer
            del writer
            return True

        assert os.waitstatus_to_exitcode(os.waitpid(forked(drop), 0)[1]) == 0
        writer.write(b"end")
        writer.commit()
        assert server.objects["key"].data == bytes(6 * MIB) + b"end"


# Deadlines


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Response:
    """An answer with a status alone."""

    def __init__(self, status: int) -> None:
        self.status_code = status


def asked_again(
    retries: Retries,
    clock: Clock,
    status: int,
    code: str = "",
    *,
    method: str = "PUT",
    each_secs: float = 0.0,
    **headers: str,
) -> int:
    """How often a request is sent that is answered so each time, after ``each_secs``."""
    request: dict[str, Any] = {"method": method, "headers": headers, "body": b"", "context": {}}
    retries.begin(params=request)
    answer = Response(status), {"Error": {"Code": code}}
    for attempt in range(1, 100):
        clock.now += each_secs
        delay = retries.needs_retry(attempt, None, request, response=answer)
        if delay is None:
            return attempt
        clock.now += delay
    raise AssertionError("it is sent for ever")


def test_retries_end_with_the_deadline() -> None:
    """However many are left."""
    clock = Clock()
    retries = Retries(50, 10, 5, clock=clock)
    assert asked_again(retries, clock, 503, each_secs=4) == 3
    assert asked_again(retries, clock, 503, each_secs=11) == 1
    assert asked_again(Retries(3, 1000, 5, clock=clock), clock, 503) == 4
    started = clock.now
    assert asked_again(retries, clock, 503, "SlowDown", each_secs=0.01) < 50
    assert clock.now - started <= 10


@pytest.mark.parametrize(
    ("status", "code", "conditional", "again"),
    [
        (503, "SlowDown", False, True),
        (503, "SlowDown", True, True),
        (429, "", True, True),
        (400, "RequestTimeout", True, True),
        (500, "InternalError", False, True),
        (500, "InternalError", True, False),
        (409, "ConditionalRequestConflict", True, True),
        (403, "AccessDenied", False, False),
        (404, "NoSuchKey", False, False),
        (412, "PreconditionFailed", True, False),
    ],
)
def test_what_is_sent_again(status: int, code: str, conditional: bool, again: bool) -> None:
    """What the service has not done; and what it may have done, unless it was on a condition."""
    clock = Clock()
    retries = Retries(1, 10, 5, clock=clock)
    headers = {"If-None-Match": "*"} if conditional else {}

    class Put:
        name = "PutObject"

    request: dict[str, Any] = {"method": "PUT", "headers": headers, "body": b"", "context": {}}
    retries.begin(params=request)
    answer = Response(status), {"Error": {"Code": code}}
    assert (retries.needs_retry(1, Put, request, response=answer) is not None) == again


def test_a_service_that_hangs(server: ScriptedS3) -> None:
    """Every verb ends in `StoreTimeout` within its deadline, its retries included."""
    server.keep("key", b"value")
    server.fail(".*", hang)
    with store_from_url(server.url(deadline=0.4, retries=5)) as store:
        for verb in (store.get, store.stat, store.delete, lambda key: store.put(key, b"x")):
            with pytest.raises(StoreTimeout):
                verb("key")
    assert len(server.asked) <= 12


def test_a_large_body_may_take_longer_than_the_deadline() -> None:
    """As long as it moves; then the clock starts anew."""
    clock = Clock()
    retries = Retries(1, 10, 5, clock=clock)

    class Body:
        moved = 1100.0
        error = None

    request: dict[str, Any] = {"method": "PUT", "headers": {}, "body": Body, "context": {}}
    retries.begin(params=request)
    clock.now = 1101.0
    answer = Response(503), {"Error": {}}
    assert retries.needs_retry(1, None, request, response=answer) is not None


# Memory


@pytest.mark.parametrize(
    "way", ["put_file", "put_file, a stream", "open_write", "get_file", "open"]
)
def test_memory_is_bounded(way: str, bucket: Any, tmp_path: Path) -> None:
    """24 MiB, whatever the size of the value, both ways."""
    size = count(64, 1024) * MIB
    block = blob(MIB)
    path = tmp_path / "file"
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    with store_from_url(bucket.url("pre/", deadline=120)) as store:
        store.put("small", b"")
        if way in {"get_file", "open"}:
            store.put_file("key", path)
        tracemalloc.start()
        try:
            if way == "put_file":
                store.put_file("key", path)
            elif way == "put_file, a stream":
                store.put_file("key", _blocks(block, size))
            elif way == "open_write":
                with store.open_write("key") as writer:
                    for one in _blocks(block, size):
                        writer.write(one)
            elif way == "get_file":
                store.get_file("key", tmp_path / "got")
            else:
                with store.open("key") as reader:
                    while reader.read(MIB):
                        pass
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 24 * MIB
        assert store.stat("key").size == size


def _blocks(block: bytes, size: int) -> Iterator[bytes]:
    for _ in range(size // len(block)):
        yield block


# Awaited


def test_awaited_streams_both_ways(server: ScriptedS3) -> None:
    """In blocks, from an async source and to an async reader."""
    data = blob(12 * MIB)

    async def source() -> AsyncIterator[bytes]:
        for start in range(0, len(data), MIB):
            yield data[start : start + MIB]

    async def use() -> None:
        async with AsyncStore(store_from_url(server.url(multipart_threshold=5 * MIB))) as store:
            await store.put_file("key", source())
            assert server.objects["key"].data == data
            reader = await store.open("key")
            got = b""
            async with reader:
                while block := await reader.read(MIB):
                    got += block
            assert got == data

    asyncio.run(use())
    assert server.operations.count("UploadPart") == 3


def test_a_cancelled_upload_leaves_nothing(server: ScriptedS3) -> None:
    """Neither a value nor a part, once the cancellation is let out."""

    async def use() -> None:
        begun = asyncio.Event()

        async def source() -> AsyncIterator[bytes]:
            for _ in range(7):
                yield bytes(MIB)
            begun.set()
            await asyncio.Event().wait()

        async with AsyncStore(store_from_url(server.url(multipart_threshold=5 * MIB))) as store:
            task = asyncio.create_task(store.put_file("key", source()))
            await asyncio.wait_for(begun.wait(), 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(use())
    assert server.objects == {}
    assert server.uploads == {}


# Uploads


def test_an_abort_that_fails_is_tried_again(server: ScriptedS3) -> None:
    """And if it fails for ever, the error says what stays and who removes it."""

    def broken() -> Iterator[bytes]:
        yield bytes(6 * MIB)
        raise RuntimeError("the source is broken")

    with store_from_url(server.url(multipart_threshold=5 * MIB, retries=0)) as store:
        server.fail("AbortMultipartUpload", always(error(500, "InternalError")), times=1)
        with pytest.raises(RuntimeError, match="the source is broken"):
            store.put_file("key", broken())
        assert server.uploads == {}
        server.fail("AbortMultipartUpload", always(error(500, "InternalError")))
        with pytest.raises(RuntimeError) as caught:
            store.put_file("key", broken())
        assert "kvcore gc" in "".join(caught.value.__notes__)
        assert len(server.uploads) == 1
        server.heal()
        assert store._sweep(0) == 1
        assert server.uploads == {}
        with pytest.raises(StoreError, match="could not be removed"):
            server.fail("AbortMultipartUpload", always(error(403, "AccessDenied")))
            writer = store.open_write("key")
            writer.write(bytes(6 * MIB))
            writer.abort()


def test_gc_takes_what_is_old_and_ours(server: ScriptedS3) -> None:
    """Below the prefix, and begun so long ago."""
    with (
        store_from_url(server.url("pre/", multipart_threshold=5 * MIB)) as store,
        store_from_url(server.url("other/", multipart_threshold=5 * MIB)) as other,
    ):
        mine, theirs = store.open_write("key"), other.open_write("key")
        mine.write(bytes(6 * MIB))
        theirs.write(bytes(6 * MIB))
        assert len(server.uploads) == 2
        assert store._sweep(10**9) == 0
        mine.abort()
        theirs.abort()
        assert store._sweep(0) == 0
    assert server.uploads == {}


def test_a_file_that_shrinks_meanwhile(server: ScriptedS3, tmp_path: Path) -> None:
    """Is an error of the caller's file; nothing is stored of it, and no part stays."""
    path = tmp_path / "file"
    path.write_bytes(bytes(12 * MIB))

    def shrink(asked: Asked, do: Do) -> Answer:
        os.truncate(path, 5 * MIB)
        return do(asked)

    server.fail("CreateMultipartUpload", shrink)
    with store_from_url(server.url(multipart_threshold=5 * MIB)) as store:
        with pytest.raises(OSError, match="shorter while it was read") as caught:
            store.put_file("key", path)
        assert not isinstance(caught.value, StoreError)
    assert server.objects == {}
    assert server.uploads == {}


def test_parts_of_a_stream_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a stream without a known end has more room than ten thousand small parts give."""
    from kvcore.backends.s3.uploading import Sizes

    sizes = Sizes(16 * MIB, 5 * MIB, 8, equal=False)
    assert [sizes.next_part(n) // MIB for n in (0, 2499, 2500, 9999)] == [5, 5, 10, 40]
    assert sizes._replace(equal=True).next_part(9999) == 5 * MIB
    assert sizes.part_of(5 * 1024**4) * 10_000 >= 5 * 1024**4


def test_a_writer_from_many_threads(server: ScriptedS3) -> None:
    """One after the other, each in a thread of its own."""
    with store_from_url(server.url(multipart_threshold=5 * MIB)) as store:
        writer = store.open_write("key")
        for _ in range(12):
            thread = threading.Thread(target=writer.write, args=(bytes(MIB),))
            thread.start()
            thread.join()
        assert writer.commit() == "key"
    assert len(server.objects["key"].data) == 12 * MIB
