"""Where files are put for a while: a folder in memory (tmpfs) and one on a disk."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import NamedTuple

TMPFS = "tmpfs"
DISK = "disk"
ANY = "any"
"""A place for what hardly touches files: either."""

_IN_MEMORY = {"tmpfs", "ramfs"}
CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Missing(Exception):
    """This machine has no such place; says why."""


class Effort(NamedTuple):
    """How much is to be done: the rounds, and the share of operations and of bytes in each."""

    rounds: int
    share: float = 1.0


class Place:
    """An empty folder for one row, and how much is to be done in it."""

    def __init__(self, path: str, effort: Effort, operations: int, stack: ExitStack) -> None:
        self.path = path
        self.effort = effort
        self.operations = max(1, round(operations * effort.share))
        self.at_the_end = stack.callback

    def folder(self, name: str) -> str:
        """The folder of a contestant."""
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        return path

    def names(self, levels: int = 0) -> list[str]:
        """As many keys as there are operations, 26 characters below ``levels`` directories."""
        return [f"{'d/' * levels}{number:026x}" for number in range(self.operations)]

    def size(self, full: int) -> int:
        """The share of this many bytes, files or the like."""
        return max(1, round(full * self.effort.share))


@cache
def find(kind: str) -> str:
    """The path of a folder of this kind; `Missing` if there is none."""
    if kind == TMPFS:
        if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK):
            return "/dev/shm"
        raise Missing("there is no /dev/shm to write to")
    for path in (tempfile.gettempdir(), os.path.join(CHECKOUT, "build"), os.path.expanduser("~")):
        if os.path.isdir(path) and filesystem(path) not in _IN_MEMORY:
            return path
    if kind == ANY:
        return find(TMPFS)
    raise Missing("the folder for temporary files, ./build and ~ are all in memory")


def filesystem(path: str) -> str:
    """The type of the file system of a path, such as "ext4"; "unknown" if the system hides it."""
    path = os.path.realpath(path)
    best = ("", "unknown")
    try:
        with open("/proc/self/mounts") as mounts:
            for line in mounts:
                _, point, kind, *_ = line.split()
                if len(point) >= len(best[0]) and os.path.commonpath([point, path]) == point:
                    best = (point, kind)
    except OSError:
        pass  # not Linux
    return best[1]


@contextmanager
def opened(kind: str, effort: Effort, operations: int) -> Iterator[Place]:
    """A `Place` that is cleared away at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="kvcore-bench-", dir=find(kind)) as path,
        ExitStack() as stack,
    ):
        yield Place(path, effort, operations, stack)
