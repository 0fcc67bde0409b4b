"""Streams between callers and stores, writers, and times."""

import io
import os
from pathlib import Path
from typing import Any

import pytest

from kvcore import PLAIN, DictStore, InvalidValue, Reader, Stat, StoreError, Writer
from kvcore.contract.streams import (
    CheckedSource,
    as_bytes,
    as_source,
    read_blocks,
    spooled_reader,
    write_all,
)
from kvcore.contract.values import expiring_in
from kvcore.testing import DribblingFile

# Streams


def test_read_blocks_ends_at_nothing_only() -> None:
    """Crumbs are blocks, too."""
    assert b"".join(read_blocks(DribblingFile(b"0123456789", 3))) == b"0123456789"
    assert list(read_blocks(io.BytesIO(b""))) == []


def test_write_all_goes_on_after_a_short_write() -> None:
    """Also when the file takes one byte at a time."""

    class OneByOne:
        taken = b""

        def write(self, data: bytes) -> int:
            self.taken += data[:1]
            return 1

    file = OneByOne()
    write_all(file, b"0123456789")
    assert file.taken == b"0123456789"


@pytest.mark.parametrize("no_value", ["text", None, 7, [1], object(), io.BytesIO()])
def test_as_bytes_takes_bytes_only(no_value: Any) -> None:
    """A hint for text, the type for all."""
    with pytest.raises(InvalidValue, match=type(no_value).__name__) as caught:
        as_bytes(no_value, "key")
    assert caught.value.key == "key"
    assert ("encode it first" in str(caught.value)) == isinstance(no_value, str)


def test_bytes_are_not_copied() -> None:
    """What nobody can change is used as it is."""
    data = b"value" * 100
    assert as_bytes(data) is data
    store = DictStore()
    store.put("key", data)
    assert store.get("key") is data


def test_what_behaves_is_used_as_it_is(tmp_path: Path) -> None:
    """Memory and files on disk, so that a store may copy them in the kernel."""
    path = tmp_path / "file"
    path.write_bytes(b"value")
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw, path.open("r+b") as both:
        for file in (buffered, raw, both, io.BytesIO(b"value")):
            assert as_source(file) is file
            assert as_source(as_source(file)) is file
    reader = Reader.of_bytes(b"value", Stat(5))
    assert as_source(reader) is reader
    checked = as_source(DribblingFile(b"value"))  # type: ignore[arg-type]
    assert isinstance(checked, CheckedSource)
    assert as_source(checked) is checked


@pytest.mark.parametrize("base", [io.BytesIO, io.BufferedReader])
def test_a_subclass_may_read_otherwise(base: Any, tmp_path: Path) -> None:
    """Somebody's own ``read`` is what the caller means, and it is checked."""

    class Upper(base):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(2).upper()

    path = tmp_path / "file"
    path.write_bytes(b"value")
    with path.open("rb", buffering=0) as raw:
        source = Upper(raw) if base is io.BufferedReader else Upper(b"value")
        assert as_source(source).read() == b"VALUE"


def test_a_checked_source_is_a_file() -> None:
    """Sizes are kept, ``readinto`` works, all the rest is all."""
    source = as_source(iter([b"01234", b"", b"56", bytearray(), bytearray(b"789")]))
    assert source.readable()
    assert source.read(0) == b""
    assert source.read(2) == b"01"
    buffer = bytearray(10)
    assert source.readinto(buffer) == 3
    assert buffer[:3] == b"234"
    assert source.read() == b"56789"
    assert source.read() == source.read(5) == b""


def test_a_spooled_reader_is_a_copy() -> None:
    """In memory while small, on disk when large; the stream is closed, also after an error."""
    for size in [0, 10, 3 * 1024 * 1024]:
        stream = io.BytesIO(os.urandom(size))
        data = stream.getvalue()
        with spooled_reader(stream, Stat(0, etag="1")) as reader:
            assert stream.closed
            assert reader.stat == Stat(size, etag="1")
            assert reader.read(5) == data[:5]
            assert reader.seek(-min(3, size), io.SEEK_END) == max(size - 3, 0)
            assert reader.read() == data[-3:]
    stream = DribblingFile(b"half", error=ConnectionError())
    with pytest.raises(ConnectionError):
        spooled_reader(stream)
    assert stream.closed


# Writers and times


class Listening(Writer):
    """Notes what happens to it."""

    def __init__(self, failing: str = "") -> None:
        super().__init__("key")
        self.heard: list[str] = []
        self.failing = failing

    def _hear(self, name: str) -> None:
        self.heard.append(name)
        if name == self.failing:
            raise StoreError(name)

    def _write(self, block: bytes) -> None:
        self._hear("write")

    def _commit(self, key: str) -> None:
        self._hear("commit")

    def _abort(self) -> None:
        self._hear("abort")


@pytest.mark.parametrize(
    ("failing", "heard"),
    [
        ("", ["write", "commit"]),
        ("write", ["write", "abort"]),
        ("commit", ["write", "commit"]),
    ],
)
def test_what_a_writer_is_asked(failing: str, heard: list[str]) -> None:
    """A failed piece aborts; a failed commit cleans up itself; nothing comes twice."""
    writer = Listening(failing)
    if failing:
        with pytest.raises(StoreError, match=failing), writer:
            writer.write(b"piece")
    else:
        with writer:
            writer.write(b"")
            writer.write(b"piece")
    writer.abort()
    assert writer.heard == heard
    assert writer.closed


def test_a_writer_without_a_key_is_not_committed() -> None:
    """A key that is known late has to be set; else the value is forgotten."""
    store = DictStore()
    for key in [None, "..", "a/b"]:
        writer = store._checked_open_write(None, PLAIN)
        writer.write(b"value")
        writer.key = key
        with pytest.raises(ValueError, match=r"no key yet|not allowed"):
            writer.commit()
        assert writer.closed
    writer = store._checked_open_write(None, PLAIN)
    writer.write(b"value")
    writer.key = "late"
    assert writer.commit() == "late"
    assert store.d == {"late": b"value"}


def test_a_writer_that_a_fork_copied_is_left_alone() -> None:
    """In the child it is not warned of and not aborted: the upload is the parent's."""
    writer = Listening()
    writer._pid = -1
    heard = writer.heard
    del writer
    assert heard == []


@pytest.mark.parametrize("secs", [1e11, 1e12, 1e20, 1e300, 10**300])
def test_an_expiry_beyond_the_calendar_is_none(secs: float) -> None:
    """As good as no expiry, and no OverflowError of a date."""
    expires = expiring_in(secs)
    assert expires is None or expires.year > 2500


def test_remaining_secs_are_never_over() -> None:
    """What has just expired still has a moment: a copy of it must not live for ever."""
    assert Stat(1).remaining_secs() is None
    assert Stat(1, expires=expiring_in(-100)).remaining_secs() == 0.001
    assert 50 < (Stat(1, expires=expiring_in(60)).remaining_secs() or 0) <= 60


@pytest.mark.parametrize("answer", [True, 0])
def test_files_that_answer_oddly(answer: object) -> None:
    """A ``write`` that returns ``True`` took all; one that returns 0 for ever is an error."""
    taken = []

    class Odd:
        def write(self, data: bytes) -> object:
            taken.append(data)
            return answer

    store = DictStore({"key": b"abc"})
    if answer is True:
        store.get_file("key", Odd())
        assert taken == [b"abc"]
    else:
        with pytest.raises(BlockingIOError):
            store.get_file("key", Odd())
