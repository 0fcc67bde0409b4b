"""Work in a forked child of the process that runs the tests."""

import os
import signal
import sys
import traceback
from collections.abc import Callable

import pytest

CHILD_SECS = 60

forks = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
"""For a test that forks: Python warns of that where threads run, which is what is tested."""


def forked(work: Callable[[], bool]) -> int:
    """Do the work in a child, which ends when it takes too long; the id of the process."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.alarm(CHILD_SECS)
        code = 0 if work() else 2
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(pid: int) -> int:
    """The exit code of a child: 0 if its work was well done."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
