"""How long we wait, and what is sent again: one deadline for a call, its retries inside.

A call has ``deadline`` seconds until its answer begins. What failed is sent again while there is
time, after a pause that doubles: https://cloud.google.com/storage/docs/retry-strategy.

A write under a condition may be sent again as well, but a refusal then says little: if the answer
to the first try was lost, it may be our own write that stands in the way. `Refused.unclear` tells
of that.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from kvcore.backends.gcs import errors
from kvcore.backends.gcs.errors import Outcome
from kvcore.backends.gcs.objects import Timeout
from kvcore.backends.gcs.outcomes import NOT_FOUND, Refused

_T = TypeVar("_T")

_LEAST_SECS = 0.05  # what is left must be enough for an answer
_FIRST_DELAY_SECS = 0.1
_MOST_DELAY_SECS = 5.0


class Pace:
    """How long calls take at most, and how often they are repeated."""

    def __init__(
        self,
        *,
        deadline_secs: float,
        connect_secs: float,
        retries: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.deadline_secs = deadline_secs
        self._connect_secs = connect_secs
        self._retries = retries
        self._clock = clock
        self._sleep = sleep

    def call(self, work: Callable[[Timeout], _T], since: float | None = None) -> _T:
        """Do the work, with what is left of the time as its time-out, until it is done.

        Raises `Refused`, or what the client raises (`errors.ALL`). ``since``: when the call began
        that this is a part of, by default now.
        """
        ends = (self._clock() if since is None else since) + self.deadline_secs
        unclear, tries = False, 0
        while True:
            left = max(ends - self._clock(), _LEAST_SECS)
            try:
                return work((min(self._connect_secs, left), left))
            except errors.ALL as error:
                status = errors.status_of(error)
                if status in errors.REFUSED_CONDITIONS or (
                    status == NOT_FOUND and not errors.is_bucket_missing(error)
                ):
                    raise Refused(status, error, unclear=unclear) from error
                found = errors.outcome(error)
                unclear = unclear or found is Outcome.UNCLEAR
                tries += 1
                delay = self._delay(tries)
                if (
                    found is Outcome.FINAL
                    or tries > self._retries
                    or self._clock() + delay + _LEAST_SECS >= ends
                ):
                    raise
            except errors.UNREADABLE as error:
                raise errors.Unreadable(type(error).__name__) from error
            self._sleep(delay)

    def _delay(self, tries: int) -> float:
        most = min(_FIRST_DELAY_SECS * 2**tries, _MOST_DELAY_SECS)
        return random.uniform(most / 2, most)  # noqa: S311  # only to spread the load
