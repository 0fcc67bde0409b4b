"""The ways in which an awaited call is broken off."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import anyio
import pytest

Moment: TypeAlias = Callable[[], Awaitable[None]]
Way: TypeAlias = Callable[[Coroutine[Any, Any, None], Moment], Awaitable[None]]


async def a_moment() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def by_task_cancel(call: Coroutine[Any, Any, None], moment: Moment) -> None:
    """Cancel the task, and again, and again."""
    task = asyncio.create_task(call)
    await moment()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task


async def by_asyncio_timeout(call: Coroutine[Any, Any, None], moment: Moment) -> None:
    """Let the time of an `asyncio.timeout` be over."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            await _beside(call, moment, lambda: limit.reschedule(0))


async def by_fail_after(call: Coroutine[Any, Any, None], moment: Moment) -> None:
    """Let the time of an `anyio.fail_after` be over, which cancels over and over."""
    with pytest.raises(TimeoutError), anyio.fail_after(math.inf) as scope:
        await _beside(call, moment, lambda: setattr(scope, "deadline", -math.inf))


async def by_move_on_after(call: Coroutine[Any, Any, None], moment: Moment) -> None:
    """Let the time of an `anyio.move_on_after` be over."""
    with anyio.move_on_after(math.inf) as scope:
        await _beside(call, moment, lambda: setattr(scope, "deadline", -math.inf))
        raise AssertionError("it was not cancelled")
    assert scope.cancelled_caught


WAYS: list[Way] = [by_task_cancel, by_asyncio_timeout, by_fail_after, by_move_on_after]


async def _beside(
    call: Coroutine[Any, Any, None], moment: Moment, cancel: Callable[[], object]
) -> None:
    async def fire() -> None:
        await moment()
        cancel()

    firing = asyncio.create_task(fire())
    try:
        await call
    finally:
        assert firing.done()
