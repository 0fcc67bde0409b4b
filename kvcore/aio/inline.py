"""Awaited calls without an event loop: the driver that never suspends, and `run_inline`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from kvcore.aio.driver import Driver

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Inline(Driver):
    """Makes every call at once, in the caller's thread."""

    async def run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Make the call."""
        return call(*args, **kwargs)

    async def acquire(
        self,
        release: Callable[[_T], object],
        call: Callable[_P, _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Make the call; nothing can come between it and its caller."""
        return call(*args, **kwargs)

    async def finish(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Make the call."""
        return call(*args, **kwargs)


def run_inline(coro: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, here and now; returns what it returns, raises what it raises.

    For logic that is written once, as ``async def`` against `AsyncKeyValueStore`, and called from
    synchronous code with an `InlineStore`. Needs no event loop and no thread, and does not mind a
    running one. ``async with``, ``async for`` and ``finally`` work. Raises ``RuntimeError`` when
    the coroutine waits for something else than an `InlineStore`; it is closed then.

    >>> from kvcore import DictStore
    >>> from kvcore.aio import AsyncKeyValueStore, InlineStore, run_inline
    >>> async def swap(store: AsyncKeyValueStore, a: str, b: str) -> None:
    ...     first, second = await store.get(a), await store.get(b)
    ...     await store.put_many({a: second, b: first})
    >>> store = DictStore({"a": b"1", "b": b"2"})
    >>> run_inline(swap(InlineStore(store), "a", "b"))
    >>> store.get("a")
    b'2'
    """
    # An event loop around us would close a generator that is left early some time later.
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        coro.send(None)
    except StopIteration as stop:
        result: _T = stop.value
        return result
    else:
        problem = RuntimeError(
            f"{coro!r} waits for an event loop, but runs inline;"
            " give it an InlineStore, and sources that are read without waiting"
        )
        try:
            coro.close()
        except Exception as error:  # its cleaning up failed, or waits as well
            raise problem from error
        raise problem
    finally:
        sys.set_asyncgen_hooks(*hooks)
