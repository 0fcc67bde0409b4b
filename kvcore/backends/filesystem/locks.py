"""Advisory locks on descriptors, across threads and processes, with a deadline and fork-safe."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from kvcore.forking import tell_after_fork

TIMEOUT_SECS = 30.0
"""How long to wait for a lock, which is usually held for 20 µs, before `TimeoutError`.

Longer means that its holder was stopped or hangs in a system call.
"""
_FIRST_NAP_SECS = 0.00005
_LONGEST_NAP_SECS = 0.001

if sys.platform == "win32":
    import msvcrt

    LOCK_EX, LOCK_NB, LOCK_UN = 2, 4, 8

    def flock(fd: int, operation: int) -> None:
        """As on POSIX, as far as Windows goes."""
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK if operation == LOCK_UN else msvcrt.LK_NBLCK, 1)

else:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock

_TAKE = LOCK_EX | LOCK_NB


class _Held(set[int]):
    """The descriptors that hold locks now. A lock lives until its *last* copy is closed, so a
    child forked meanwhile closes the copies that it inherited.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]  # only to be held weakly

    def _after_fork(self) -> None:
        for fd in self:
            with suppress(OSError):  # closed by its thread when the fork came
                os.close(fd)
        self.clear()


_held = _Held()
tell_after_fork(_held)


def lock(fd: int) -> None:
    """Lock what ``fd`` has open; ``TimeoutError`` after `TIMEOUT_SECS`."""
    try:
        flock(fd, _TAKE)
    except (BlockingIOError, PermissionError):  # taken: on POSIX, on Windows
        _wait(fd)
    _held.add(fd)


def _wait(fd: int) -> None:
    # Polling, because a lock by flock knows no deadline, and a signal would not be ours to use.
    nap, deadline = _FIRST_NAP_SECS, time.monotonic() + TIMEOUT_SECS
    while True:
        time.sleep(nap)
        try:
            return flock(fd, _TAKE)
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"others have held a lock on this directory for {TIMEOUT_SECS:.0f} s"
                ) from None
        nap = min(nap * 1.5, _LONGEST_NAP_SECS)


def unlock(fd: int) -> None:
    """Unlock what ``fd`` has open, in forked children too; close it afterwards."""
    try:
        flock(fd, LOCK_UN)
    except OSError:
        pass  # closing it does it, too, unless a child has a copy
    finally:
        _held.discard(fd)
