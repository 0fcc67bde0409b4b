"""What an attacker who can write to the inner store may try against `HMACDecorator`."""

import io
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvcore import DictStore, HMACDecorator, KeyValueStore
from kvcore.decorators import hmac_frames
from kvcore.decorators.hmac_frames import FRAME_BYTES, HEADER_BYTES
from kvcore.errors import VerificationError
from tests.decorators.stores import MinimalStore
from tests.decorators.tampering import (
    FRAMED,
    READS,
    SECRET,
    SIZES,
    TAG_BYTES,
    TAMPERINGS,
    Stolen,
    flip,
    value,
)


@pytest.fixture(scope="module", params=SIZES)
def stolen(request: pytest.FixtureRequest) -> Stolen:
    """What there is to work with, for each size."""
    return Stolen(request.param)


@pytest.fixture(params=[DictStore, MinimalStore])
def inner(request: pytest.FixtureRequest) -> Any:
    """A store with readers of its own, and one without."""
    return request.param()


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_whole_read_finds_it_out(
    stolen: Stolen, inner: KeyValueStore, tampering: str, tmp_path: Path
) -> None:
    """Every verb raises VerificationError with key and store, and leaves nothing behind."""
    raw = TAMPERINGS[tampering](stolen)
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    store = HMACDecorator(SECRET, inner)
    inner.put("key", raw)
    for read in READS.values():
        if raw == stolen.raw:  # nothing was changed: there are not so many frames
            assert read(store, target) == stolen.data
            continue
        with pytest.raises(VerificationError) as caught:
            read(store, target)
        assert caught.value.key == "key"
        assert caught.value.store == repr(store)
        assert target.read_bytes() == b"precious"
        assert inner.keys() == ["key"]


def test_every_tampering_is_one_somewhere() -> None:
    """The table above tries what it says, at some size at least."""
    known = [Stolen(size) for size in SIZES]
    for name, tamper in TAMPERINGS.items():
        assert any(tamper(stolen) != stolen.raw for stolen in known), name


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_what_a_failed_copy_wrote_was_genuine(
    stolen: Stolen, inner: KeyValueStore, tampering: str
) -> None:
    """A file object may get a part, but no byte that was not verified."""
    inner.put("key", TAMPERINGS[tampering](stolen))
    file = io.BytesIO()
    try:
        HMACDecorator(SECRET, inner).get_file("key", file)
    except VerificationError:
        pass
    genuine = (stolen.data, stolen.data + b"more" * FRAME_BYTES)  # the longer one was put, too
    assert any(whole.startswith(file.getvalue()) for whole in genuine)


def test_a_refused_reader_gives_nothing_more() -> None:
    """Whoever reads on after the error gets it again, not the frame before nor the next."""
    stolen = Stolen(3 * FRAME_BYTES)
    stolen.inner.put("key", flip(stolen.raw, HEADER_BYTES + FRAMED + 5))
    with stolen.store.open("key") as reader:
        assert reader.read(FRAME_BYTES) == stolen.data[:FRAME_BYTES]
        for _ in range(3):
            with pytest.raises(VerificationError):
                reader.read(10)
        reader.seek(2 * FRAME_BYTES)
        assert reader.read() == stolen.data[2 * FRAME_BYTES :]
        reader.seek(FRAME_BYTES - 5)
        with pytest.raises(VerificationError):
            reader.read(10)


def test_an_older_value_of_the_same_key_is_not_found_out() -> None:
    """What the documentation says is not protected: it was genuine once."""
    stolen = Stolen(20)
    stolen.inner.put("key", stolen.older)
    assert stolen.store.get("key") == value(20, seed=7)


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        (b"a value that was never signed, and long enough", "without HMACDecorator"),
        (b"", "without HMACDecorator"),
        (b"\x8aKVH\x02" + bytes(60), "version 2 .* knows version 1"),
        (b"\x8aKVH\xff" + bytes(60), "version 255"),
        (b"\x8aKVH\x01" + bytes(10), "cut"),
        (b"\x8aKVH", "cut"),
        (b"\x8aKVH\x01" + bytes(60), "changed"),
    ],
    ids=["plain", "empty", "version 2", "version 255", "cut salt", "cut magic", "zeros"],
)
def test_the_error_says_what_it_may_be(raw: bytes, hint: str) -> None:
    """Whoever adds the decorator to an old store learns what to do."""
    inner = DictStore({"key": raw})
    for read in (READS["get"], READS["open"]):
        with pytest.raises(VerificationError, match=hint):
            read(HMACDecorator(SECRET, inner), Path())


@pytest.mark.parametrize("size", [0, 5, 200_000])
def test_the_legacy_format_finds_it_out_too(
    inner: KeyValueStore, size: int, tmp_path: Path
) -> None:
    """Changed, cut, extended, of another key or secret: nothing is given out before all is read."""
    store = HMACDecorator(SECRET, inner, legacy=True)
    data = value(size)
    store.put("key2", data)
    other = inner.get("key2")
    store.put("key", data)
    raw = inner.get("key")
    HMACDecorator(SECRET, inner).put("key", data)
    ours = inner.get("key")
    target = tmp_path / "target"
    inner.delete("key2")
    for tampered in (
        *(b"", raw[:-1], raw[:31], raw[1:], raw + b"\0", raw[:-1] + b"\0", data, other, ours),
        *(flip(raw, 0), flip(raw, len(raw) - 1), flip(raw, len(raw) // 2)),
    ):
        if tampered == raw:
            continue
        inner.put("key", tampered)
        for read in READS.values():
            with pytest.raises(VerificationError) as caught:
                read(store, target)
            assert caught.value.key == "key"
            assert inner.keys() == ["key"]
            assert not target.exists()
    inner.put("key", raw)
    with store.open("key") as reader:
        assert reader.read(3) == data[:3]


def test_a_forged_legacy_stream_gives_no_byte() -> None:
    """minimalkv gave out the first bytes and found out at the end, if it came there."""
    inner = DictStore()
    store = HMACDecorator(SECRET, inner, legacy=True)
    store.put("key", value(200_000))
    inner.put("key", flip(inner.get("key"), 0))
    with pytest.raises(VerificationError):
        store.open("key")


# From here with frames of 8 bytes, so that Hypothesis meets every border.

SMALL = 8
PIECES = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, 400)),
    st.tuples(st.just("cut"), st.integers(0, 400)),
    st.tuples(st.just("append"), st.binary(min_size=1, max_size=50)),
    st.tuples(st.just("swap"), st.tuples(st.integers(0, 8), st.integers(0, 8))),
    st.tuples(st.just("drop"), st.integers(0, 8)),
    st.tuples(st.just("double"), st.integers(0, 8)),
    st.tuples(st.just("splice"), st.tuples(st.integers(0, 8), st.integers(0, 2))),
    st.tuples(st.just("header"), st.integers(0, 2)),
)


def tampered(raw: bytes, others: list[bytes], steps: list[tuple[str, Any]]) -> bytes:
    """The stored value after what the attacker did, frame by frame and byte by byte."""
    size = SMALL + TAG_BYTES
    for step, how in steps:
        head, body = raw[:HEADER_BYTES], raw[HEADER_BYTES:]
        frames = [body[at : at + size] for at in range(0, len(body), size)]
        if step == "flip" and raw:
            raw = flip(raw, how % len(raw))
        elif step == "cut":
            raw = raw[: len(raw) - how]
        elif step == "append":
            raw += how
        elif step == "header":
            raw = others[how][:HEADER_BYTES] + body
        elif frames:
            number = (how if isinstance(how, int) else how[0]) % len(frames)
            if step == "swap":
                second = how[1] % len(frames)
                frames[number], frames[second] = frames[second], frames[number]
            elif step == "drop":
                del frames[number]
            elif step == "double":
                frames.insert(number, frames[number])
            elif step == "splice":
                frames[number] = others[how[1]][HEADER_BYTES + number * size :][:size]
            raw = head + b"".join(frames)
    return raw


@given(
    st.binary(max_size=50),
    st.lists(st.binary(max_size=50), min_size=2, max_size=2),
    st.lists(PIECES, max_size=4),
    st.lists(st.tuples(st.integers(0, 60), st.one_of(st.none(), st.integers(0, 60))), max_size=6),
)
def test_every_read_is_genuine_or_refused(
    data: bytes,
    other_values: list[bytes],
    steps: list[tuple[str, Any]],
    ranges: list[tuple[int, int | None]],
) -> None:
    """Whatever was done and whatever part is read: those very bytes, or VerificationError."""
    with mock.patch.object(hmac_frames, "FRAME_BYTES", SMALL):
        inner = DictStore()
        store = HMACDecorator(["old", SECRET], inner)
        others = []
        for key, other in zip(["key", "key", "key2"], [*other_values, data], strict=True):
            store.put(key, other)
            others.append(inner.get(key))
        store.put("key", data)
        before = inner.get("key")
        raw = tampered(before, others, steps)
        inner.put("key", raw)
        genuine = {before: data, others[0]: other_values[0], others[1]: other_values[1]}
        expected = genuine.get(raw)
        try:
            assert store.get("key") == expected
        except VerificationError:
            assert expected is None
        # A part of a value that was cut or extended may be read where it is genuine.
        whole = data if raw[:HEADER_BYTES] == before[:HEADER_BYTES] else expected
        if raw[:HEADER_BYTES] in {other[:HEADER_BYTES] for other in others[:2]}:
            whole = other_values[0 if raw[:HEADER_BYTES] == others[0][:HEADER_BYTES] else 1]
        for start, length in ranges:
            end = None if length is None else start + length
            try:
                got = store.get_range("key", start, length)
            except VerificationError:
                assert expected is None
            else:
                assert whole is not None or got == b""
                assert got == (whole or b"")[start:end]
        try:
            with store.open("key") as reader:
                for start, length in ranges:
                    reader.seek(start)
                    got = reader.read(-1 if length is None else length)
                    end = None if length is None else start + length
                    assert got == (whole or b"")[start:end]
        except VerificationError:
            assert expected is None
