"""``open_write``: a value that comes piece by piece and is seen by nobody before it is whole."""

from __future__ import annotations

import gc
import warnings
import weakref

import pytest

from kvcore.contract import KeyValueStore, Writer
from kvcore.errors import InvalidValue, KeyExists, PreconditionFailed
from kvcore.testing.contract.fixtures import StoreFixtures, declared, unchanged
from kvcore.testing.contract.put_file import SourceBroke


class WriterTests(StoreFixtures):
    """``commit`` publishes the whole value, everything else nothing."""

    def test_nothing_is_seen_before_commit(self, store: KeyValueStore) -> None:
        """The old value stays, a new key is neither there nor listed, until it is whole."""
        store.put("key", b"old")
        with unchanged(store):
            replacing, creating = store.open_write("key"), store.open_write("new")
            for writer in (replacing, creating):
                assert isinstance(writer, Writer)
                writer.write(b"half")
            assert store.get("key") == b"old"
            assert "new" not in store
        replacing.write(b" and half")
        creating.write(b" and half")
        assert replacing.commit() == "key"
        assert creating.commit() == "new"
        assert store.get("key") == store.get("new") == b"half and half"

    def test_write_tells_how_much(self, store: KeyValueStore) -> None:
        """All of it: the number of bytes, whatever holds them."""
        with store.open_write("key") as writer:
            assert writer.key == "key"
            assert writer.write(b"12345") == 5
            assert writer.write(b"") == 0
            assert writer.write(bytearray(b"67")) == 2
            assert writer.write(memoryview(b"8_9_")[::2]) == 2
        assert store.get("key") == b"123456789"

    def test_pieces_of_all_sizes(self, store: KeyValueStore) -> None:
        """Many small pieces, or few large ones, make one value."""
        data = self.large
        for piece in [1000, 65536, len(data) or 1]:
            with store.open_write("key") as writer:
                for start in range(0, len(data), piece):
                    writer.write(data[start : start + piece])
            assert store.get("key") == data

    def test_a_piece_is_a_copy(self, store: KeyValueStore) -> None:
        """The caller may use its buffer for the next one."""
        buffer = bytearray(b"one ")
        with store.open_write("key") as writer:
            writer.write(buffer)
            buffer[:] = b"two "
            writer.write(buffer)
            buffer += b"more"
        assert store.get("key") == b"one two "

    def test_no_piece_is_an_empty_value(self, store: KeyValueStore) -> None:
        """A writer that is committed at once stores b""."""
        store.put("key", b"old")
        assert store.open_write("key").commit() == "key"
        assert store.get("key") == b""

    def test_an_exception_aborts(self, store: KeyValueStore) -> None:
        """What leaves the block by an exception is not published, and the exception passes."""
        store.put("key", b"old")
        with unchanged(store):
            for key in ["key", "new"]:
                writer = store.open_write(key)
                with pytest.raises(SourceBroke):
                    self._write_and_break(writer)
                assert writer.closed
        assert store.get("key") == b"old"
        assert "new" not in store

    def _write_and_break(self, writer: Writer) -> None:
        with writer:
            writer.write(self.large)
            raise SourceBroke

    def test_abort(self, store: KeyValueStore) -> None:
        """Nothing is published; a second abort does nothing; a block may end with one."""
        store.put("key", b"old")
        with unchanged(store):
            writer = store.open_write("key")
            writer.write(b"new")
            writer.abort()
            writer.abort()
            with store.open_write("key") as writer:
                writer.write(b"new")
                writer.abort()
        assert store.get("key") == b"old"

    def test_a_finished_writer_takes_no_more(self, store: KeyValueStore) -> None:
        """After commit or abort, write and commit are a ValueError, and abort undoes nothing."""
        for finish in (Writer.commit, Writer.abort):
            writer = store.open_write("key")
            assert not writer.closed
            writer.write(b"value")
            finish(writer)
            assert writer.closed
            for call in (lambda w: w.write(b"more"), Writer.commit, Writer.__enter__):
                with pytest.raises(ValueError, match="committed or aborted"):
                    call(writer)
            writer.abort()
            if finish is Writer.commit:
                assert store.get("key") == b"value"
                store.delete("key")
        assert "key" not in store

    def test_a_bad_piece_ends_the_value(self, store: KeyValueStore) -> None:
        """InvalidValue; the value that lacks a piece cannot be published any more."""
        for piece in ["text", None, 7, [1]]:
            writer = store.open_write("key")
            writer.write(b"good")
            with pytest.raises(InvalidValue) as caught:
                writer.write(piece)  # type: ignore[arg-type]
            assert isinstance(caught.value, TypeError)
            with pytest.raises(ValueError, match="committed or aborted"):
                writer.commit()
            assert "key" not in store

    def test_a_forgotten_writer_publishes_nothing(self, store: KeyValueStore) -> None:
        """A writer that is neither committed nor aborted warns and leaves nothing."""
        with unchanged(store), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            writer = store.open_write("key")
            writer.write(b"value")
            forgotten = weakref.ref(writer)
            del writer
            if forgotten() is not None:  # in a cycle
                gc.collect()
        assert any(issubclass(warning.category, ResourceWarning) for warning in caught)
        assert "key" not in store

    def test_two_writers_of_one_key(self, store: KeyValueStore) -> None:
        """Their pieces do not mix; the last commit has the key."""
        one, two = store.open_write("key"), store.open_write("key")
        for _ in range(3):
            one.write(b"1")
            two.write(b"2")
        two.commit()
        assert store.get("key") == b"222"
        one.commit()
        assert store.get("key") == b"111"

    def test_a_condition_is_decided_at_commit(self, store: KeyValueStore) -> None:
        """Who comes first wins, not who began first."""
        with declared(store, "if_absent"):
            writer = store.open_write("key", if_absent=True)
            writer.write(b"late")
            store.put("key", b"early")
            with pytest.raises(KeyExists):
                writer.commit()
            assert store.get("key") == b"early"
            assert writer.closed
            writer.abort()

    def test_a_version_is_compared_at_commit(self, store: KeyValueStore) -> None:
        """A value that was replaced while the new one came is not lost."""
        store.put("key", b"old")
        etag = store.stat("key").etag or "none"
        with declared(store, "if_match"):
            writer = store.open_write("key", if_match=etag)
            writer.write(b"late")
            store.put("key", b"early")
            with pytest.raises(PreconditionFailed):
                writer.commit()
            assert store.get("key") == b"early"

    def test_a_writer_while_the_key_is_deleted(self, store: KeyValueStore) -> None:
        """A delete in between does not keep a plain commit from publishing."""
        store.put("key", b"old")
        with store.open_write("key") as writer:
            writer.write(b"new")
            store.delete("key")
        assert store.get("key") == b"new"
