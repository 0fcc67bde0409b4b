"""Processes, memory, and what others have put into the bucket."""

import asyncio
import io
import os
import pickle
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator

import pytest

from kvcore import AsyncStore, GoogleCloudStore, InvalidKey, Unsupported, store_from_url
from kvcore.testing.contract.fixtures import blob
from tests.backends.gcs.conftest import Place
from tests.forks import ended, forked, forks

MIB = 1024 * 1024
ODD = ["a//b", "dir/", "p/../q", "new\nline", "x" * 1000, "../up", "/lead", "ü/%2F?#&", "a\\b"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@forks
def test_a_forked_child_makes_its_own_client(place: Place) -> None:
    """It works in both, and the child does not touch the connections of the parent."""
    with place.store() as store:
        store.put("key", b"parent")
        link = store._connector.link()

        def work() -> bool:
            assert store._connector.link() is not link
            store.put("child", store.get("key"))
            return True

        assert ended(forked(work)) == 0
        assert store._connector.link() is link
        assert store.get("child") == b"parent"


def test_views_and_threads_share_one_client(place: Place) -> None:
    """And a closed store makes another when it is used again."""
    with place.store() as store:
        assert store.with_keys("path")._connector is store._connector
        link = store._connector.link()
        store.close()
        store.put("key", b"value")
        assert store._connector.link() is not link
    again = pickle.loads(pickle.dumps(store))
    with again:
        assert again.get("key") == b"value"


def test_memory_is_bounded(place: Place) -> None:
    """A value of any size passes in parts and blocks, both ways, called and awaited."""
    size, part = 16 * MIB, MIB
    block = blob(MIB)

    def blocks() -> Iterator[bytes]:
        for _ in range(size // MIB):
            yield block

    class Sink(io.RawIOBase):
        taken = 0

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.taken += len(data)
            return len(data)

    async def both_ways(store: AsyncStore, sink: Sink) -> None:
        async def arriving() -> AsyncIterator[bytes]:
            for block in blocks():
                yield block

        await store.put_file("key", arriving())
        async with await store.open_write("key") as writer:
            for block in blocks():
                await writer.write(block)
        async with await store.open("key") as reader:
            async for found in reader.blocks():
                sink.write(found)

    sink, awaited = Sink(), Sink()
    bucket = place.bucket  # not behind the front, which is in this process and keeps what it sees
    with GoogleCloudStore(bucket.name, endpoint=bucket.server.endpoint, part_size=part) as store:
        store.put_file("warm", iter([block]))
        tracemalloc.start()
        try:
            store.put_file("key", blocks())
            store.get_file("key", sink)
            with store.open("key") as reader:
                while reader.read(MIB):
                    pass
            asyncio.run(both_ways(AsyncStore(store), awaited))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert sink.taken == awaited.taken == size
    assert peak < 6 * part


def test_what_others_named_is_read_and_deleted(place: Place) -> None:
    """With ``keys="any"``; what is put keeps to the rules of ``path``."""
    for name in ODD:
        place.bucket.put(f"pre/{name}", name.encode())
    with place.store("pre/", keys="any") as store:
        assert sorted(store.keys()) == sorted(ODD)
        assert {key for key, _ in store.iter_stats()} == set(ODD)
        for name in ODD:
            assert store.get(name) == name.encode()
            assert store.stat(name).size == len(name.encode())
            assert name in store
            with store.open(name) as reader:
                assert reader.read() == name.encode()
        for name in ["a//b", "dir/", "p/../q", "new\nline"]:
            with pytest.raises(InvalidKey):
                store.put(name, b"")
        store.delete(ODD[0])
        store.delete_many(ODD[1:])
        assert place.bucket.keys() == []


@pytest.mark.parametrize("verb", ["get", "delete", "stat", "open"])
@pytest.mark.parametrize("name", [".", ".."])
def test_names_that_would_be_other_addresses(verb: str, name: str, place: Place) -> None:
    """They are refused before anything is sent: the bucket itself would be meant."""
    with place.store(keys="any") as store:
        with pytest.raises(InvalidKey):
            getattr(store, verb)(name)
    assert place.front.requests == []


def test_prefix_and_key_have_a_bound(place: Place) -> None:
    """It is that of the service, and told before anything is sent."""
    with place.store("p" * 500, keys="path") as store:
        store.put("k" * 524, b"")
        assert "k" * 524 in store.keyspace
        place.front.counted()
        for view in (store, store.with_keys("any")):
            assert "k" * 525 not in view.keyspace
            with pytest.raises(InvalidKey, match="524 bytes"):
                view.put("k" * 525, b"")
    assert place.front.requests == []


def test_there_is_no_time_to_live(place: Place) -> None:
    """It is refused, not forgotten; and nothing is left behind that could be swept."""
    with place.store() as store:
        with pytest.raises(Unsupported):
            store.put("key", b"", ttl_secs=5)
        assert store._sweep(0) is None


def test_gc_asks_nothing(place: Place) -> None:
    """The service itself forgets what killed writers left, so there is no need to look."""
    from click.testing import CliRunner

    from kvcore.cli import command_line

    gc = command_line(lambda name: store_from_url(place.url(name)))
    done = CliRunner().invoke(gc, ["gc", "pre"])
    assert (done.exit_code, done.output) == (0, "this store leaves nothing behind\n")
    assert place.front.requests == []


def test_nothing_is_imported_before_it_is_needed() -> None:
    """A URL is read, and a store made, without the client library."""
    import subprocess

    code = (
        "import sys, kvcore\n"
        "store = kvcore.store_from_url('gcs://bucket/prefix?keys=path')\n"
        "repr(store)\n"
        "assert isinstance(store, kvcore.GoogleCloudStore)\n"
        "print([name for name in sys.modules if name.split('.')[0] in {'requests', 'urllib3'}\n"
        "       or name.startswith(('google.cloud.storage', 'google.auth'))])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_gzip_is_read_as_it_is_stored(place: Place) -> None:
    """The service would inflate it for who does not say otherwise."""
    with place.store(headers={"Content-Encoding": "gzip"}) as store:
        store.put("key", b"\x1f\x8bnot really")
        assert store.get("key") == b"\x1f\x8bnot really"
    reads = [request for request in place.front.requests if request.method == "GET"]
    assert {request.headers["accept-encoding"] for request in reads} == {"gzip"}


def test_a_store_is_used_through_google_client_alone(place: Place) -> None:
    """What it stores, Google's own client reads, type and all."""
    with place.store(keys="path") as store:
        assert isinstance(store, GoogleCloudStore)
        store.put("a/b.txt", b"value")
    found = place.client().bucket(place.bucket.name).get_blob("a/b.txt")
    assert (found.download_as_bytes(), found.content_type) == (b"value", "text/plain")
