"""What goes wrong: with one value, which is reported, or with a store, which ends the copy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    DictStore,
    Fetched,
    FilesystemStore,
    HMACDecorator,
    InvalidKey,
    StoreError,
    StoreTimeout,
    VerificationError,
    copy_store,
)
from kvcore.testing import FaultyStore
from tests.contract.minimal import Small
from tests.copying.stores import (
    BOTH,
    Corrupting,
    Dying,
    Forgetting,
    Ghosts,
    Unreadable,
    Unwritable,
    some,
)
from tests.soak import count


def test_a_key_that_is_not_legal_there_is_reported() -> None:
    """By its name, and the others are copied."""
    source, dest = DictStore({"a/b": b"1", "c": b"2"}, keys="path"), DictStore()
    report = copy_store(source, dest)
    assert (report.copied, list(report.errors)) == (1, ["a/b"])
    assert isinstance(report.errors["a/b"], InvalidKey)
    assert not report.ok
    assert report.seen == 2


def test_what_vanishes_meanwhile_is_no_failure() -> None:
    """Keys that were listed and are gone when they are read, small and large."""
    dest = DictStore()
    report = copy_store(Ghosts(some()), dest)
    assert (report.copied, report.vanished, report.ok) == (11, 2, True)
    assert set(dest.d) == set(some())


@BOTH
@pytest.mark.parametrize("broken", ["source", "dest"])
def test_one_broken_value_does_not_stop_the_others(size: int, broken: str) -> None:
    """It is reported with the store's own error."""
    values = {**some(20), "bad": b"a" * size}
    source = (Unreadable if broken == "source" else DictStore)(values)
    dest = DictStore() if broken == "source" else Unwritable()
    report = copy_store(source, dest)
    assert (report.copied, list(report.errors)) == (21, ["bad"])
    assert isinstance(report.errors["bad"], StoreError)
    assert report.errors["bad"].__traceback__ is None  # it would hold the values
    del values["bad"]
    assert dest.d == values


@BOTH
@pytest.mark.parametrize("broken", [Corrupting, Forgetting])
def test_verify_finds_a_storage_that_is_faulty(size: int, broken: type[DictStore]) -> None:
    """A value that cannot be read back as it was put; without `verify` nobody asks."""
    source = DictStore({"bad": b"a" * size, "good": b"a" * size})
    report = copy_store(source, broken(), verify=True)
    assert (report.copied, list(report.errors)) == (1, ["bad"])
    assert isinstance(report.errors["bad"], VerificationError)
    assert copy_store(source, broken()).ok


@BOTH
def test_a_value_there_that_nobody_can_read_is_replaced(size: int) -> None:
    """One without a valid signature is not the same, whatever its size; one here is an error."""
    inner = DictStore()
    dest, other = HMACDecorator(b"0" * 32, inner), HMACDecorator(b"1" * 32, inner)
    other.put("key", b"x" * size)
    assert dest.stat("key").size == size
    assert copy_store(DictStore({"key": b"a" * size}), dest).copied == 1
    assert dest.get("key") == b"a" * size
    other.put("key", b"x" * size)
    for there in (b"", b"a" * size):
        report = copy_store(dest, DictStore({"key": there}))
        assert isinstance(report.errors["key"], VerificationError)


@BOTH
def test_what_expires_while_it_is_verified_is_no_failure(size: int) -> None:
    """It was to be gone."""

    class Short(DictStore):
        def _fetch(self, key: str) -> Any:
            data, stat = super()._fetch(key)
            return Fetched(data, stat._replace(expires=datetime.now(UTC) - timedelta(seconds=1)))

    report = copy_store(Short({"bad": b"a" * size}), Forgetting(), verify=True)
    assert (report.copied, report.ok) == (1, True)


@BOTH
def test_a_broken_value_that_expires(size: int) -> None:
    """Is put by itself, and reported as any other."""
    source = DictStore()
    source.put("bad", b"a" * size, 1000)
    source.put("good", b"a" * size, 1000)
    report = copy_store(source, Unwritable())
    assert (report.copied, list(report.errors)) == (1, ["bad"])


def test_a_store_of_small_values_reports_large_ones() -> None:
    """It cannot list, so every key is asked for."""
    dest = Small()
    report = copy_store(DictStore(some()), dest)
    assert list(report.errors) == ["large"]
    assert len(dest.d) == report.copied == 10
    assert copy_store(DictStore(dest.d), dest).same == 10


@pytest.mark.parametrize("puts", [0, 1, 500])
def test_a_store_that_answers_no_more_ends_the_copy(puts: int) -> None:
    """With its own error, and before every one of a million keys has waited for its time-out."""
    dest = Dying(puts)
    source = DictStore({f"key{n}": b"1" for n in range(5000)})
    with pytest.raises(StoreError, match="does not answer"):
        copy_store(source, dest, workers=2)
    assert len(dest.d) == puts
    assert dest.calls_after < 1000


def test_one_time_out_fails_no_other_value() -> None:
    """What was not tried after it is tried again, and what was put in spite of it is found."""
    source, inner = DictStore({f"key{n}": b"%d" % n for n in range(300)}), DictStore()
    for kind in ("timeout", "late error"):
        dest = FaultyStore(inner)
        dest.fail_next("put", kind)
        report = copy_store(source, dest, skip_existing=True)
        assert (report.copied, report.ok) == (300, True)
        assert inner.d == source.d
        inner.d.clear()


def test_a_store_that_only_answers_questions_ends_the_copy() -> None:
    """It can be reached, and yet every put runs into the deadline: nobody waits for all of them."""
    dest = FaultyStore(DictStore())
    for verb in ("put", "put_file"):
        dest.fail_next(verb, "timeout", 10_000)
    with pytest.raises(StoreTimeout):
        copy_store(DictStore({f"key{n}": b"1" for n in range(1000)}), dest, workers=1)
    assert len(dest.injected) < 20


@BOTH
def test_a_key_that_bars_another_is_an_error(size: int, tmp_path: Path) -> None:
    """`a` is a file, so there is no folder for `a/b`: this is not what `skip_existing` skips."""
    dest = FilesystemStore(tmp_path, keys="path", durability="atomic")
    dest.put("a", b"theirs")
    report = copy_store(DictStore({"a/b": b"1" * size}, keys="path"), dest)
    assert list(report.errors) == ["a/b"]
    assert report.skipped == 0


def test_a_hundred_broken_values_do_not_look_like_a_dead_store() -> None:
    """As long as the store answers at all, every key is tried."""
    values = {f"bad{n}": b"1" for n in range(100)}
    report = copy_store(Unreadable({**values, "good": b"2"}), DictStore())
    assert (report.copied, set(report.errors)) == (1, set(values))


@pytest.mark.parametrize("seed", range(count(6, 1000)))
def test_repeated_until_it_is_done(seed: int) -> None:
    """Between two stores that fail now and then nothing wrong is ever there, and at last all is."""
    values = some(30)
    inner = DictStore({"key3": b"older"})
    rates = {"errors": 0.05, "timeouts": 0.02, "short_reads": 0.2}
    source = FaultyStore(DictStore(values), seed=seed, **rates)
    dest = FaultyStore(inner, seed=seed + 1, late_errors=0.02, **rates)
    for _ in range(200):
        try:
            if copy_store(source, dest, verify=seed % 2 == 0).ok:
                break
        except StoreError:
            pass  # the listing: to be done again
        wrong = {key for key, data in inner.d.items() if data != values[key]}
        assert wrong <= {"key3"}
    assert inner.d == values
