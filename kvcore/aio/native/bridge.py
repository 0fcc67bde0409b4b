"""`current_bridge`: where a store learns that its caller can wait in an event loop.

A store with an async client asks in the one place where it sends something::

    def _send(self, *command):
        bridge = current_bridge()
        if bridge is None:
            return self._client.execute_command(*command)
        return bridge.wait(self._async_client().execute_command(*command))

and declares ``native_async=can_wait()``. Nothing else in the store, and nothing in the decorators
around it, is written twice.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.util import find_spec
from typing import TypeVar

_T = TypeVar("_T")


class Bridge:
    """From synchronous code to the event loop that runs around it."""

    @abstractmethod
    def wait(self, awaitable: Awaitable[_T], /) -> _T:
        """What the awaitable gives or raises; meanwhile the event loop does other things.

        A cancellation of the caller is raised here.
        """


_current: Callable[[], object] = object  # until `kvcore.aio.native.greenlets` is imported


def current_bridge() -> Bridge | None:
    """The bridge of the call that is being made, or ``None`` if it was not awaited."""
    here = _current()
    return here if isinstance(here, Bridge) else None


def find_by(current: Callable[[], object]) -> None:
    """Have `current_bridge` look at what ``current`` gives."""
    global _current  # noqa: PLW0603  # so that without native stores nothing is looked for
    _current = current


@cache
def can_wait() -> bool:
    """Whether bridges can be built here: they need the library greenlet."""
    return find_spec("greenlet") is not None
