"""`Recent`: what a process remembers of the sessions that it met last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

SESSIONS: int = 1024
"""Of how many sessions something is remembered."""

_T = TypeVar("_T")


class Recent(Generic[_T]):
    """One thing for each of some sessions, by their handles. Safe to share between threads."""

    def __init__(self) -> None:
        self._things: dict[str, _T] = {}
        self.find: Callable[[str], _T | None] = self._things.get

    def put(self, handle: str, thing: _T) -> None:
        """Remember something; what was remembered longest is forgotten."""
        things = self._things
        while len(things) >= SESSIONS and handle not in things:
            try:
                del things[next(iter(things))]
            except (KeyError, RuntimeError, StopIteration):
                continue  # another thread was at it
        things[handle] = thing

    def drop(self, handle: str) -> None:
        """Forget it."""
        self._things.pop(handle, None)
