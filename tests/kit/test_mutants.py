"""The suite is worth what it catches: every seeded bug fails a test of the part that is named."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kvcore import DictStore
from kvcore.testing import contract as suite
from tests.kit.mutants import MUTANTS

RUN = Path(__file__).with_name("mutated.py")
PARTS = sorted({mutant.part.__name__ for mutant in MUTANTS.values()})


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bool]]:
    """For each class of the run its tests, and whether they passed.

    In a child, with the settings that an author has: what a broken store leaves open is its own.
    """
    folder = tmp_path_factory.mktemp("mutants")
    (folder / "pytest.ini").touch()
    command = [sys.executable, "-m", "pytest", str(RUN), "-q", "--tb=no", "--no-summary"]
    command += ["-c", str(folder / "pytest.ini"), f"--junitxml={folder / 'results.xml'}"]
    for plugin in ("django", "randomly", "timeout", "cacheprovider"):
        command += ["-p", f"no:{plugin}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    for case in ET.parse(folder / "results.xml").iter("testcase"):
        name = case.get("classname", "").rpartition(".")[2].removeprefix("Test")
        found[name][case.get("name", "")] = not len(case)
    return found


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(outcomes: dict[str, dict[str, bool]], name: str) -> None:
    """The bug fails at least one test; ``-s`` shows which."""
    assert outcomes[name]
    caught = [test for test, passed in outcomes[name].items() if not passed]
    print(f"\n{name}: {', '.join(caught) or 'escaped'}")
    assert caught, f"{MUTANTS[name].part.__name__}: {MUTANTS[name].store.__doc__}"


@pytest.mark.parametrize("part", PARTS)
def test_the_store_itself_passes(outcomes: dict[str, dict[str, bool]], part: str) -> None:
    """It is the bug that fails: without it each of those parts is green."""
    assert outcomes[f"Sound{part}"]
    assert all(outcomes[f"Sound{part}"].values())


def test_every_part_has_a_mutant() -> None:
    """No part of the suite goes untried."""
    parts = {base for base in suite.StoreContract.__mro__ if base.__name__.endswith("Tests")}
    assert {part.__name__ for part in parts} == set(PARTS)


def test_mutants_are_stores_with_one_bug() -> None:
    """Each is a `DictStore` and says what is wrong with it."""
    for name, mutant in MUTANTS.items():
        assert issubclass(mutant.store, DictStore), name
        assert mutant.store.__doc__, name
