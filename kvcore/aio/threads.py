"""`Threads`: the driver that makes calls in worker threads of asyncio's event loops.

A thread cannot be stopped. So a cancellation (by ``task.cancel()``, ``asyncio.timeout``, a cancel
scope of anyio) is let out when the running call has ended, and what the call opened is closed
first. Let out at once, it would leak temporary files, and ``abort`` would race ``commit``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import ParamSpec, TypeVar

from kvcore.aio.crew import IDLE_SECS, Call, Crew
from kvcore.aio.driver import Driver
from kvcore.forking import tell_after_fork

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Threads(Driver):
    """At most ``limit`` calls at a time; the others wait their turn.

    No thread exists before the first call. Any number of event loops may use one object, at once
    or one after another; a forked child starts with no threads.
    """

    def __init__(self, limit: int, *, idle_secs: float = IDLE_SECS) -> None:
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise ValueError(f"a number of threads is an int of at least 1, not {limit!r}")
        self._crew = Crew(limit, idle_secs)
        tell_after_fork(self)

    def _after_fork(self) -> None:
        self._crew = self._crew.anew()  # without a look at the lock and threads of the parent

    def __reduce__(self) -> tuple[type[Threads], tuple[int]]:
        return Threads, (self._crew.limit,)

    async def run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Make a call; cancelled before it began, it is never made."""
        return await self._make(_call(call, *args, **kwargs))

    async def acquire(
        self,
        release: Callable[[_T], object],
        call: Callable[_P, _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """As ``run``, for a call that opens something: cancelled, ``release`` gets the result."""
        return await self._make(_call(call, *args, **kwargs), release)

    async def finish(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """As ``run``, for a call that cleans up: even cancelled before it began, it is made."""
        return await self._make(_call(call, *args, **kwargs), droppable=False)

    def close(self) -> None:
        """End the threads once their calls are done; a later call starts new ones."""
        crew, self._crew = self._crew, self._crew.anew()
        crew.dismiss()

    def _submit(self, call: Call[_T]) -> None:
        while not self._crew.submit(call):  # it was dismissed this moment, so there is a new one
            continue

    async def _make(
        self,
        call: Call[_T],
        release: Callable[[_T], object] | None = None,
        *,
        droppable: bool = True,
    ) -> _T:
        self._submit(call)
        try:
            await call.waiter
        except BaseException as error:
            if droppable and call.drop():
                raise
            if isinstance(error, asyncio.CancelledError):
                with shield():
                    await self._outlast(call, release, error)
            raise
        return call.result()

    async def _outlast(
        self,
        call: Call[_T],
        release: Callable[[_T], object] | None,
        cancelled: asyncio.CancelledError,
    ) -> None:
        """Wait for a call whose caller was cancelled, and undo what it opened."""
        await call.outlasted()
        error = call.error
        if error is None and release is not None:
            undoing = Call(partial(release, call.result()))
            self._submit(undoing)
            await undoing.outlasted()
            error = undoing.error
        if error is not None:
            cancelled.__context__ = error  # the cancellation goes out, and tells of it


def _call(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Call[_T]:
    try:
        return Call(partial(call, *args, **kwargs))
    except RuntimeError as error:
        raise RuntimeError(
            "AsyncStore works on asyncio's event loops (trio is not supported);"
            " where none runs use the store itself, or InlineStore with run_inline"
        ) from error


def shield() -> AbstractContextManager[object]:
    """Keep anyio, if it is used, from cancelling this task over and over while it waits."""
    anyio = sys.modules.get("anyio")
    return nullcontext() if anyio is None else anyio.CancelScope(shield=True)
