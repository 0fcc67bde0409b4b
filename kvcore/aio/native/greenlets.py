"""`Greenlets`: the driver that makes calls in the event loop's own thread, where they may wait.

A call runs on a stack of its own (a greenlet). Where it would wait for its client, that stack is
put aside, the coroutine around it awaits the client, and the call goes on with the answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from greenlet import GreenletExit, getcurrent, greenlet

from kvcore.aio.driver import Driver
from kvcore.aio.native.bridge import Bridge, current_bridge, find_by
from kvcore.aio.threads import shield

EXTRA = "async"

_P = ParamSpec("_P")
_T = TypeVar("_T")

_MOST_IDLE = 64


class _Stack(greenlet, Bridge):
    """Makes calls one after another: a new stack would cost more than most calls."""

    _caller: greenlet
    """Whoever resumed us last."""
    _result: Any = None
    _error: BaseException | None = None

    def __init__(self) -> None:
        super().__init__(_make_calls)
        self._caller = getcurrent()
        self.switch()  # to where it waits for calls: what it begins with stays alive with it

    def begin(
        self, call: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> Awaitable[object] | None:
        """Make the call until it waits for what is returned, or ends (``None``)."""
        self._caller = caller = getcurrent()
        self.gr_context = caller.gr_context  # the context variables of the caller
        waits_for: Awaitable[object] | None = self.switch(call, args, kwargs)
        return waits_for

    async def ended(self, waits_for: Awaitable[object] | None) -> Any:  # noqa: ANN401  # the call's
        """Wait as the call waits; then what it returned, or raise what it raised."""
        while waits_for is not None:
            try:
                answer = await waits_for
            except BaseException as error:  # noqa: BLE001  # raised in the call, where it waits
                self._caller = getcurrent()
                waits_for = self.throw(type(error), error, error.__traceback__)
            else:
                self._caller = getcurrent()
                waits_for = self.switch(answer)
        return self.result()

    def wait(self, awaitable: Awaitable[_T], /) -> _T:
        """For the call: have the caller await it."""
        answer: _T = self._caller.switch(awaitable)
        return answer

    def end(self, result: object, error: BaseException | None) -> greenlet:
        """Keep what the call returned or raised; returns who is to be told."""
        self._result, self._error = result, error
        return self._caller

    def result(self) -> Any:  # noqa: ANN401  # the call's
        """What the call returned, or raise what it raised; the stack is free for another one."""
        result, error = self._result, self._error
        self._result = self._error = self.gr_context = None
        _idle.put(self)
        if error is None:
            return result
        try:
            raise error
        finally:
            del error  # its traceback holds this frame


def _make_calls() -> None:
    """What runs on a stack. No method of it: a frame that holds its own stack is never freed."""
    caller = cast("_Stack", getcurrent()).end(None, None)
    while True:
        call, args, kwargs = caller.switch(None)
        result = error = None
        try:
            result = call(*args, **kwargs)
        except GreenletExit:  # nobody will ever resume us
            raise
        except BaseException as raised:  # noqa: BLE001  # raised again where the call is awaited
            error = raised
        caller = cast("_Stack", getcurrent()).end(result, error)
        del call, args, kwargs, result, error  # an idle stack keeps nothing alive


find_by(getcurrent)


class _Idle(threading.local):
    """A stack belongs to the thread that it began in."""

    def __init__(self) -> None:
        self.stacks: list[_Stack] = []

    def take(self) -> _Stack:
        """One that is free."""
        return self.stacks.pop() if self.stacks else _Stack()

    def put(self, stack: _Stack) -> None:
        """Keep it for the next call."""
        if len(self.stacks) < _MOST_IDLE:
            self.stacks.append(stack)


_idle = _Idle()


class Greenlets(Driver):
    """Any number of calls at a time, in the thread of their event loop, which nothing may block.

    So it is for stores whose capabilities say ``native_async``. Any number of event loops may use
    one object, at once or one after another.
    """

    async def run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Make a call; a cancellation is raised where it waits."""
        stack = _idle.take()
        result: _T = await stack.ended(stack.begin(call, args, kwargs))
        return result

    async def acquire(
        self,
        release: Callable[[_T], object],
        call: Callable[_P, _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """As ``run``: a call that was cancelled where it waits has nothing to release."""
        return await self.run(call, *args, **kwargs)

    async def finish(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """As ``run``, for a call that cleans up: a cancellation is let out when it has ended."""
        stack = _idle.take()
        waits_for = stack.begin(call, args, kwargs)
        result: _T
        if waits_for is None:
            result = stack.result()
            return result
        ending = asyncio.create_task(stack.ended(waits_for))
        try:
            await asyncio.wait([ending])
        except asyncio.CancelledError as cancelled:
            with shield():
                await _outlasted(ending)
            cancelled.__context__ = ending.exception()  # the cancellation goes out, and tells of it
            raise
        result = ending.result()
        return result

    def lock(self) -> AbstractContextManager[object]:
        """A lock that is waited for in the event loop."""
        return _Turns()


class _Turns:
    """A lock for calls: where one would block, it waits, and the others of its loop go on."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    def __enter__(self) -> None:
        bridge = current_bridge()
        assert bridge is not None
        bridge.wait(self._lock.acquire())

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


async def _outlasted(ending: asyncio.Task[Any]) -> None:
    """Wait for the end, whatever cancellations arrive meanwhile."""
    while not ending.done():
        try:
            await asyncio.wait([ending])
        except asyncio.CancelledError:  # the caller was told by the first one
            continue
