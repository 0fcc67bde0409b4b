"""Pieces of work that take turns: what each costs, and how much the figures scatter."""

import gc
import random
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")

Sample = Callable[[], float]
"""Does one piece of work and tells its cost: seconds for one operation, or MiB."""
Contest = Mapping[str, Sample]
"""Who does the same work, by name."""

RAW = "raw"
"""The name of the contestant that the others are compared with, if there is one."""
OURS = "kvcore"


class Spread(NamedTuple):
    """The middle of some figures, and between what the inner 80 % of them lie."""

    median: float
    low: float
    high: float


def spread(figures: Sequence[float]) -> Spread:
    """The spread of at least one figure."""
    if len(figures) == 1:
        return Spread(figures[0], figures[0], figures[0])
    tenths = statistics.quantiles(figures, n=10, method="inclusive")
    return Spread(statistics.median(figures), tenths[0], tenths[-1])


@contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection of ours while something is measured."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def nothing() -> None:
    """What is to be done before or after a piece of work that needs no more."""


def timed(
    operation: Callable[[_T], object],
    arguments: Iterable[_T],
    *,
    before: Callable[[], object] = nothing,
    after: Callable[[], object] = nothing,
) -> Sample:
    """A piece of work: the operation on each argument; ``before`` and ``after`` do not count."""
    arguments = list(arguments)

    def sample() -> float:
        before()
        with undisturbed():
            start = perf_counter()
            for argument in arguments:
                operation(argument)
            secs = perf_counter() - start
        after()
        return secs / len(arguments)

    return sample


def difference(more: Sample, less: Sample) -> Sample:
    """What ``more`` costs beyond ``less``, done one right after the other."""
    return lambda: more() - less()


def interleaved(contest: Contest, rounds: int) -> dict[str, list[float]]:
    """All contestants once in each round, in changing order; their costs, round by round."""
    costs: dict[str, list[float]] = {name: [] for name in contest}
    names = list(contest)
    shuffle = random.Random(1).shuffle  # the same orders in every run
    for _ in range(rounds):
        shuffle(names)
        for name in names:
            costs[name].append(contest[name]())
    return costs


def compared(costs: Mapping[str, Sequence[float]]) -> dict[str, Spread]:
    """The costs of all but `RAW` as ratios to its cost in the same round; without it, as such."""
    raw = costs.get(RAW)
    if raw is None:
        return {name: spread(figures) for name, figures in costs.items()}
    return {
        name: spread([cost / base for cost, base in zip(figures, raw, strict=True)])
        for name, figures in costs.items()
        if name != RAW
    }
