"""Conditions: ``if_absent``, ``if_present``, ``if_match`` on every verb that writes, and delete."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import pytest

from kvcore.contract import Fetched, KeyValueStore
from kvcore.errors import KeyExists, PreconditionFailed
from kvcore.testing.contract.fixtures import StoreFixtures, declared, for_each, unchanged
from kvcore.testing.files import DribblingFile

Options: TypeAlias = dict[str, Any]
Write: TypeAlias = Callable[[KeyValueStore, Options], object]


@contextmanager
def _file() -> Iterator[Path]:
    with TemporaryDirectory() as directory:
        path = Path(directory, "source")
        path.write_bytes(b"new")
        yield path


def _by_path(store: KeyValueStore, options: Options) -> None:
    with _file() as path:
        store.put_file("key", path, **options)


def _by_moved_path(store: KeyValueStore, options: Options) -> None:
    with _file() as path:
        try:
            store.put_file("key", path, move=True, **options)
        except PreconditionFailed:
            assert path.read_bytes() == b"new"
            raise
        assert not path.exists()


def _by_writer(store: KeyValueStore, options: Options) -> None:
    with store.open_write("key", **options) as writer:
        writer.write(b"new")


WRITES: dict[str, Write] = {
    "put": lambda store, options: store.put("key", b"new", **options),
    "put_file": lambda store, options: store.put_file("key", io.BytesIO(b"new"), **options),
    "put_crumbs": lambda store, options: store.put_file("key", DribblingFile(b"new"), **options),
    "put_path": _by_path,
    "put_moved_path": _by_moved_path,
    "open_write": _by_writer,
}
"""Each way of writing ``b"new"`` under ``"key"``."""


def check_refusal(
    error: PreconditionFailed, store: KeyValueStore, current: bytes | None, key: str = "key"
) -> None:
    """A refusal tells key and store, and of the value found either nothing or the truth."""
    assert error.key == key
    assert error.store
    assert error.store in repr(store)  # or that of a store inside it
    assert repr(key) in str(error)
    if error.current is not None:
        assert isinstance(error.current, Fetched)
        assert error.current.data == current
        assert error.current.stat.etag == store.stat(key).etag


_each_write = for_each(WRITES, anew=True)


class ConditionalWriteTests(StoreFixtures):
    """A condition that holds lets the write through; one that does not changes nothing."""

    @_each_write
    def test_if_absent_creates(self, store: KeyValueStore, write: Write) -> None:
        """Under a free key the value is stored, and again after a delete."""
        for _ in range(2):
            with declared(store, "if_absent"):
                write(store, {"if_absent": True})
                assert store.get("key") == b"new"
            store.delete("key")

    @_each_write
    def test_if_absent_does_not_replace(self, store: KeyValueStore, write: Write) -> None:
        """Under a taken key it is KeyExists (a FileExistsError), even for an empty value."""
        for old in [b"old", b""]:
            store.put("key", old)
            with unchanged(store), declared(store, "if_absent"):
                with pytest.raises(KeyExists) as caught:
                    write(store, {"if_absent": True})
                assert isinstance(caught.value, PreconditionFailed)
                assert isinstance(caught.value, FileExistsError)
                check_refusal(caught.value, store, old)
            assert store.get("key") == old

    @_each_write
    def test_if_present_replaces(self, store: KeyValueStore, write: Write) -> None:
        """A value that is there is replaced, an empty one too."""
        for old in [b"old", b""]:
            store.put("key", old)
            with declared(store, "if_present"):
                write(store, {"if_present": True})
                assert store.get("key") == b"new"

    @_each_write
    def test_if_present_does_not_create(self, store: KeyValueStore, write: Write) -> None:
        """A missing key, never put or deleted, stays missing: PreconditionFailed, no KeyError."""
        store.put("key", b"old")
        store.delete("key")
        store.put("other", b"other")
        with unchanged(store), declared(store, "if_present"):
            with pytest.raises(PreconditionFailed) as caught:
                write(store, {"if_present": True})
            assert not isinstance(caught.value, KeyError | KeyExists)
            check_refusal(caught.value, store, None)
            assert caught.value.current is None
        assert "key" not in store

    @_each_write
    def test_if_match_replaces_that_version(self, store: KeyValueStore, write: Write) -> None:
        """With the etag of ``stat`` the value is replaced and gets another etag."""
        store.put("key", b"old")
        etag = store.stat("key").etag or "none"
        with declared(store, "if_match"):
            write(store, {"if_match": etag})
            assert store.get("key") == b"new"
            assert store.stat("key").etag != etag

    @_each_write
    def test_if_match_refuses_another_version(self, store: KeyValueStore, write: Write) -> None:
        """A stale, foreign or invented etag is PreconditionFailed, and the newer value stays."""
        store.put("other", b"other")
        store.put("key", b"old")
        stale = store.stat("key").etag or "none"
        store.put("key", b"newer")
        foreign = store.stat("other").etag or "none"
        with unchanged(store):
            for etag in [stale, foreign, "invented", '"quoted"', "*", "a\r\nb", "é", "x" * 5000]:
                with declared(store, "if_match"):
                    with pytest.raises(PreconditionFailed) as caught:
                        write(store, {"if_match": etag})
                    assert not isinstance(caught.value, KeyExists)
                    check_refusal(caught.value, store, b"newer")
                assert store.get("key") == b"newer"

    @_each_write
    def test_if_match_of_a_missing_value(self, store: KeyValueStore, write: Write) -> None:
        """What was deleted meanwhile does not come back: PreconditionFailed, no KeyError."""
        store.put("key", b"old")
        etag = store.stat("key").etag or "none"
        store.delete("key")
        with unchanged(store), declared(store, "if_match"):
            with pytest.raises(PreconditionFailed) as caught:
                write(store, {"if_match": etag})
            assert not isinstance(caught.value, KeyError)
            assert caught.value.current is None
        assert "key" not in store

    @_each_write
    def test_at_most_one_condition(self, store: KeyValueStore, write: Write) -> None:
        """Two conditions are a ValueError, whether the store knows them or not."""
        store.put("key", b"old")
        pairs: list[Options] = [
            {"if_absent": True, "if_present": True},
            {"if_absent": True, "if_match": "etag"},
            {"if_present": True, "if_match": "etag"},
        ]
        for options in pairs:
            with unchanged(store), pytest.raises(ValueError, match="condition"):
                write(store, options)
        assert store.get("key") == b"old"

    @_each_write
    def test_an_etag_is_a_text(self, store: KeyValueStore, write: Write) -> None:
        """An empty etag, or one that is no str, is a ValueError and matches nothing."""
        store.put("key", b"old")
        for etag in ["", b"etag", 1, True, ["etag"]]:
            with unchanged(store), pytest.raises(ValueError, match="etag"):
                write(store, {"if_match": etag})
        assert store.get("key") == b"old"

    @_each_write
    def test_no_condition_is_no_condition(self, store: KeyValueStore, write: Write) -> None:
        """``False`` and ``None`` ask for nothing, on every store."""
        for _ in range(2):
            write(store, {"if_absent": False, "if_present": False, "if_match": None})
            assert store.get("key") == b"new"

    @_each_write
    def test_a_content_type_is_advice(self, store: KeyValueStore, write: Write) -> None:
        """It is kept where there is a place for it, and never an error where there is none."""
        write(store, {"content_type": "image/png"})
        assert store.get("key") == b"new"
        kept = store.capabilities.content_type
        assert store.stat("key").content_type == ("image/png" if kept else None)

    @_each_write
    def test_a_content_type_is_a_line(self, store: KeyValueStore, write: Write) -> None:
        """What could break out of a header is a ValueError on every store."""
        for content_type in ["a\nb", "text/html\r\nX: y", "a\0", 7, b"a/b"]:
            with unchanged(store), pytest.raises(ValueError, match="content_type"):
                write(store, {"content_type": content_type})
        assert "key" not in store


class ConditionalDeleteTests(StoreFixtures):
    """``delete(key, if_match=)`` removes one version."""

    def test_the_version_is_deleted(self, store: KeyValueStore) -> None:
        """With its etag the value is gone."""
        store.put("key", b"value")
        etag = store.stat("key").etag or "none"
        with declared(store, "delete_if_match"):
            store.delete("key", if_match=etag)
            assert "key" not in store

    def test_another_version_stays(self, store: KeyValueStore) -> None:
        """A stale etag is PreconditionFailed, and the newer value stays."""
        store.put("key", b"old")
        etag = store.stat("key").etag or "none"
        store.put("key", b"newer")
        for stale in [etag, "invented"]:
            with unchanged(store), declared(store, "delete_if_match"):
                with pytest.raises(PreconditionFailed) as caught:
                    store.delete("key", if_match=stale)
                check_refusal(caught.value, store, b"newer")
            assert store.get("key") == b"newer"

    def test_a_missing_version_is_a_refusal(self, store: KeyValueStore) -> None:
        """Who asks for a version wants to know that it is gone: PreconditionFailed."""
        store.put("key", b"value")
        etag = store.stat("key").etag or "none"
        store.delete("key")
        with declared(store, "delete_if_match"):
            with pytest.raises(PreconditionFailed) as caught:
                store.delete("key", if_match=etag)
            assert not isinstance(caught.value, KeyError)
            assert caught.value.current is None

    def test_an_etag_to_delete_is_a_text(self, store: KeyValueStore) -> None:
        """Anything else is a ValueError, and nothing is deleted."""
        store.put("key", b"value")
        no_etags: list[Any] = ["", b"etag", 1]
        for etag in no_etags:
            with pytest.raises(ValueError, match="etag"):
                store.delete("key", if_match=etag)
        assert store.get("key") == b"value"
