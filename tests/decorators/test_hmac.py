"""`HMACDecorator` as a store: every verb, writers, streams, failures."""

import io
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    PLAIN,
    DictStore,
    FilesystemStore,
    HMACDecorator,
    KeyValueStore,
    Reader,
    WebFilesystemStore,
)
from kvcore.decorators.hmac_frames import FRAME_BYTES
from kvcore.errors import InvalidKey, StoreError, Unsupported, VerificationError
from kvcore.testing import DribblingFile, FaultyStore
from tests.decorators.stores import Endless, Sink, little_memory
from tests.decorators.values import SECRET, SIZES, value

MIB = 1024 * 1024


@pytest.fixture
def store(inner: KeyValueStore, legacy: bool) -> HMACDecorator:
    """A signed store in either format around every kind of store."""
    return HMACDecorator(SECRET, inner, legacy=legacy)


def puts(path: Path) -> dict[str, Any]:
    """Every way to put a value."""

    def write(store: KeyValueStore, key: str, data: bytes) -> None:
        with store.open_write(key) as writer:
            for start in range(0, len(data), 40_000):
                writer.write(data[start : start + 40_000])

    def write_late(store: KeyValueStore, key: str, data: bytes) -> None:
        with store._checked_open_write(None, PLAIN) as writer:
            writer.write(data)
            writer.key = key

    def put_path(store: KeyValueStore, key: str, data: bytes, *, move: bool = False) -> None:
        path.write_bytes(data)
        store.put_file(key, path, move=move)
        assert path.exists() != move

    return {
        "put": lambda store, key, data: store.put(key, data),
        "put_many": lambda store, key, data: store.put_many({key: data}),
        "put_file": lambda store, key, data: store.put_file(key, io.BytesIO(data)),
        "crumbs": lambda store, key, data: store.put_file(key, DribblingFile(data, 50_000, seed=5)),
        "iterator": lambda store, key, data: store.put_file(key, iter([data[:3], data[3:]])),
        "path": put_path,
        "moved path": lambda store, key, data: put_path(store, key, data, move=True),
        "writer": write,
        "late writer": write_late,
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", puts(Path()))
def test_what_is_put_is_got(store: HMACDecorator, tmp_path: Path, how: str, size: int) -> None:
    """By every writing verb and every reading verb, at sizes around a frame."""
    data = value(size)
    puts(tmp_path / "source")[how](store, "key", data)
    assert store.get("key") == data
    assert store.fetch("key").data == data
    assert store.get_many(["key"]) == {"key": data}
    assert store.stat("key").size == store.fetch("key").stat.size == size
    assert [(key, stat.size) for key, stat in store.iter_stats()] == [("key", size)]
    with store.open("key") as reader:
        assert reader.stat.size == size
        assert reader.read() == data
        assert reader.read() == reader.read(5) == b""
    got = io.BytesIO()
    store.get_file("key", got)
    assert got.getvalue() == data
    store.get_file("key", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == data


@pytest.mark.parametrize("size", SIZES)
def test_parts_are_slices(store: HMACDecorator, size: int) -> None:
    """Ranges and seeks, inside a frame, over its border, at the end and behind it."""
    data = value(size)
    store.put("key", data)
    edges = sorted({0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, size - 1, size, size + 9})
    starts = [start for start in edges if start >= 0]
    with store.open("key") as reader:
        for start in starts:
            for length in (0, 1, 7, FRAME_BYTES, 10**12):
                assert store.get_range("key", start, length) == data[start : start + length]
                reader.seek(start)
                assert reader.read(min(length, 2 * MIB)) == data[start : start + length]
            assert store.get_range("key", start) == data[start:]
        assert reader.seek(0, io.SEEK_END) == size
        assert reader.read() == b""
        reader.seek(max(0, size - 3))
        assert reader.read() == data[max(0, size - 3) :]
        assert reader.seek(-min(size, 5), io.SEEK_END) == size - min(size, 5)
        with pytest.raises((ValueError, OSError)):
            reader.seek(-1)


def test_a_reader_is_a_file(store: HMACDecorator) -> None:
    """Lines, readinto, closing; closing it closes what it reads from."""
    store.put("key", b"one\ntwo\nthree")
    reader = store.open("key")
    assert reader.readline() == b"one\n"
    buffer = bytearray(2)
    assert reader.readinto(buffer) == 2
    assert list(reader) == [b"o\n", b"three"]
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read()


def test_short_reads_of_the_store_are_no_end(legacy: bool) -> None:
    """A store whose reader dribbles gives the same bytes."""
    inner = FaultyStore(DictStore(), short_reads=0.9, seed=1)
    store = HMACDecorator(SECRET, inner, legacy=legacy)
    data = value(3 * FRAME_BYTES + 5)
    store.put("key", data)
    with store.open("key") as reader:
        assert reader.read() == data
    assert store.get_range("key", FRAME_BYTES - 1, 2) == data[FRAME_BYTES - 1 : FRAME_BYTES + 1]


def test_no_two_stored_values_are_alike() -> None:
    """Each has a salt of its own, so equal values do not show themselves."""
    inner = DictStore()
    store = HMACDecorator(SECRET, inner)
    stored = set()
    for _ in range(100):
        store.put("key", b"same")
        stored.add(inner.get("key"))
    assert len(stored) == 100


def test_it_hides_nothing_and_signs_with_the_secret_only(inner: KeyValueStore) -> None:
    """The plain value is inside; the secret is not."""
    HMACDecorator(SECRET, inner).put("key", b"hello")
    assert b"hello" in inner.get("key")
    assert SECRET not in inner.get("key")


class TestWriter:
    """A value that comes piece by piece."""

    def test_pieces_of_all_sizes(self, store: HMACDecorator) -> None:
        """Nothing, one byte, a frame, many frames at once."""
        data = value(5 * FRAME_BYTES)
        with store.open_write("key") as writer:
            for start, end in [(0, 0), (0, 1), (1, FRAME_BYTES), (FRAME_BYTES, len(data))]:
                assert writer.write(data[start:end]) == end - start
        assert store.get("key") == data

    def test_nothing_is_seen_before_the_end(self, store: HMACDecorator) -> None:
        """An aborted one leaves nothing; the old value stays until the commit."""
        store.put("key", b"old")
        writer = store.open_write("key")
        writer.write(value(200_000))
        assert store.get("key") == b"old"
        writer.abort()
        assert store.get("key") == b"old"
        assert store.keys() == ["key"]

    def test_its_key_is_signed_and_cannot_change(self, store: HMACDecorator) -> None:
        """Another name at the end is a ValueError, and nothing is stored."""
        writer = store.open_write("key")
        writer.write(value(200_000))
        writer.key = "other"
        with pytest.raises(ValueError, match="cannot change its key"):
            writer.commit()
        assert store.keys() == []
        assert writer.closed

    def test_a_late_name_is_signed(self, store: HMACDecorator) -> None:
        """A writer without a key gets it before the commit."""
        writer = store._checked_open_write(None, PLAIN)
        writer.write(value(200_000))
        writer.key = "key"
        assert writer.commit() == "key"
        assert store.get("key") == value(200_000)


def test_what_shows_inner_bytes_is_unsupported(tmp_path: Path, legacy: bool) -> None:
    """URLs, local files and counters would go past the signatures; the capabilities say so."""
    inner = WebFilesystemStore(tmp_path, "http://127.0.0.1/")
    assert inner.capabilities.url_methods
    assert inner.capabilities.local_path
    store = HMACDecorator(SECRET, inner, legacy=legacy)
    store.put("key", b"1")
    can = store.capabilities
    assert (can.copy, can.url_methods, can.local_path) == (False, frozenset(), False)
    assert (can.url_options, can.presign_post) == (frozenset(), False)
    for verb in (store.url_for, store.presign_put, store.local_path, store.increment):
        with pytest.raises(Unsupported):
            verb("key")
    with pytest.raises(Unsupported):
        store.presign_post("key", 1)
    with pytest.raises(Unsupported):
        HMACDecorator(SECRET, DictStore(), legacy=legacy).increment("count")


def test_capabilities_that_stay() -> None:
    """Everything that does not look into the value is as below."""
    below, above = DictStore().capabilities, HMACDecorator(SECRET, DictStore()).capabilities
    assert above == below._replace(copy=False)
    old = HMACDecorator(SECRET, DictStore(), legacy=True).capabilities
    assert old == below._replace(copy=False, pinned_reads=False)


def test_ranges_touch_few_frames() -> None:
    """Ten bytes of a value of 100 frames fetch a few frames and not the value."""
    fetched = 0

    class Counting(io.BytesIO):
        def readinto(self, buffer: Any, /) -> int:
            nonlocal fetched
            size = super().readinto(buffer)
            fetched += size
            return size

    class Remote(DictStore):
        def _open(self, key: str) -> Reader:
            data, found = self._fetch(key)
            return Reader(Counting(data), found)  # type: ignore[arg-type]  # a raw file enough

    store = HMACDecorator(SECRET, Remote())
    data = value(100 * FRAME_BYTES)
    store.put("key", data)
    assert store.get_range("key", 50 * FRAME_BYTES + 3, 10) == data[50 * FRAME_BYTES + 3 :][:10]
    assert fetched <= 4 * (FRAME_BYTES + 64)
    fetched = 0
    assert store.get_range("key", 10**9, 10) == b""
    assert fetched <= 4 * (FRAME_BYTES + 64)


def test_a_stream_takes_little_memory(tmp_path: Path, legacy: bool) -> None:
    """64 MiB go in and out, through every streaming verb, in a few MiB."""
    size = 64 * MIB
    store = HMACDecorator(
        SECRET, FilesystemStore(tmp_path / "store", durability="atomic"), legacy=legacy
    )
    with little_memory(4 * MIB):
        store.put_file("key", Endless(size))
        with store.open_write("written") as writer:
            for _ in range(64):
                writer.write(bytes(MIB))
        store.copy("key", "copy")
        store.get_file("key", tmp_path / "got")
        with store.open("copy") as reader:
            while reader.read(100_000):
                pass
    assert store.stat("key").size == store.stat("copy").size == size
    assert (tmp_path / "got").stat().st_size == size


def test_a_large_value_is_not_encoded_as_a_whole() -> None:
    """A put of 64 MiB in memory takes only a little more."""
    data, inner = bytes(64 * MIB), Sink()
    store = HMACDecorator(SECRET, inner)
    with little_memory(4 * MIB):
        store.put("key", data)
        with store.open_write("written") as writer:
            writer.write(data)
    assert inner.sizes["key"] == inner.sizes["written"] > 64 * MIB


def test_a_failing_source_leaves_the_old_value(store: HMACDecorator) -> None:
    """What it raises is passed on."""
    store.put("key", b"old")
    with pytest.raises(ConnectionResetError):
        store.put_file("key", DribblingFile(value(200_000), 9_000, error=ConnectionResetError()))
    assert store.get("key") == b"old"


def test_a_failing_store_leaves_the_old_value_and_the_callers_file(tmp_path: Path) -> None:
    """Errors at every place of a put; a file to be moved stays until the value is stored."""
    faulty = FaultyStore(DictStore())
    store = HMACDecorator(SECRET, faulty)
    store.put("key", b"old")
    source = tmp_path / "source"
    source.write_bytes(b"new")
    for verb in ("put", "put_file"):
        faulty.fail_next(verb)
        with pytest.raises(StoreError) as caught:
            store.put("key", b"new") if verb == "put" else store.put_file("key", source, move=True)
        assert caught.value.key == "key"
        assert caught.value.store == repr(store)
    assert source.read_bytes() == b"new"
    assert store.get("key") == b"old"


def test_many_verbs_name_the_culprit(store: HMACDecorator) -> None:
    """One forged value among good ones: its key, and nothing of any value."""
    store.put_many({"a": b"1", "b": b"2", "c": b"3"})
    store._inner.put("b", b"forged")
    with pytest.raises(VerificationError) as caught:
        store.get_many(["a", "b", "c"])
    assert caught.value.key == "b"
    assert caught.value.store == repr(store)
    assert store.get_many(["a", "c", "missing"]) == {"a": b"1", "c": b"3"}
    assert sorted(key for key, _ in store.iter_stats()) == ["a", "b", "c"]


def test_legacy_takes_ascii_keys_only() -> None:
    """As minimalkv does, but with an error of ours and before anything happens."""
    inner = DictStore(keys="path")
    store = HMACDecorator(SECRET, inner, legacy=True)
    for verb in (
        lambda: store.put("é", b"1"),
        lambda: store.put_file("é", iter([b"1"])),
        lambda: store.open_write("é"),
    ):
        with pytest.raises(InvalidKey, match="ASCII"):
            verb()
    assert inner.keys() == []
