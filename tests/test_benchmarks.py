"""The benchmarks run: every row once, with counts that are tiny and figures that say nothing."""

import json
import math

import pytest

from benchmarks.__main__ import main
from benchmarks.measure import OURS, Spread, compared, interleaved, spread
from benchmarks.places import Effort, Missing
from benchmarks.row import Row, measured
from benchmarks.table import table
from benchmarks.topics import TOPICS
from tests import services

ROWS = [(row, kind) for topic in TOPICS for row in topic.ROWS for kind in row.reach]


def marks_of(row: Row) -> list[pytest.MarkDecorator]:
    """One of the contestants for Django's sessions has them in the database."""
    return [pytest.mark.django_db] if row.name.startswith("Django session") else []


@pytest.mark.parametrize(
    ("row", "kind"),
    [pytest.param(row, kind, id=f"{row.name}, {kind}", marks=marks_of(row)) for row, kind in ROWS],
)
def test_every_row_measures_something(row: Row, kind: str, request: pytest.FixtureRequest) -> None:
    """A row gives a finite figure for each of its contestants, ours among them."""
    if "Django session" in row.name:
        request.getfixturevalue("db")  # one of the contestants has its sessions there
    try:
        result = measured(row, kind, Effort(rounds=1, share=0.001))
    except Missing as missing:
        services.require(kind, available=False, hint=str(missing))
    assert OURS in result.compared
    figures = [figure for one in result.compared.values() for figure in one]
    assert all(map(math.isfinite, figures))
    assert row.name in table([result])


def test_no_two_rows_have_one_name() -> None:
    """A row of a report can be found in the next one."""
    names = [row.name for topic in TOPICS for row in topic.ROWS]
    assert len(names) == len(set(names))


def test_contestants_take_turns() -> None:
    """In each round everybody works once; the order changes."""
    log: list[str] = []

    def sample(name: str) -> float:
        log.append(name)
        return 1.0

    costs = interleaved({name: lambda name=name: sample(name) for name in "abc"}, rounds=20)
    rounds = ["".join(log[start : start + 3]) for start in range(0, 60, 3)]
    assert {"".join(sorted(order)) for order in rounds} == {"abc"}
    assert len(set(rounds)) > 1
    assert costs == {name: [1.0] * 20 for name in "abc"}


def test_ratios_are_taken_within_a_round() -> None:
    """A round in which everything was slow does not change the ratios."""
    costs = {"raw": [1.0, 10.0, 1.0], OURS: [2.0, 20.0, 2.0]}
    assert compared(costs) == {OURS: Spread(2.0, 2.0, 2.0)}


def test_without_a_raw_call_the_costs_stand_for_themselves() -> None:
    """A row such as that of ids has no ratio."""
    assert compared({OURS: [3.0, 1.0, 2.0]})[OURS].median == 2.0


def test_a_spread_holds_the_inner_eighty_percent() -> None:
    """One slow round of ten does not widen it."""
    assert spread([1.0] * 10 + [1000.0]) == Spread(1.0, 1.0, 1.0)


def test_the_command_line_selects_rows_and_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    """`--only` takes a pattern, `--json` gives what a program can read."""
    main(["--quick", "--rounds", "2", "--only", "^random_id", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert [result["row"] for result in report["results"]] == ["random_id()"]
    assert report["effort"]["rounds"] == 2


def test_the_command_line_prints_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--json` there are tables, and at the end what is out of reach."""
    main(["--quick", "--rounds", "1", "--only", "^random_id"])
    out = capsys.readouterr().out
    assert "| random_id()" in out
    assert "out of reach: " in out
