"""After ``fork``: locks are made anew, inherited clients are dropped, never closed.

A forked child inherits locks that a thread of the parent may hold, and sockets that the parent
goes on using. What holds either registers here and gets ``_after_fork()`` called in the child.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """What holds locks or clients."""

    def _after_fork(self) -> None: ...


_alive: WeakSet[Forkable] = WeakSet()


def tell_after_fork(thing: Forkable) -> None:
    """Have ``thing._after_fork()`` called in every child forked while ``thing`` lives."""
    _alive.add(thing)


def _in_child() -> None:
    with ExitStack() as stack:  # one that fails must not keep the others from it
        for thing in list(_alive):
            stack.callback(thing._after_fork)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
