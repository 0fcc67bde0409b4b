"""`Row`: one line of a table, from the work to be done to the result."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks import places
from benchmarks.measure import OURS, RAW, Contest, Spread, compared, interleaved, spread
from benchmarks.places import Effort, Place
from benchmarks.show import seconds


class Row(NamedTuple):
    """What is done, by whom, where, and what is to be reached."""

    name: str
    contest: Callable[[Place], Contest]
    """Sets everything up in a place; what it returns takes turns."""
    reach: Mapping[str, float | None]
    """The kinds of places to measure in; and the largest good median of ours there."""
    against: str = ""
    """What the contestant `RAW` does."""
    operations: int = 400
    """In each piece of work."""
    most_rounds: int | None = None
    """For what takes long and hardly scatters."""
    show: Callable[[float], str] = seconds
    """How a cost is written."""


class Result(NamedTuple):
    """What a row measured in one place."""

    row: Row
    place: str
    filesystem: str
    costs: Mapping[str, Spread]
    compared: Mapping[str, Spread]

    @property
    def reach(self) -> float | None:
        """What the median of ours should not be above."""
        return self.row.reach[self.place]

    @property
    def is_ratio(self) -> bool:
        """Whether the figures compared are ratios to `RAW`, rather than costs."""
        return RAW in self.costs

    @property
    def is_met(self) -> bool | None:
        """Whether ours is within reach; ``None`` where none is set."""
        return None if self.reach is None else self.compared[OURS].median <= self.reach


def measured(row: Row, kind: str, effort: Effort) -> Result:
    """Do what the row says in a place of this kind; `places.Missing` if there is none."""
    rounds = min(effort.rounds, row.most_rounds or effort.rounds)
    with places.opened(kind, effort, row.operations) as place:
        filesystem = places.filesystem(place.path)
        costs = interleaved(row.contest(place), rounds)
    return Result(
        row,
        kind,
        filesystem,
        {name: spread(figures) for name, figures in costs.items()},
        compared(costs),
    )
