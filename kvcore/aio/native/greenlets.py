"""`Greenlets`: the driver that makes calls in the event loop's own thread, where they may wait.

A call runs on a stack of its own (a greenlet). Where it would wait for its client, that stack is
put aside, the coroutine around it awaits the client, and the call goes on with the answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

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

    _caller: greenlet  # whoever resumed us last
    _call: Callable[[], object] | None = None
    _result: object = None
    _error: BaseException | None = None

    def begin(self, call: Callable[[], object]) -> Awaitable[object] | None:
        """Make the call until it waits for what is returned, or ends (``None``)."""
        self._call = call
        self._caller = caller = getcurrent()
        self.gr_context = caller.gr_context  # the context variables of the caller
        return cast("Awaitable[object] | None", self.switch())

    def go_on(self, answer: object) -> Awaitable[object] | None:
        """Give the call what it waits for."""
        self._caller = getcurrent()
        return cast("Awaitable[object] | None", self.switch(answer))

    def fail(self, error: BaseException) -> Awaitable[object] | None:
        """Raise the error where the call waits."""
        self._caller = getcurrent()
        raised = type(error), error, error.__traceback__
        return cast("Awaitable[object] | None", self.throw(*raised))

    def wait(self, awaitable: Awaitable[_T], /) -> _T:
        """For the call: have the caller await it."""
        return cast("_T", self._caller.switch(awaitable))

    def run(self) -> None:
        """Make call after call."""
        while True:
            call, self._call = self._call, None
            assert call is not None
            try:
                self._result = call()
            except GreenletExit:  # nobody will ever resume us
                raise
            except BaseException as error:  # noqa: BLE001  # raised where the call is awaited
                self._error = error
            del call  # an idle stack keeps no value alive
            self._caller.switch(None)

    def end(self) -> object:
        """What the call returned, or raise what it raised; the stack is free for another one."""
        result, error = self._result, self._error
        self._result = self._error = self.gr_context = None
        if len(_idle.stacks) < _MOST_IDLE:
            _idle.stacks.append(self)
        if error is None:
            return result
        try:
            raise error
        finally:
            del error  # its traceback holds this frame


find_by(getcurrent)


class _Idle(threading.local):
    """A stack belongs to the thread that it began in."""

    def __init__(self) -> None:
        self.stacks: list[_Stack] = []


_idle = _Idle()


class Greenlets(Driver):
    """Any number of calls at a time, in the thread of their event loop, which nothing may block.

    So it is for stores whose capabilities say ``native_async``. Any number of event loops may use
    one object, at once or one after another.
    """

    async def run(self, call: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Make a call; a cancellation is raised where it waits."""
        stack = _free_stack()
        return cast("_T", await _ended(stack, stack.begin(partial(call, *args, **kwargs))))

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
        stack = _free_stack()
        waits_for = stack.begin(partial(call, *args, **kwargs))
        if waits_for is None:
            return cast("_T", stack.end())
        ending = asyncio.create_task(_ended(stack, waits_for))
        try:
            await asyncio.wait([ending])
        except asyncio.CancelledError as cancelled:
            with shield():
                await _outlasted(ending)
            cancelled.__context__ = ending.exception()  # the cancellation goes out, and tells of it
            raise
        return cast("_T", ending.result())

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


def _free_stack() -> _Stack:
    idle = _idle.stacks
    return idle.pop() if idle else _Stack()


async def _ended(stack: _Stack, waits_for: Awaitable[object] | None) -> object:
    """What the call returns or raises."""
    while waits_for is not None:
        try:
            answer = await waits_for
        except BaseException as error:  # noqa: BLE001  # raised in the call
            waits_for = stack.fail(error)
        else:
            waits_for = stack.go_on(answer)
    return stack.end()


async def _outlasted(ending: asyncio.Task[object]) -> None:
    """Wait for the end, whatever cancellations arrive meanwhile."""
    while not ending.done():
        try:
            await asyncio.wait([ending])
        except asyncio.CancelledError:  # the caller was told by the first one
            continue
