"""Work in a forked child of the process that runs the tests."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.faults.children import fork

CHILD_SECS = 60

forks = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
"""For a test that forks: Python warns of that where threads run, which is what is tested."""


def forked(work: Callable[[], bool]) -> int:
    """Do the work in a child, which ends when it takes too long; the id of the process."""

    def checked() -> None:
        signal.alarm(CHILD_SECS)
        assert work()

    return fork(checked)


def ended(pid: int) -> int:
    """The exit code of a child: 0 if its work was well done."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
