"""Uploads in parts: nothing stays behind of those that fail, and gc takes what was killed."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kvcore import (
    AsyncStore,
    CopyReport,
    FilesystemStore,
    StoreError,
    copy_store,
    store_from_url,
)
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3, always, error, lose_the_answer

MIB = 1024 * 1024


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


@pytest.mark.parametrize("times", [1, None])
def test_an_upload_whose_id_was_lost_is_left_to_gc(times: int | None, server: ScriptedS3) -> None:
    """It has no parts and nobody can tell whose it is: another writer's of that key stays whole."""
    with (
        store_from_url(server.url(multipart_threshold=5 * MIB, retries=1)) as store,
        store_from_url(server.url(multipart_threshold=5 * MIB)) as other,
    ):
        theirs = other.open_write("key")
        theirs.write(bytes(6 * MIB))
        server.fail("CreateMultipartUpload", lose_the_answer, times)
        if times is None:
            with pytest.raises(StoreError):
                store.put("key", bytes(7 * MIB))
        else:
            store.put("key", bytes(7 * MIB))
            assert len(server.objects["key"].data) == 7 * MIB
        theirs.commit()
        assert len(server.objects["key"].data) == 6 * MIB
        assert len(server.uploads) == (2 if times is None else 1)
        store._sweep(0)
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


def test_a_file_goes_in_few_parts_and_is_known_again(server: ScriptedS3, tmp_path: Path) -> None:
    """A part is a request; and who copies the file once more is told that it is there."""
    with FilesystemStore(tmp_path) as folder, store_from_url(server.url()) as store:
        folder.put("key", os.urandom(20 * MIB))
        store.put_file("key", os.fspath(folder.local_path("key")))
        assert server.operations.count("UploadPart") == 4
        assert copy_store(folder, store) == CopyReport(same=1)


def test_parts_of_a_stream_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a stream without a known end has more room than ten thousand small parts give."""
    from kvcore.backends.s3.uploading import Sizes

    sizes = Sizes(16 * MIB, 5 * MIB, 8, equal=False, largest_part=64 * MIB)
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
