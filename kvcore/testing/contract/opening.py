"""``open``: a seekable, buffered file over one version of a value."""

from __future__ import annotations

import io
from functools import partial

import pytest

from kvcore.contract import KeyValueStore, Reader
from kvcore.testing.contract.fixtures import StoreFixtures, blob

TEXT = b"first line\nsecond\n\nlast without end"


class OpeningTests(StoreFixtures):
    """The reader behaves as a file that was opened for binary reading."""

    def test_a_reader_is_a_binary_file(self, store: KeyValueStore) -> None:
        """It is a `Reader`, readable, seekable, not writable, and knows its `Stat`."""
        self.fill(store, "key", TEXT)
        with store.open("key") as reader:
            assert isinstance(reader, Reader)
            assert reader.readable()
            assert reader.seekable()
            assert not reader.writable()
            assert reader.stat.size == len(TEXT)

    def test_reading_in_pieces(self, store: KeyValueStore) -> None:
        """``read(n)`` gives n bytes until the end, then the rest, then b"" for ever."""
        self.fill(store, "key", b"0123456789")
        with store.open("key") as reader:
            assert reader.read(0) == b""
            assert reader.read(4) == b"0123"
            assert reader.tell() == 4
            assert reader.read(4) == b"4567"
            assert reader.read(4) == b"89"
            assert reader.read(4) == b""
            assert reader.read() == b""

    def test_seeking(self, store: KeyValueStore) -> None:
        """From the start, the position and the end, forwards, backwards and beyond."""
        self.fill(store, "key", b"0123456789")
        with store.open("key") as reader:
            assert reader.seek(7) == 7
            assert reader.read() == b"789"
            assert reader.seek(0) == 0
            assert reader.read(2) == b"01"
            assert reader.seek(2, io.SEEK_CUR) == 4
            assert reader.read(1) == b"4"
            assert reader.seek(-3, io.SEEK_CUR) == 2
            assert reader.read(1) == b"2"
            assert reader.seek(-2, io.SEEK_END) == 8
            assert reader.read() == b"89"
            assert reader.seek(0, io.SEEK_END) == 10
            assert reader.seek(100) == 100
            assert reader.read() == b""
            assert reader.seek(3) == 3
            assert reader.read(3) == b"345"

    def test_seeking_in_a_large_value(self, store: KeyValueStore) -> None:
        """Positions are exact beyond the buffer, in any order."""
        data = self.large
        self.fill(store, "key", data)
        with store.open("key") as reader:
            for position in [len(data) // 2, 3, len(data) - 5, 65536, 65535, 0, len(data)]:
                assert reader.seek(position) == position
                assert reader.read(10) == data[position : position + 10]
            assert reader.seek(0) == 0
            assert reader.read() == data

    def test_a_loop_over_blocks_sees_every_byte(self, store: KeyValueStore) -> None:
        """A copy loop that ends at b"" gets the whole value."""
        data = self.large
        self.fill(store, "key", data)
        for block in [1000, 65536, 1 << 20]:
            with store.open("key") as reader:
                read = partial(reader.read, block)
                assert b"".join(iter(read, b"")) == data

    def test_readinto(self, store: KeyValueStore) -> None:
        """A buffer is filled as far as the value goes."""
        data = blob(1000)
        self.fill(store, "key", data)
        buffer = bytearray(600)
        with store.open("key") as reader:
            assert reader.readinto(buffer) == 600
            assert buffer == data[:600]
            assert reader.readinto(buffer) == 400
            assert buffer[:400] == data[600:]
            assert reader.readinto(buffer) == 0

    def test_read1_and_peek(self, store: KeyValueStore) -> None:
        """``read1`` moves on by what it gives and ends at b""; ``peek`` does not move."""
        data = blob(1000)
        self.fill(store, "key", data)
        with store.open("key") as reader:
            assert data.startswith(reader.peek(1))
            assert reader.tell() == 0
            assert b"".join(iter(lambda: reader.read1(100), b"")) == data

    def test_lines(self, store: KeyValueStore) -> None:
        """Iteration, ``readline`` and ``readlines`` split at newlines, as a file does."""
        self.fill(store, "key", TEXT)
        with store.open("key") as reader:
            assert list(reader) == TEXT.splitlines(keepends=True)
            reader.seek(0)
            assert reader.readline() == b"first line\n"
            assert reader.readline(3) == b"sec"
            assert reader.readlines() == [b"ond\n", b"\n", b"last without end"]
            assert reader.readline() == b""

    def test_a_text_layer_on_top(self, store: KeyValueStore) -> None:
        """``io.TextIOWrapper``, and with it csv, json and zipfile, work over a reader."""
        self.fill(store, "key", "Größe\r\nÄnderung".encode())
        with io.TextIOWrapper(store.open("key"), encoding="utf-8", newline="") as text:
            assert text.read() == "Größe\r\nÄnderung"

    def test_closing(self, store: KeyValueStore) -> None:
        """A reader closes once, twice without complaint, and then reads no more."""
        self.fill(store, "key", TEXT)
        reader = store.open("key")
        reader.read(1)
        reader.close()
        reader.close()
        assert reader.closed
        with pytest.raises(ValueError, match="closed"):
            reader.read(1)

    def test_two_readers_do_not_disturb_each_other(self, store: KeyValueStore) -> None:
        """Each reader has its own position."""
        self.fill(store, "key", b"0123456789")
        with store.open("key") as one, store.open("key") as two:
            assert one.read(3) == b"012"
            assert two.read(5) == b"01234"
            assert one.read(3) == b"345"
            one.close()
            assert two.read() == b"56789"

    def test_nothing_can_be_written_through_a_reader(self, store: KeyValueStore) -> None:
        """A reader refuses to write, and the value stays."""
        self.fill(store, "key", TEXT)
        with store.open("key") as reader, pytest.raises(io.UnsupportedOperation):
            reader.write(b"x")
        assert store.get("key") == TEXT
