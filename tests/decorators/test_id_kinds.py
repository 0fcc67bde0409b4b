"""Decorators that make the key: what random ids, and what hashes of the content, do besides."""

import hashlib
import io
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    DictStore,
    HashDecorator,
    KeyValueStore,
    PrefixDecorator,
    RandomIdDecorator,
    UUIDDecorator,
    content_id,
)
from kvcore.errors import KeyExists
from kvcore.testing import Clock, DribblingFile
from tests.decorators.values import PUTS, VALUE


class TestRandomIds:
    """Nobody can guess them, and they overwrite nothing."""

    def test_every_put_has_its_own(self, inner: KeyValueStore) -> None:
        """The same value twice is two values."""
        for decorate in (RandomIdDecorator, UUIDDecorator):
            store = decorate(inner)
            assert store.put(None, b"1") != store.put(None, b"1")

    def test_their_form(self) -> None:
        """26 characters; a UUID of version 4, not minimalkv's 1."""
        assert len(RandomIdDecorator(DictStore()).put(None, b"")) == 26
        assert uuid.UUID(UUIDDecorator(DictStore()).put(None, b"")).version == 4

    @pytest.fixture
    def taken(self, inner: KeyValueStore, monkeypatch: pytest.MonkeyPatch) -> RandomIdDecorator:
        """A store where the next two ids are taken and the third is free."""
        ids = iter(["sample", "a", "b", "c", "d"])
        monkeypatch.setattr(RandomIdDecorator, "_new_id", lambda _: next(ids))
        inner.put("a", b"not mine")
        inner.put("b", b"not mine")
        return RandomIdDecorator(inner)

    @pytest.mark.parametrize(
        "put",
        [name for name in PUTS if name not in ("put_file in crumbs", "put_file of an iterator")],
    )
    def test_a_taken_id_is_left_alone(
        self, taken: RandomIdDecorator, inner: KeyValueStore, path: Path, put: str
    ) -> None:
        """Another is drawn, and the whole value goes there."""
        assert PUTS[put](taken, path) == "c"
        assert inner.get("c") == VALUE
        assert inner.get("a") == inner.get("b") == b"not mine"

    def test_what_can_be_read_once_has_one_try(
        self, taken: RandomIdDecorator, inner: KeyValueStore
    ) -> None:
        """KeyExists rather than half a value or another's."""
        with pytest.raises(KeyExists, match="nothing was stored"):
            taken.put_file(None, DribblingFile(VALUE, 1000))
        assert inner.get("a") == b"not mine"
        assert sorted(inner) == ["a", "b"]

    def test_tries_are_bounded(
        self, inner: KeyValueStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where no id is ever free it ends, with the caller's file untouched."""
        monkeypatch.setattr(RandomIdDecorator, "_new_id", lambda _: "same")
        inner.put("same", b"not mine")
        store = RandomIdDecorator(inner)
        with pytest.raises(KeyExists, match="no new id was free"):
            store.put_file(None, path, move=True)
        assert inner.get("same") == b"not mine"
        assert path.read_bytes() == VALUE

    def test_a_writer_that_comes_between_loses_nothing(self) -> None:
        """Where the store creates only, a race has one winner and the other takes another id."""

        class Racing(DictStore):
            raced = False

            def _put(self, key: str, data: bytes, *options: Any) -> None:
                if not self.raced:
                    self.raced = True
                    self.d[key] = b"the other's"
                super()._put(key, data, *options)

        store = RandomIdDecorator(Racing())
        key = store.put(None, b"mine")
        assert sorted(map(store.get, store)) == [b"mine", b"the other's"]
        assert store.get(key) == b"mine"


class TestHashes:
    """Equal values share a key."""

    @pytest.mark.parametrize("put", PUTS)
    def test_the_key_is_the_hash(self, inner: KeyValueStore, path: Path, put: str) -> None:
        """However the value comes, in whatever pieces."""
        assert PUTS[put](HashDecorator(inner), path) == hashlib.sha256(VALUE).hexdigest()

    @pytest.mark.parametrize("put", PUTS)
    def test_the_same_content_again_is_no_error(
        self, inner: KeyValueStore, path: Path, put: str
    ) -> None:
        """One value, one key, and a moved file is consumed all the same."""
        store = HashDecorator(inner)
        assert store.put(None, VALUE) == PUTS[put](store, path)
        assert len(store.keys()) == 1
        assert path.exists() == (put != "put_file that moves")

    def test_the_last_put_decides_how_long_it_lives(self) -> None:
        """As with every key that is put again."""
        clock = Clock()
        store = HashDecorator(DictStore(clock=clock))
        key = store.put(None, b"1", 10)
        store.put_file(None, io.BytesIO(b"1"), 100)
        clock.advance(50)
        assert store.get(key) == b"1"
        clock.advance(51)
        assert key not in store

    def test_if_absent_tells_where_it_is(self) -> None:
        """KeyExists has the key of the content; a file to be moved stays."""
        store = HashDecorator(PrefixDecorator("a-", DictStore()))
        key = store.put(None, b"1")
        for again in (
            lambda: store.put(None, b"1", if_absent=True),
            lambda: store.put_file(None, iter([b"1"]), if_absent=True),
        ):
            with pytest.raises(KeyExists) as caught:
                again()
            assert caught.value.key == key

    def test_other_hashes_and_secrets(self) -> None:
        """minimalkv's SHA-1 finds what it wrote; a secret hides what is stored."""
        assert HashDecorator(DictStore(), hashlib.sha1, "x-{}").put(None, b"1") == (
            f"x-{hashlib.sha1(b'1').hexdigest()}"
        )
        hidden = HashDecorator(DictStore(), secret="secret")
        key = hidden.put(None, b"1")
        assert key == content_id(b"1", secret="secret") == hidden.put_file(None, iter([b"1"]))
        assert "secret" not in repr(hidden)
        assert pickle.loads(pickle.dumps(hidden)).put(None, b"1") == key

    @pytest.mark.parametrize(
        "options",
        [{"hashfunc": hashlib.shake_128}, {"secret": b""}, {"secret": 5}],
        ids=["shake", "empty secret", "number"],
    )
    def test_what_makes_no_ids_is_refused_at_once(self, options: Any) -> None:
        """When the decorator is made."""
        with pytest.raises((TypeError, ValueError)):
            HashDecorator(DictStore(), **options)

    def test_every_store_may_be_named_late(self) -> None:
        """Where the key has to be known first, the value waits outside: it is put once, whole."""
        puts = []

        class Counting(DictStore):
            def _put(self, key: str, data: bytes, *options: Any) -> None:
                puts.append(key)
                super()._put(key, data, *options)

        store = HashDecorator(Counting())
        key = store.put_file(None, DribblingFile(VALUE, 777))
        assert puts == [key]
