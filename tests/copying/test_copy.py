"""`copy_store`: what arrives, what is left alone, what is reported."""

import os
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    CopyReport,
    DictStore,
    Fetched,
    FilesystemStore,
    HMACDecorator,
    InvalidKey,
    KeyValueStore,
    PrefixDecorator,
    ReadOnly,
    ReadOnlyDecorator,
    StoreError,
    Unsupported,
    VerificationError,
    copy_store,
)
from kvcore.copying import destination
from kvcore.testing import FaultyStore
from tests.contract.minimal import FourMethods, Small
from tests.copying.stores import (
    LARGE,
    SMALL,
    Busy,
    Corrupting,
    Dying,
    Forgetting,
    Ghosts,
    Slow,
    Unreadable,
    Unwritable,
)
from tests.soak import count

BOTH = pytest.mark.parametrize("size", [SMALL, LARGE])


def some(number: int = 10, **more: bytes) -> dict[str, bytes]:
    """Values of all kinds: empty, small and larger than what is copied at a time."""
    values = {f"key{n}": os.urandom(n * n) for n in range(number)}
    return {**values, "large": os.urandom(LARGE), **more}


def values_of(store: KeyValueStore) -> dict[str, bytes]:
    """All that is there."""
    return {key: store.get(key) for key in store}


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("verify", [False, True])
def test_every_value_arrives(workers: int, verify: bool, tmp_path: Path) -> None:
    """Empty, small and large, from memory to files and on to a store of four methods."""
    source, files = DictStore(some(300)), FilesystemStore(tmp_path, durability="atomic")
    report = copy_store(source, files, workers=workers, verify=verify)
    expected = values_of(source)
    size = sum(map(len, expected.values()))
    assert report == CopyReport(copied=301, copied_bytes=size)
    assert report.ok
    assert values_of(files) == expected
    last = FourMethods()
    assert copy_store(files, last, workers=workers, verify=verify).copied == 301
    assert last.d == expected


def test_ten_thousand_keys(tmp_path: Path) -> None:
    """Many keys in directories, copied and found the same when done again."""
    number = count(10_000, 100_000)
    source = DictStore({f"{n % 7}/{n}": b"%d" % n for n in range(number)}, keys="path")
    dest = FilesystemStore(tmp_path, keys="path", durability="atomic")
    assert copy_store(source, dest).copied == number
    assert values_of(dest) == source.d
    assert copy_store(source, dest).same == number


def test_only_what_begins_with_the_prefix_is_copied() -> None:
    """Under its whole key; the rest of the destination stays."""
    source, dest = DictStore({"a1": b"1", "a2": b"2", "b": b"3"}), DictStore({"c": b"4"})
    assert copy_store(source, dest, "a").copied == 2
    assert dest.d == {"a1": b"1", "a2": b"2", "c": b"4"}


def test_through_decorators() -> None:
    """Keys and values are those of the outside: a prefix goes, a signature is made anew."""
    inner = DictStore()
    source = PrefixDecorator("app-", DictStore({"app-a": b"1", "app-b": b"2" * LARGE}))
    dest = HMACDecorator(b"0" * 32, inner)
    assert copy_store(source, dest, verify=True).ok
    assert values_of(dest) == {"a": b"1", "b": b"2" * LARGE}
    assert len(inner.d["a"]) > 1


# What is there already


@BOTH
def test_another_value_is_replaced(size: int) -> None:
    """Also one of the same size, and one that was put later."""
    source, dest = DictStore({"key": b"a" * size}), DictStore({"key": b"b" * size})
    assert copy_store(source, dest).copied == 1
    assert dest.get("key") == source.get("key")


@BOTH
def test_the_same_value_is_not_written_again(size: int) -> None:
    """Its version stays, so that nobody who looks for changes sees one."""
    source, dest = DictStore({"key": b"a" * size}), DictStore({"key": b"a" * size})
    etag = dest.stat("key").etag
    assert copy_store(source, dest) == CopyReport(same=1)
    assert dest.stat("key").etag == etag


@BOTH
@pytest.mark.parametrize("there", [b"", b"a" * (SMALL - 1), b"a" * (LARGE + 1)])
def test_a_beginning_is_not_the_same(size: int, there: bytes) -> None:
    """A value that begins as ours does and is shorter or longer is replaced."""
    source, dest = DictStore({"key": b"a" * size}), DictStore({"key": there})
    assert copy_store(source, dest).copied == 1
    assert dest.get("key") == b"a" * size


@BOTH
def test_skip_existing_leaves_what_is_there(size: int) -> None:
    """Whatever it is; only missing keys are copied."""
    source = DictStore({"key": b"a" * size, "new": b"b" * size})
    dest = DictStore({"key": b"theirs"})
    report = copy_store(source, dest, skip_existing=True)
    assert (report.copied, report.skipped) == (1, 1)
    assert dest.d == {"key": b"theirs", "new": b"b" * size}


@BOTH
def test_skip_existing_decides_in_the_store(size: int) -> None:
    """A value that somebody puts between our look and our put is not overwritten either."""
    dest = DictStore()
    source = Busy(dest, {"key": b"a" * size})
    assert copy_store(source, dest, skip_existing=True).skipped == 1
    assert dest.get("key") == b"theirs"


@BOTH
def test_skip_existing_into_a_store_without_conditions(size: int) -> None:
    """Then a look has to do."""
    dest = FourMethods()
    dest.d["key"] = b"theirs"
    report = copy_store(DictStore({"key": b"a" * size, "b": b""}), dest, skip_existing=True)
    assert (report.copied, report.skipped) == (1, 1)
    assert dest.d["key"] == b"theirs"


@pytest.mark.parametrize("keys", [0, 5, 1000])
def test_more_keys_there_than_are_remembered(keys: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys of the destination are known beforehand, the outcome is one."""
    monkeypatch.setattr(destination, "_KEYS", keys)
    source = DictStore(some(20))
    dest = DictStore({**dict(list(source.d.items())[:10]), "key15": b"other"})
    report = copy_store(source, dest)
    assert (report.same, report.copied) == (10, 11)
    assert dest.d == source.d


def test_a_dry_run_writes_nothing_and_reports_the_same() -> None:
    """As the copy afterwards does, key for key; a read-only destination may be asked."""
    source = DictStore(some(**{"only/path": b"1"}), keys="path")
    dest = DictStore({"key3": source.d["key3"], "key4": b"other"})
    before = dict(dest.d)
    planned = copy_store(source, ReadOnlyDecorator(dest), dry_run=True)
    assert dest.d == before
    done = copy_store(source, dest)
    assert planned._replace(errors={}) == done._replace(errors={})
    assert set(planned.errors) == set(done.errors) == {"only/path"}


# What goes along


@BOTH
def test_expiry_and_content_type_go_along(size: int) -> None:
    """Where both stores have a place for them."""
    source, dest = DictStore(), DictStore()
    source.put("both", b"a" * size, 1000, content_type="image/png")
    source.put("none", b"a" * size)
    assert copy_store(source, dest, verify=True).copied == 2
    left = dest.stat("both").remaining_secs()
    assert left is not None
    assert 900 < left <= 1000
    assert dest.stat("both").content_type == "image/png"
    assert dest.stat("none")[3:] == (None, None)


@BOTH
@pytest.mark.parametrize(
    ("ours", "theirs"), [(None, 1000.0), (1000.0, None), (1000.0, 2000.0), (1000.0, 1000.0)]
)
def test_another_expiry_is_another_value(
    size: int, ours: float | None, theirs: float | None
) -> None:
    """Equal bytes that would be gone at another time are copied again."""
    source, dest = DictStore(), DictStore()
    source.put("key", b"a" * size, ours)
    dest.put("key", b"a" * size, theirs)
    assert copy_store(source, dest).same == (ours == theirs)
    assert (dest.stat("key").expires is None) == (ours is None)


def test_a_lasting_value_does_not_get_the_default_expiry() -> None:
    """What lasts in a store that knows of expiry lasts in the copy."""
    dest = DictStore()
    dest.default_ttl_secs = 10
    copy_store(DictStore({"key": b"1"}), dest)
    assert dest.stat("key").expires is None


def test_values_without_expiry_get_the_default_one(tmp_path: Path) -> None:
    """From a store that knows of none, a copy is a put like any other."""
    source, dest = FilesystemStore(tmp_path), DictStore()
    source.put("key", b"1")
    dest.default_ttl_secs = 10
    copy_store(source, dest)
    assert dest.stat("key").expires is not None


def test_an_expiry_that_cannot_be_kept_is_reported(tmp_path: Path) -> None:
    """Files do not expire: whoever copies sessions to them should know."""
    source = DictStore()
    source.put("session", b"1", 1000)
    source.put("lasting", b"2")
    report = copy_store(source, FilesystemStore(tmp_path))
    assert (report.copied, report.made_lasting) == (2, 1)


# What goes wrong


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


# What is refused


def test_wrong_arguments_are_refused() -> None:
    """Before anything is read or written."""
    store = DictStore({"a": b"1"})

    class Silent(DictStore):
        _declared = DictStore._declared._replace(list=False)

    with pytest.raises(ValueError, match="workers"):
        copy_store(store, DictStore(), workers=0)
    with pytest.raises(ReadOnly):
        copy_store(store, ReadOnlyDecorator(DictStore()))
    with pytest.raises(Unsupported):
        copy_store(Silent(), DictStore())
    with pytest.raises(TypeError, match="store to store"):
        copy_store("fs://media", DictStore())  # type: ignore[arg-type]


# Life


def test_progress_is_told_in_the_callers_thread() -> None:
    """Reports that grow, the last one being that which is returned."""
    told: list[CopyReport] = []
    threads = set()

    def note(report: CopyReport) -> None:
        told.append(report._replace(errors=dict(report.errors)))
        threads.add(threading.current_thread())

    source = DictStore({f"key{n}": b"1" for n in range(3000)})
    report = copy_store(source, DictStore(), on_progress=note)
    assert threads == {threading.current_thread()}
    assert [one.seen for one in told] == sorted(one.seen for one in told)
    assert told[-1] == report


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupt_leaves_whole_values_and_no_thread(error: type[BaseException]) -> None:
    """Whatever ends it: the workers have ended, and the same call completes it."""
    source = DictStore({f"key{n}": os.urandom(SMALL if n % 10 else LARGE) for n in range(2000)})
    dest = DictStore()

    def stop(report: CopyReport) -> None:
        if report.copied > 100:
            raise error

    with pytest.raises(error):
        copy_store(source, dest, on_progress=stop)
    assert [t for t in threading.enumerate() if t.name.startswith("kvcore-copy")] == []
    assert 100 < len(dest.d) < 2000
    assert all(source.d[key] == data for key, data in dest.d.items())
    assert copy_store(source, dest).ok
    assert dest.d == source.d


def test_an_interrupt_in_the_middle_of_a_value() -> None:
    """It was seen coming, byte by byte, and is forgotten: nobody waits for its end."""
    source, dest = Slow(), DictStore()

    def stop(report: CopyReport) -> None:
        if report.copied_bytes:
            assert report.copied == 0
            source.go_on.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_store(source, dest, on_progress=stop)
    assert dest.keys() == []


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Values far larger than memory would do: a few blocks are held, verified or not."""
    source = FilesystemStore(tmp_path / "a", durability="atomic")
    dest = FilesystemStore(tmp_path / "b", durability="atomic")
    size = count(64, 2048) << 20
    with source.open_write("large") as writer:
        for _ in range(size >> 20):
            writer.write(os.urandom(1 << 20))
    for verify in (True, False):  # the second time it is there and compared
        tracemalloc.start()
        try:
            assert copy_store(source, dest, verify=verify).ok
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 << 20
    assert dest.stat("large").size == size


def test_stamps_of_the_same_moment_are_alike() -> None:
    """An expiry that two stores round differently is not another one."""
    source, dest = DictStore(), DictStore()
    source.put("key", b"1", 1000.0)
    dest.put("key", b"1", 1001.5)
    assert copy_store(source, dest).same == 1


def test_a_report_of_nothing() -> None:
    """An empty store is copied, too."""
    assert copy_store(DictStore(), DictStore()) == CopyReport()
