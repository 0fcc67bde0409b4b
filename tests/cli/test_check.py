"""``check`` and ``gc``."""

import os
import time
from pathlib import Path

import pytest

from kvcore import Capabilities, DictStore, FilesystemStore, KeyValueStore, StoreError
from kvcore.cli.checking import ABILITIES, Probe, try_out
from kvcore.testing import FaultyStore
from tests.cli.conftest import Run, lines
from tests.contract.minimal import FourMethods, Small
from tests.copying.stores import Corrupting, Dying, Forgetting


def problems(store: KeyValueStore) -> set[str]:
    """What does not work."""
    probes: list[Probe] = []
    try_out(store, write=True, tell=probes.append)
    return {probe.what for probe in probes if probe.problem}


def test_every_capability_is_explained() -> None:
    """A new one is shown, too."""
    assert {*ABILITIES, "url_methods", "url_options"} == set(Capabilities._fields)


@pytest.mark.parametrize("write", [False, True])
def test_check_of_a_store_that_works(run: Run, memory: DictStore, write: bool) -> None:
    """Says so for each thing that was tried, and leaves nothing."""
    memory.put("mine", b"1")
    text = run("check", "default", *["--write"] * write).stdout
    assert "yes  ttl" in text
    assert " -   local_path" in text
    assert "FAILED" not in text
    assert ("put a value" in text) == write
    assert memory.d == {"mine": b"1"}


def test_check_json(run: Run) -> None:
    """One document."""
    (found,) = lines(run("check", "files", "--write", "--json"))
    assert found["capabilities"]["local_path"] is True
    assert found["capabilities"]["url_methods"] == ["GET"]
    assert found["capabilities"]["url_options"] == []
    assert all(probe["problem"] is None for probe in found["probes"])
    assert found["store"].startswith("<FilesystemStore fs://")


@pytest.mark.parametrize("store", [DictStore(), FourMethods(), Small(), DictStore(keys="path")])
def test_stores_of_all_abilities_pass(store: DictStore) -> None:
    """Only what a store can do is tried."""
    assert problems(store) == set()


class CorruptingAll(Corrupting):
    def _put(self, key: str, data: bytes, *rest: object) -> None:
        super()._put("bad", data, *rest)
        self.d[key] = self.d["bad"]


class ForgettingAll(Forgetting):
    def _put(self, key: str, *rest: object) -> None:
        return


@pytest.mark.parametrize("store", [CorruptingAll(), ForgettingAll()])
def test_check_finds_a_store_that_does_not_keep_what_it_gets(store: DictStore) -> None:
    """As problems, not as an exception."""
    assert "get it" in problems(store)


def test_check_cleans_up_after_a_failure() -> None:
    """Whatever step fails, the value is deleted."""
    inner = DictStore()
    for verb in ("get", "get_range", "stat", "put"):
        store = FaultyStore(inner)
        store.fail_next(verb, "late error" if verb == "put" else "error")
        assert problems(store)
        assert inner.keys() == []


def test_a_read_only_store_is_not_written_to(run: Run, folder: FilesystemStore) -> None:
    """It is checked without."""
    url = f"fs://{folder.root}#wrap:readonly"
    assert "without --write" in run("check", url, "--write", code=2).stderr
    assert " -   write" in run("check", url).stdout


def test_an_interrupted_check_cleans_up(memory: DictStore) -> None:
    """Ctrl-C between two steps leaves no value."""
    steps: list[Probe] = []

    def tell(probe: Probe) -> None:
        steps.append(probe)
        if probe.what == "get it":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        try_out(memory, write=True, tell=tell)
    assert steps[-1].what == "see that it is gone"
    assert memory.keys() == []


def test_a_store_that_cannot_be_reached_is_exit_code_3(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing more is tried."""
    monkeypatch.setattr("kvcore.cli.group.StoreGroup.store", lambda *_: Dying(0))
    text = run("check", "any", "--write", code=3).stdout
    assert "FAILED: the server does not answer" in text
    assert "put a value" not in text


def test_a_store_that_works_in_part_is_exit_code_1(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers, but not as it should."""
    monkeypatch.setattr("kvcore.cli.group.StoreGroup.store", lambda *_: CorruptingAll())
    assert "FAILED" in run("check", "any", "--write", code=1).stdout


def test_gc_removes_what_killed_writers_left(
    run: Run, folder: FilesystemStore, tmp_path: Path
) -> None:
    """If it is old enough; values and younger temporaries stay."""
    folder.put("a/b", b"1")
    left = Path(folder.root) / "a" / ".kvcore-tmp-left"
    left.write_bytes(b"half")
    assert run("gc", "files").stdout == "removed 0 unfinished files\n"
    an_hour_ago = time.time() - 3600
    os.utime(left, (an_hour_ago, an_hour_ago))
    assert run("gc", "files", "--older-than", "2h").stdout == "removed 0 unfinished files\n"
    assert run("gc", "files", "--older-than", "30m").stdout == "removed 1 unfinished file\n"
    assert not left.exists()
    assert folder.keys() == ["a/b"]


def test_gc_through_decorators(run: Run, folder: FilesystemStore) -> None:
    """A store is swept whatever is around it."""
    folder.put("a", b"1")
    left = Path(folder.root) / ".kvcore-tmp-left"
    left.write_bytes(b"")
    os.utime(left, (0, 0))
    (found,) = lines(run("gc", f"fs://{folder.root}#wrap:readonly+urlencode", "--json"))
    assert found == {"removed": 1}


def test_gc_of_a_store_that_leaves_nothing(run: Run) -> None:
    """It says so."""
    assert run("gc", "default").stdout == "this store leaves nothing behind\n"
    assert lines(run("gc", "default", "--json")) == [{"removed": None}]


def test_gc_of_a_broken_store(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """An error of the store is exit code 3."""

    class Broken(DictStore):
        def _sweep(self, older_than_secs: float) -> int:
            raise StoreError("input/output error", store=self)

    monkeypatch.setattr("kvcore.cli.group.StoreGroup.store", lambda *_: Broken())
    assert "input/output error" in run("gc", "any", code=3).stderr
