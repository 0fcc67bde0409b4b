"""The small tools of the kit: `DribblingFile`, `Clock`, the plugin, the helpers of the suite."""

import inspect
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import kvcore.testing
from kvcore import DictStore, Unsupported
from kvcore.testing import Clock, DribblingFile, WaitingClock
from kvcore.testing import contract as suite
from kvcore.testing.contract.fixtures import (
    blob,
    contents,
    declared,
    for_each,
    in_threads,
    raised,
    unchanged,
)
from kvcore.testing.contract.keys import longest_key
from kvcore.testing.contract.listing import cut

PARTS = [base for base in suite.StoreContract.__mro__ if base.__name__.endswith("Tests")]


# DribblingFile


def test_dribbling_gives_crumbs() -> None:
    """Never more than a crumb or than was asked for, whatever the size; all in all everything."""
    file = DribblingFile(b"0123456789", 3)
    assert [file.read(), file.read(1), file.read(100), file.read(-1)] == [
        b"012",
        b"3",
        b"456",
        b"789",
    ]
    assert file.read() == file.read(5) == b""
    assert file.tell() == 10
    assert file.reads == 6


def test_dribbling_crumbs_of_random_size() -> None:
    """From one byte to the crumb, the same for the same seed."""

    def sizes(seed: int) -> list[int]:
        file = DribblingFile(bytes(1000), 50, seed=seed)
        return [len(block) for block in iter(file.read, b"")]

    assert sum(sizes(1)) == 1000
    assert set(sizes(1)) <= set(range(1, 51))
    assert len(set(sizes(1))) > 5
    assert sizes(1) == sizes(1) != sizes(2)


def test_dribbling_breaks_off_with_the_given_error() -> None:
    """Where the end would be, the error is raised, each time."""
    file = DribblingFile(b"ab", error=ConnectionError("gone"))
    assert file.read(0) == b""
    assert file.read() + file.read() == b"ab"
    for _ in range(2):
        with pytest.raises(ConnectionError, match="gone"):
            file.read()


def test_dribbling_a_closed_file_is_not_read() -> None:
    """As any file."""
    file = DribblingFile(b"ab")
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read()
    with pytest.raises(ValueError, match="at least one"):
        DribblingFile(b"", 0)


# Clocks


def test_a_clock_goes_when_told() -> None:
    """It stands still by itself and begins at the present."""
    import time

    clock = Clock()
    begin = clock()
    assert abs(begin - time.time()) < 60
    assert clock() == begin
    clock.advance(1.5)
    assert clock() == begin + 1.5


def test_a_waiting_clock_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """``advance`` sleeps; the time is the real one."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    clock = WaitingClock(tick_secs=2)
    clock.advance(0.5)
    assert slept == [0.5]
    assert clock.tick_secs == 2
    assert clock() > 1_700_000_000


# The plugin


def test_the_plugin(tmp_path: Path) -> None:
    """A conftest.py with one line gives the fixtures; they work together."""
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["kvcore.testing.plugin"]\n')
    (tmp_path / "test_app.py").write_text(
        "import pytest\n"
        "from kvcore import StoreError\n"
        "def test_expiry(memory_store, clock):\n"
        "    memory_store.put('a/b', b'1', ttl_secs=60)\n"
        "    clock.advance(61)\n"
        "    assert 'a/b' not in memory_store\n"
        "def test_faults(faulty_store, memory_store):\n"
        "    faulty_store.fail_next('put')\n"
        "    with pytest.raises(StoreError):\n"
        "        faulty_store.put('key', b'1')\n"
        "    assert memory_store.keys() == []\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:django", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


# The suite's own tools


def test_declared_lets_a_store_that_can() -> None:
    """The block runs, and its failure is a failure."""
    with declared(DictStore(), "if_absent", "ttl"):
        pass
    with pytest.raises(AssertionError), declared(DictStore(), "ttl"):
        raise AssertionError


class Modest(DictStore):
    """A store that says of itself that it can do nothing."""

    capabilities = DictStore._declared._replace(ttl=False)


def test_declared_wants_unsupported_of_one_that_cannot() -> None:
    """A block that passes, or raises something else, fails; so does one that changes something."""
    store = Modest()
    with declared(store, "ttl"):
        store.put("key", b"value", 60)
    assert store.keys() == []
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"), declared(store, "ttl"):
        pass
    with pytest.raises(KeyError), declared(store, "ttl"):
        raise KeyError
    with pytest.raises(AssertionError), declared(store, "ttl"):
        store.put("key", b"value")
        raise Unsupported


def test_unchanged_sees_a_change() -> None:
    """A key more, less, or another value."""
    store = DictStore({"key": b"value"})
    with unchanged(store):
        store.put("key", b"value")
    for change in (lambda: store.put("new", b""), lambda: store.delete("key")):
        with pytest.raises(AssertionError), unchanged(store):
            change()
    assert contents(store) == {"new": b""}


def test_for_each_runs_every_case() -> None:
    """As one test whose last argument pytest does not see; a failure notes its case."""
    seen: list[tuple[int, list[str]]] = []

    @for_each({"one": 1, "two": 2, "three": 3}, anew=True)
    def test(self: object, store: DictStore, case: int) -> None:
        """What is promised."""
        seen.append((case, store.keys()))
        store.put("key", b"value")
        assert case < 2

    assert test.__doc__ == "What is promised."
    assert list(inspect.signature(test).parameters) == ["self", "store"]
    with pytest.raises(AssertionError) as caught:
        test(None, store=DictStore())
    assert caught.value.__notes__ == ["in the case 'two'"]
    assert seen == [(1, []), (2, [])]


def test_raised_and_threads() -> None:
    """What a call raises is given back; what a thread raises is raised."""
    assert raised(lambda: 1) is None
    assert isinstance(raised(lambda: 1 / 0), ZeroDivisionError)
    assert in_threads(4, lambda number: number * 2) == [0, 2, 4, 6]
    with pytest.raises(ZeroDivisionError):
        in_threads(2, lambda number: 1 // number)


def test_blobs_differ() -> None:
    """By size and by seed, and not in a short period."""
    assert len(blob(100_001)) == 100_001
    assert blob(1000) != blob(1000, seed=1)
    assert blob(2000)[:1000] == blob(1000)
    assert blob(1000)[:100] not in blob(1000)[1:]


@pytest.mark.parametrize(("keys", "size"), [("strict", 250), ("path", 1024)])
def test_the_longest_key(keys: str, size: int) -> None:
    """It is found from the key space alone."""
    assert longest_key(DictStore(keys=keys)) == "k" * size


def test_the_model_of_prefixes() -> None:
    """As the contract tells it by example."""
    keys = ["media/a", "media/b/c", "media/b/d", "mediax", "x"]
    assert cut(keys, "/", "media/") == ["media/a", "media/b/"]
    assert cut(keys, "/", "") == ["media/", "mediax", "x"]


# The suite as a whole


def own_tests(part: type) -> dict[str, Any]:
    """The tests that a class itself defines."""
    return {name: test for name, test in vars(part).items() if name.startswith("test")}


def test_no_test_hides_another() -> None:
    """The parts become one class: a name that two of them used would be lost."""
    counts = Counter(name for part in PARTS for name in own_tests(part))
    assert [name for name, times in counts.items() if times > 1] == []
    assert len(counts) > 150


def test_every_test_says_what_it_promises() -> None:
    """An author who sees one fail reads what is expected."""
    silent = [name for part in PARTS for name, test in own_tests(part).items() if not test.__doc__]
    assert silent == []


def test_the_suite_never_skips() -> None:
    """What a store cannot do is asserted, not left out."""
    for part in PARTS:
        source = inspect.getsource(part)
        assert "skip" not in source.replace("isort: skip", ""), part
        assert "xfail" not in source, part


def test_a_store_without_a_fixture_is_told_so() -> None:
    """The first thing that an author forgets."""
    fixture = suite.StoreContract.store
    function = getattr(fixture, "__wrapped__", None) or fixture._get_wrapped_function()
    with pytest.raises(NotImplementedError, match="fixture `store`"):
        function(suite.StoreContract())


def test_the_public_names() -> None:
    """All are there, listed, and others are an AttributeError."""
    for name in kvcore.testing._HOME:
        assert getattr(kvcore.testing, name).__name__ == name
        assert name in dir(kvcore.testing)
    with pytest.raises(AttributeError, match="Storecontract"):
        kvcore.testing.Storecontract  # noqa: B018


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ("DribblingFile, Clock, FaultyStore, Fault, WaitingClock", set()),
        ("StoreContract, ReadingContract", {"pytest"}),
    ],
)
def test_the_kit_loads_little(names: str, wanted: set[str]) -> None:
    """Only the contract needs pytest, and only the machine needs hypothesis."""
    code = (
        f"from kvcore.testing import {names}; import sys;"
        "print(*({'pytest', 'hypothesis'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(child.stdout.split()) == wanted
