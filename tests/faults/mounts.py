"""Children with mounts of their own, which end with them: nothing is left to unmount."""

import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.faults import children


@functools.cache
def _prefix() -> Sequence[str] | None:
    """What to put before a command so that it may mount; ``None`` where nothing helps."""
    for prefix in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        with tempfile.TemporaryDirectory() as folder:
            try:
                mount = ["mount", "-t", "tmpfs", "none", folder]
                if not subprocess.run([*prefix, *mount], capture_output=True).returncode:
                    return prefix
            except FileNotFoundError:
                continue
    return None


def may_mount() -> bool:
    """Whether `run_mounting` works here."""
    return _prefix() is not None


def run_mounting(function: str, *arguments: Any) -> Any:
    """`children.run` in a mount namespace of its own."""
    return children.run(function, *arguments, before=_prefix() or ())


def mount(*arguments: str) -> None:
    """The command of this name."""
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@contextmanager
def tmpfs(path: str, options: str) -> Iterator[None]:
    """An empty file system in memory, of limited size."""
    os.makedirs(path, exist_ok=True)
    mount("-t", "tmpfs", "-o", options, "none", path)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True, capture_output=True)
