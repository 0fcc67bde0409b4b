"""`HMACDecorator` in use: rotation, conditions and options, copies, stacks, what it shows."""

import hashlib
import pickle
from typing import Any

import pytest

from kvcore import DictStore, HMACDecorator, KeyValueStore, PrefixDecorator, URLEncodeKeysDecorator
from kvcore.decorators.hmac_frames import FRAME_BYTES
from kvcore.errors import KeyExists, KeyNotFound, PreconditionFailed, VerificationError
from kvcore.testing import DribblingFile
from tests.decorators.values import SECRET, SIZES, value


@pytest.fixture
def store(inner: KeyValueStore, legacy: bool) -> HMACDecorator:
    """A signed store in either format around every kind of store."""
    return HMACDecorator(SECRET, inner, legacy=legacy)


class TestRotation:
    """The newest secret signs, all verify."""

    def test_values_of_all_secrets_are_read(self, inner: KeyValueStore, legacy: bool) -> None:
        """Whole values and streams, short and long, whichever of the listed secrets signed them."""
        secrets = ["first", b"second", "third"]
        for number, secret in enumerate(secrets):
            old = HMACDecorator(secret, inner, legacy=legacy)
            old.put(f"short{number}", b"1")
            old.put(f"long{number}", value(3 * FRAME_BYTES))
        store = HMACDecorator(secrets, inner, legacy=legacy)
        for number in range(3):
            assert store.get(f"short{number}") == b"1"
            assert store.get(f"long{number}") == value(3 * FRAME_BYTES)
            with store.open(f"long{number}") as reader:
                reader.seek(FRAME_BYTES * 2)  # not the first frame first
                assert reader.read(4) == value(3 * FRAME_BYTES)[FRAME_BYTES * 2 :][:4]
                reader.seek(0)
                assert reader.read() == value(3 * FRAME_BYTES)

    def test_the_newest_signs(self, inner: KeyValueStore, legacy: bool) -> None:
        """What was put anew is read without the old secrets; what was not is refused."""
        store = HMACDecorator(["old", "new"], inner, legacy=legacy)
        HMACDecorator("old", inner, legacy=legacy).put("unsigned-anew", b"1")
        store.put("put", b"1")
        with store.open_write("written") as writer:
            writer.write(b"1")
        store.copy("unsigned-anew", "copied")
        new = HMACDecorator("new", inner, legacy=legacy)
        assert new.get("put") == new.get("written") == new.get("copied") == b"1"
        with pytest.raises(VerificationError):
            new.get("unsigned-anew")
        with pytest.raises(VerificationError):
            HMACDecorator("old", inner, legacy=legacy).get("put")

    @pytest.mark.parametrize(
        "secrets", ["", b"", [], [b"good", b""], None, 16, [None], 1.5], ids=repr
    )
    def test_what_is_no_secret_is_refused_at_once(self, secrets: Any) -> None:
        """An empty or missing one would sign for everybody."""
        with pytest.raises((TypeError, ValueError), match="secret"):
            HMACDecorator(secrets, DictStore())

    def test_arguments_in_the_wrong_order(self) -> None:
        """A store is no secret, and a secret no store; the error shows neither."""
        with pytest.raises(TypeError) as caught:
            HMACDecorator(DictStore(), "hunter2")  # type: ignore[arg-type]
        assert "hunter2" not in str(caught.value)
        with pytest.raises(TypeError) as caught:
            HMACDecorator("hunter2", "hunter2")  # type: ignore[arg-type]
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize("name", ["sha1", "sha256", "sha512", "sha3_256", "blake2b"])
    def test_other_hashes(self, inner: KeyValueStore, legacy: bool, name: str) -> None:
        """Any of a fixed size; a value signed with another is refused."""
        hashfunc = getattr(hashlib, name)
        store = HMACDecorator(SECRET, inner, hashfunc, legacy=legacy)
        store.put("key", value(FRAME_BYTES + 1))
        with store.open("key") as reader:
            assert reader.read() == value(FRAME_BYTES + 1)
        assert store.stat("key").size == FRAME_BYTES + 1
        with pytest.raises(VerificationError):
            HMACDecorator(SECRET, inner, hashlib.sha384, legacy=legacy).get("key")

    def test_a_hash_without_a_size_is_refused(self, legacy: bool) -> None:
        """It could not tell where the tag begins."""
        with pytest.raises(ValueError, match="fixed digest"):
            HMACDecorator(SECRET, DictStore(), hashlib.shake_256, legacy=legacy)  # type: ignore[arg-type]


class TestOptions:
    """Conditions, expiry and content type are the store's own."""

    @pytest.fixture
    def store(self, legacy: bool) -> HMACDecorator:
        """Around a store that can do everything."""
        return HMACDecorator(SECRET, DictStore(), legacy=legacy)

    def test_expiry_and_content_type_pass(self, store: HMACDecorator) -> None:
        """By every verb; a copy takes them along."""
        store.put("put", b"1", 100, content_type="image/png")
        store.put_file("file", iter([b"1"]), 100, content_type="image/png")
        with store.open_write("writer", 100, content_type="image/png") as writer:
            writer.write(b"1")
        store.copy("put", "copy")
        for key in store.keys():
            assert store.stat(key).content_type == "image/png"
            assert 99 < (store.stat(key).remaining_secs() or 0) <= 100
        store.touch("put", 1000)
        assert (store.stat("put").remaining_secs() or 0) > 999

    def test_the_value_found_instead_is_the_plain_one(self, store: HMACDecorator) -> None:
        """``PreconditionFailed.current`` can be merged without a further read."""
        store.put("key", b"theirs")
        etag = store.stat("key").etag

        def writing() -> None:
            with store.open_write("key", if_absent=True) as writer:
                writer.write(b"mine")

        for refused in (
            lambda: store.put("key", b"mine", if_absent=True),
            lambda: store.put("key", b"mine", if_match="other"),
            lambda: store.put_file("key", iter([b"mine"]), if_absent=True),
            lambda: store.delete("key", if_match="other"),
            lambda: store.copy("key", "key", if_absent=True),
            writing,
        ):
            with pytest.raises(PreconditionFailed) as caught:
                refused()
            current = caught.value.current
            if current is not None:  # a copy onto itself was not read
                assert current.data == b"theirs"
                assert current.stat == store.stat("key")
            assert caught.value.key == "key"
        store.put("key", b"merged", if_match=etag)
        assert store.get("key") == b"merged"

    def test_a_forged_value_found_instead_is_not_shown(self, store: HMACDecorator) -> None:
        """``current`` is None; the condition is refused as it has to be."""
        store._inner.put("key", b"forged")
        with pytest.raises(KeyExists) as caught:
            store.put("key", b"mine", if_absent=True)
        assert caught.value.current is None

    def test_a_source_of_another_store_keeps_its_error(self, store: HMACDecorator) -> None:
        """What the source raises is not retold as if it were ours."""
        other = HMACDecorator("other secret", PrefixDecorator("o-", DictStore()))
        other._inner.put("theirs", other._inner.get(other.put("x", value(200_000)))[:-1])
        for mine in (store, PrefixDecorator("th", store), URLEncodeKeysDecorator(store)):
            with other.open("theirs") as source, pytest.raises(VerificationError) as caught:
                mine.put_file("mine", source)
            assert caught.value.key == "theirs"
            assert caught.value.store == repr(other)
        assert store.keys() == []


class TestCopyAndMove:
    """Values are bound to their key, so they are signed anew."""

    @pytest.mark.parametrize("size", SIZES)
    def test_they_verify_under_the_new_key(self, store: HMACDecorator, size: int) -> None:
        """Copied and moved, and the moved one is gone from its old place."""
        store.put("a", value(size))
        store.copy("a", "b")
        store.move("b", "c")
        assert sorted(store) == ["a", "c"]
        assert store.get("a") == store.get("c") == value(size)

    def test_a_forged_value_is_not_signed_anew(self, store: HMACDecorator) -> None:
        """That would launder it; nothing is written, nothing removed."""
        store._inner.put("a", b"forged" * 50_000)
        for verb in (store.copy, store.move):
            with pytest.raises(VerificationError) as caught:
                verb("a", "b")
            assert caught.value.key == "a"
        assert store.keys() == ["a"]

    def test_a_missing_source(self, store: HMACDecorator) -> None:
        """KeyNotFound, and the destination stays."""
        store.put("b", b"1")
        for verb in (store.copy, store.move):
            with pytest.raises(KeyNotFound):
                verb("a", "b")
        assert store.get("b") == b"1"

    def test_a_value_put_during_a_move_stays(self, legacy: bool) -> None:
        """Only the version that was copied is removed."""
        inner = DictStore()
        store = HMACDecorator(SECRET, inner, legacy=legacy)

        class Racing(DictStore):
            def _put_file(self, key: str, file: Any, *options: Any) -> None:
                super()._put_file(key, file, *options)
                if key == "b":
                    store.put("a", b"newer")

        racing = Racing()
        store._inner = racing
        store.put("a", b"older")
        store.move("a", "b")
        assert store.get("b") == b"older"
        assert store.get("a") == b"newer"


class TestSecrecy:
    """A secret is shown nowhere, and travels only where the store itself does."""

    def test_no_text_shows_it(self, legacy: bool) -> None:
        """Neither repr nor errors, of the store and of what it is made of."""
        store = HMACDecorator(["hunter1", "hunter2"], DictStore(), legacy=legacy)
        store._inner.put("key", b"forged" * 20)
        with pytest.raises(VerificationError) as caught:
            store.get("key")
        with pytest.raises(VerificationError) as reading:
            store.open("key").read()
        for shown in (store, store._format, caught.value, reading.value):
            assert "hunter" not in repr(shown) + str(shown)
        assert b"hunter" not in pickle.dumps(caught.value)

    def test_it_pickles(self, legacy: bool) -> None:
        """The store that another process gets signs and verifies the same."""
        store = HMACDecorator(["old", "new"], DictStore(), hashlib.sha512, legacy=legacy)
        store.put("key", b"1")
        copy = pickle.loads(pickle.dumps(store))
        assert copy.get("key") == b"1"
        copy.put("key", b"2")
        store._inner.put("key", copy._inner.get("key"))
        assert store.get("key") == b"2"


@pytest.mark.parametrize(
    "stack",
    [
        lambda store: PrefixDecorator("p-", HMACDecorator(SECRET, store)),
        lambda store: HMACDecorator(SECRET, PrefixDecorator("p-", store)),
        lambda store: URLEncodeKeysDecorator(HMACDecorator(SECRET, store)),
        lambda store: HMACDecorator(SECRET, URLEncodeKeysDecorator(store)),
        lambda store: HMACDecorator(SECRET, HMACDecorator("other", store)),
        lambda store: HMACDecorator(SECRET, HMACDecorator("other", store, legacy=True)),
    ],
    ids=["prefix out", "prefix in", "encoded out", "encoded in", "twice", "both formats"],
)
def test_in_stacks(inner: KeyValueStore, stack: Any) -> None:
    """Values, parts, sizes, errors and forgeries, in any order of decorators."""
    store = stack(inner)
    data = value(2 * FRAME_BYTES + 1)
    store.put_file("key", DribblingFile(data, 30_000))
    assert store.get("key") == data
    assert store.stat("key").size == len(data)
    assert store.get_range("key", FRAME_BYTES, 2) == data[FRAME_BYTES : FRAME_BYTES + 2]
    store.move("key", "new")
    assert store.get("new") == data
    with pytest.raises(KeyNotFound) as missing:
        store.get("key")
    assert (missing.value.key, missing.value.store) == ("key", repr(store))
    (inner_key,) = inner.keys()
    inner.put(inner_key, inner.get(inner_key)[:-1])
    with pytest.raises(VerificationError) as forged:
        store.get("new")
    assert (forged.value.key, forged.value.store) == ("new", repr(store))
    with pytest.raises(VerificationError), store.open("new") as reader:
        reader.read()
