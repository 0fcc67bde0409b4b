"""`Driver`: how a synchronous call is made for a caller that awaits it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Driver(ABC):
    """The one difference between the forms of an `AsyncKeyValueStore`.

    All three ways make the call and give what it returns or raises; they differ in what a
    cancellation of the caller does. In none of them is the caller let go while the call runs.
    """

    @abstractmethod
    async def run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Make a call; cancelled before it began, it is never made."""

    @abstractmethod
    async def acquire(
        self,
        release: Callable[[_T], object],
        call: Callable[_P, _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """As ``run``, for a call that opens something: cancelled, ``release`` gets the result."""

    @abstractmethod
    async def finish(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """As ``run``, for a call that cleans up: even cancelled before it began, it is made."""

    def lock(self) -> AbstractContextManager[object]:
        """A new lock, to be held in calls of this driver only, around whatever they do."""
        return Lock()

    def close(self) -> None:
        """Let go of what the driver holds; it may be used again."""
