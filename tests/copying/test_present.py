"""What the destination has already: replaced, compared, or left alone."""

import pytest

from kvcore import (
    CopyReport,
    DictStore,
    ReadOnlyDecorator,
    copy_store,
)
from kvcore.copying import destination
from tests.contract.minimal import FourMethods
from tests.copying.stores import (
    BOTH,
    LARGE,
    SMALL,
    Busy,
    some,
)


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
