"""One client for a store and its process: made when needed, shared, left behind by a fork."""

from __future__ import annotations

import asyncio
import pickle
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, create_loader

from kvcore import AsyncStore, S3Store, store_from_url
from kvcore.backends.s3 import models
from kvcore.testing.contract.fixtures import blob, in_threads
from tests.backends.s3.scripted import ScriptedS3
from tests.forks import ended, forked, forks
from tests.soak import count

MIB = 1024 * 1024


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


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files of models that botocore reads from now on."""
    read: list[str] = []
    load_file = JSONFileLoader.load_file

    def spy(self: JSONFileLoader, path: str) -> Any:
        read.append(path)
        return load_file(self, path)

    monkeypatch.setattr("botocore.session.create_loader", create_loader)  # not that of the tests
    monkeypatch.setattr(JSONFileLoader, "load_file", spy)
    models._loader.cache_clear()
    yield read
    models._loader.cache_clear()


@pytest.mark.parametrize("role", [None, "arn:aws:iam::1:role/site"])
def test_a_process_reads_once_what_botocore_knows(
    role: str | None, server: ScriptedS3, read: list[str]
) -> None:
    """However many stores it has, each with a client of its own, also if they begin at once."""
    options = {"endpoint": server.endpoint, "access_key": "a", "secret_key": "b", "role": role}
    stores = [S3Store("bucket", **options) for _ in range(8)]  # type: ignore[arg-type]
    stores[0]._client()
    known = [*read]
    in_threads(7, lambda number: stores[1 + number]._client())
    assert len({id(store._client()) for store in stores}) == 8
    assert known
    assert read == known
    for store in stores:
        store.close()


def test_models_of_ones_own_are_found(
    server: ScriptedS3, read: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the folders of AWS_DATA_PATH, as it is when a client is made."""
    for folder in ("a", "b"):
        monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / folder))
        with store_from_url(server.url()) as store:
            store.put("key", b"value")
            session = store._connection._session  # type: ignore[attr-defined]
            loader = session._session.get_component("data_loader")
            assert loader.search_paths[0] == str(tmp_path / folder)


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


@forks
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
        assert [ended(child) for child in children] == [0] * 4


@forks
def test_a_child_leaves_the_parents_upload_alone(server: ScriptedS3) -> None:
    """A writer that was open at the fork goes on in the parent, whatever the child does with it."""
    with store_from_url(server.url(multipart_threshold=5 * MIB)) as store:
        writer = store.open_write("key")
        writer.write(bytes(6 * MIB))

        def drop() -> bool:
            nonlocal writer
            del writer
            return True

        assert ended(forked(drop)) == 0
        writer.write(b"end")
        writer.commit()
        assert server.objects["key"].data == bytes(6 * MIB) + b"end"


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
