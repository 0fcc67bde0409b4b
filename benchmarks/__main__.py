"""The command line of the benchmarks."""

import argparse
import json
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.machine import machine
from benchmarks.places import Effort, Missing
from benchmarks.row import Result, measured
from benchmarks.table import table
from benchmarks.topics import TOPICS

FULL = Effort(rounds=25)
QUICK = Effort(rounds=7, share=0.2)


class Section(NamedTuple):
    """What was measured of one topic, and what could not be."""

    title: str
    results: list[Result]
    skipped: list[str]


def sections(effort: Effort, wanted: Callable[[str], object]) -> Iterator[Section]:
    """All topics with rows whose line (such as "put, new, tmpfs") is wanted."""
    for topic in TOPICS:
        section = Section(topic.__doc__.strip(), [], [])
        for row in topic.ROWS:
            for kind in row.reach:
                if not wanted(f"{row.name}, {kind}"):
                    continue
                try:
                    section.results.append(measured(row, kind, effort))
                except Missing as missing:
                    section.skipped.append(f"{row.name}, {kind}: {missing}")
        if section.results or section.skipped:
            yield section


def print_tables(effort: Effort, wanted: Callable[[str], object]) -> None:
    """Table after table, each when it is ready; at the end what was not reached."""
    start, missed = time.monotonic(), []
    for name, value in machine().items():
        print(f"- {name}: {value}")
    if effort.share != 1:
        print(f"- a first look only: {effort.share:.0%} of the operations and of the bytes")
    for title, results, skipped in sections(effort, wanted):
        print(f"\n## {title}\n")
        if results:
            print(table(results))
        for reason in skipped:
            print(f"skipped: {reason}")
        sys.stdout.flush()
        missed += [f"{one.row.name}, {one.place}" for one in results if one.is_met is False]
    print(f"\n{time.monotonic() - start:.0f} s; out of reach: {'; '.join(missed) or 'nothing'}")


def print_json(effort: Effort, wanted: Callable[[str], object]) -> None:
    """The same for a program: seconds (or MiB), and ratios to "raw" where that is a contestant."""
    found = list(sections(effort, wanted))
    report = {
        "machine": machine(),
        "effort": effort._asdict(),
        "results": [
            {
                "topic": section.title,
                "row": result.row.name,
                "place": result.place,
                "filesystem": result.filesystem,
                "against": result.row.against,
                "costs": {name: one._asdict() for name, one in result.costs.items()},
                "compared": {name: one._asdict() for name, one in result.compared.items()},
                "reach": result.reach,
                "is_met": result.is_met,
            }
            for section in found
            for result in section.results
        ],
        "skipped": [reason for section in found for reason in section.skipped],
    }
    json.dump(report, sys.stdout, indent=1)
    print()


def main(arguments: list[str]) -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="kvcore beside raw calls and other libraries, measured in turns.",
    )
    parser.add_argument("--only", default="", metavar="PATTERN", help="such as '^put, new.*tmpfs'")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"{FULL.rounds} unless given")
    parser.add_argument("--quick", action="store_true", help="a first look: less of everything")
    parser.add_argument("--json", action="store_true", help="for a program")
    asked = parser.parse_args(arguments)
    effort = QUICK if asked.quick else FULL
    if asked.rounds is not None:
        effort = effort._replace(rounds=asked.rounds)
    wanted = re.compile(asked.only, re.IGNORECASE).search
    (print_json if asked.json else print_tables)(effort, wanted)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that folders are removed
    main(sys.argv[1:])
