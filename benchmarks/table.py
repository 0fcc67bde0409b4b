"""Results as Markdown tables that are also good to read as they are."""

from collections.abc import Sequence

from benchmarks import places
from benchmarks.measure import OURS, RAW
from benchmarks.row import Result
from benchmarks.show import ratio

_MET = {True: "yes", False: "**no**", None: ""}


def table(results: Sequence[Result]) -> str:
    """One line for each result, the other libraries behind ours."""
    others = list(dict.fromkeys(name for result in results for name in result.compared))
    others.remove(OURS)
    cells = [
        ["what", "on", "raw", "takes", "kvcore", "ratio, 10-90 %", "reach", "met", *others],
        *([*_line(result), *_beside(result, others)] for result in results),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in cells
    )


def _line(result: Result) -> list[str]:
    row, ours = result.row, result.compared[OURS]
    show = ratio if result.is_ratio else row.show
    scattered = show(ours.median)
    if ours.low < ours.high:
        scattered += f" ({show(ours.low)} - {show(ours.high)})"
    return [
        row.name,
        "" if result.place == places.ANY else result.filesystem,
        row.against,
        row.show(result.costs[RAW].median) if result.is_ratio else "",
        row.show(result.costs[OURS].median) if result.is_ratio else scattered,
        scattered if result.is_ratio else "",
        "" if result.reach is None else f"≤ {show(result.reach)}",
        _MET[result.is_met],
    ]


def _beside(result: Result, others: Sequence[str]) -> list[str]:
    show = ratio if result.is_ratio else result.row.show
    found = result.compared
    return [show(found[name].median) if name in found else "-" for name in others]
