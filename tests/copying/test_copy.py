"""`copy_store`: all values arrive; what is refused, how far it is, how it is stopped."""

import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from kvcore import (
    CopyReport,
    DictStore,
    FilesystemStore,
    HMACDecorator,
    PrefixDecorator,
    ReadOnly,
    ReadOnlyDecorator,
    Unsupported,
    copy_store,
)
from tests.contract.minimal import FourMethods
from tests.copying.stores import (
    LARGE,
    SMALL,
    Slow,
    Waiting,
    some,
    values_of,
)
from tests.soak import count


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


def test_a_store_that_keeps_us_waiting_is_asked_for_more_at_a_time() -> None:
    """Other batches are on their way meanwhile."""
    source, dest = DictStore({f"{n}": b"%d" % n for n in range(1000)}), Waiting()
    assert copy_store(source, dest).copied == 1000
    assert dest.have_met.is_set()
    assert values_of(dest) == source.d


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
    source = DictStore({f"key{n}": os.urandom(SMALL if n % 50 else LARGE) for n in range(2000)})
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
    size = count(32, 2048) << 20
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


def test_a_report_of_nothing() -> None:
    """An empty store is copied, too."""
    assert copy_store(DictStore(), DictStore()) == CopyReport()
