"""Clocks that a test moves, so that nothing sleeps to see a value expire."""

from __future__ import annotations

import time


class Clock:
    """A clock that stands still until it is told to go on; call it for the time in seconds.

    It starts at the present, so it serves for stores that count from a moment of their own
    (monotonic) and for those that write down dates (wall clock). ``tick_secs`` is the time to live
    that the kit gives to values that it wants to see expire.

    >>> from kvcore import DictStore
    >>> clock = Clock()
    >>> store = DictStore(clock=clock)
    >>> store.put("session", b"...", ttl_secs=60)
    'session'
    >>> clock.advance(61)
    >>> "session" in store
    False
    """

    def __init__(self, tick_secs: float = 100.0) -> None:
        self.tick_secs = tick_secs
        self._now = time.time()

    def __call__(self) -> float:
        """The time in seconds."""
        return self._now

    def advance(self, secs: float) -> None:
        """Let ``secs`` seconds pass."""
        self._now += secs


class WaitingClock(Clock):
    """Real time, for stores whose clock nobody can move (a server's): ``advance`` waits.

    ``tick_secs`` is best twice the finest time to live that the store knows, but not less than a
    busy machine may lose between two calls.
    """

    def __init__(self, tick_secs: float = 0.5) -> None:
        super().__init__(tick_secs)

    def __call__(self) -> float:
        """The wall clock."""
        return time.time()

    def advance(self, secs: float) -> None:
        """Wait ``secs`` seconds."""
        time.sleep(secs)
