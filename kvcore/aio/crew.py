"""A few threads that make the blocking calls of an event loop.

`asyncio.to_thread` would do; with a queue of our own a call costs about half under load, threads
end when they are not needed, and a call that nobody waits for any more is not begun.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

_T = TypeVar("_T")

IDLE_SECS = 10.0
"""How long a thread waits for a call before it ends."""


class _Mailbox:
    """Where threads leave what they have done for one event loop.

    Waking a loop costs more than most calls, so it is woken once for all that came meanwhile.
    """

    __slots__ = ("_done", "_woken")

    def __init__(self) -> None:
        self._done: deque[Call[Any]] = deque()
        self._woken = False

    def post(self, call: Call[Any]) -> None:
        self._done.append(call)
        if self._woken:  # set back before the loop looks, so it will find this one
            return
        self._woken = True
        try:
            call.loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop was closed: nobody awaits its calls
            self._woken = False
            while self._done:
                self._done.popleft().report()

    def _deliver(self) -> None:
        self._woken = False
        while self._done:
            self._done.popleft().end()


# A mailbox must not hold its loop, or neither would ever be freed.
_mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, _Mailbox] = WeakKeyDictionary()


class Call(Generic[_T]):
    """One call: made once in a thread, awaited in the event loop that it was created in.

    It runs with a copy of the context variables that are set where it was created.
    """

    __slots__ = ("_begun", "_call", "_ended", "_mailbox", "_result", "error", "loop", "waiter")

    _result: _T

    def __init__(self, call: Callable[[], _T]) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.waiter: asyncio.Future[None] = self.loop.create_future()
        """Done when the call has ended; cancelling it ends the waiting, not the call."""
        self.error: BaseException | None = None
        """What the call raised; only once it has ended."""
        self._call: Callable[[], _T] | None = partial(copy_context().run, call)
        self._begun = threading.Lock()  # whoever takes it first decides: made, or dropped
        self._ended = False
        mailbox = _mailboxes.get(self.loop)
        if mailbox is None:
            mailbox = _mailboxes[self.loop] = _Mailbox()
        self._mailbox = mailbox

    def make(self) -> None:
        """Make the call, unless it was dropped. For a thread of the crew."""
        if not self._begun.acquire(blocking=False) or self._call is None:
            return
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001  # raised where the call is awaited
            self.error = error
        self._call = None

    def announce(self) -> None:
        """Let the event loop know that the call is over."""
        self._mailbox.post(self)

    def drop(self) -> bool:
        """Have the call never made; ``False`` if it has begun."""
        if not self._begun.acquire(blocking=False):
            return False
        self._call = None
        return True

    def end(self) -> None:
        """Tell who waits. For the event loop."""
        self._ended = True
        if not self.waiter.done():
            self.waiter.set_result(None)

    def report(self) -> None:
        """Let an error that nobody awaits be seen."""
        if self.error is not None:
            self.loop.call_exception_handler(
                {"message": "a call failed after its event loop", "exception": self.error}
            )

    async def outlasted(self) -> None:
        """Wait for the end, whatever cancellations arrive meanwhile."""
        while not self._ended:
            self.waiter = self.loop.create_future()
            try:
                await self.waiter
            except asyncio.CancelledError:  # the caller was told by the first one
                continue

    def result(self) -> _T:
        """What the call returned, or raise what it raised; only once it has ended."""
        if self.error is None:
            return self._result
        try:
            # Not through the future: one does not take a StopIteration, and waits for ever.
            raise self.error
        finally:
            self.error = None  # its traceback holds this frame: no cycle, no value kept


class Crew:
    """At most ``limit`` daemon threads. They start when calls wait and end when idle.

    Any number of event loops, in any threads, may share one.
    """

    def __init__(self, limit: int, idle_secs: float = IDLE_SECS) -> None:
        self._limit = limit
        self._idle_secs = idle_secs
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Call[Any] | None] = SimpleQueue()
        self._unfinished = 0  # calls that wait or run
        self._threads = 0
        self._dismissed = False

    def anew(self) -> Crew:
        """A crew like this one, before its first call."""
        return Crew(self._limit, self._idle_secs)

    @property
    def limit(self) -> int:
        """The most threads that there can be."""
        return self._limit

    def submit(self, call: Call[_T]) -> bool:
        """Have the call made as soon as a thread is free; ``False`` from a dismissed crew."""
        with self._lock:
            if self._dismissed:
                return False
            if self._unfinished >= self._threads and self._threads < self._limit:
                # Under the lock, so that one that cannot start leaves nothing behind.
                threading.Thread(target=self._work, name="kvcore-aio", daemon=True).start()
                self._threads += 1
            self._unfinished += 1
            self._queue.put(call)
        return True

    def dismiss(self) -> None:
        """End the threads once the calls submitted so far are done; take no more."""
        with self._lock:
            self._dismissed = True
            for _ in range(self._threads):
                self._queue.put(None)

    def _work(self) -> None:
        while True:
            try:
                call = self._queue.get(timeout=self._idle_secs)
            except Empty:
                with self._lock:
                    if self._unfinished < self._threads:
                        self._threads -= 1
                        return
                continue
            if call is None:  # dismissed
                return
            call.make()
            with self._lock:  # first, or the caller's next call would start another thread
                self._unfinished -= 1
            call.announce()
            del call  # an idle thread keeps no value alive
