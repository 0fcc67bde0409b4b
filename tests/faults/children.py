"""Child processes: a function called in a fresh interpreter, and forks of it that race.

The drivers of races and faults run in a fresh interpreter because the one of pytest holds threads
of other tests. ``run("tests.x.y:function", 1, 2)`` returns what the function returned, by JSON.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.soak import SOAK

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT_SECS = None if SOAK else 250.0
"""How long a child may take: in `make test` less than the time that a test has."""


def run(
    function: str,
    *arguments: Any,
    before: Sequence[str] = (),
    **environment: str,
) -> Any:
    """Call ``"module:function"`` in a fresh interpreter; ``before`` is put before its command."""
    command = [*before, sys.executable, "-m", "tests.faults.children", function]
    done = subprocess.run(
        [*command, json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECS,
    )
    assert done.returncode == 0, f"{function} ended with {done.returncode}:\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


def fork(work: Callable[[], object]) -> int:
    """Call ``work`` in a forked child; its exit code is 0 unless it raised."""
    pid = os.fork()
    if not pid:
        _work_and_exit(work)
    return pid


def _work_and_exit(work: Callable[[], object]) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def race(*works: Callable[[], Any]) -> list[Any]:
    """Call all in forked children that start at once; what they returned, in order.

    One that raises fails the whole; one that hangs is killed and fails the whole.
    """
    gate, opener = os.pipe()
    pids, results = [], []
    for work in works:
        answer, sender = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(opener)
            os.close(answer)
            _work_and_exit(lambda work=work, sender=sender: _answer(work, gate, sender))
        os.close(sender)
        pids.append(pid)
        results.append(answer)
    os.close(gate)
    os.close(opener)  # the end of file lets all go
    deadline = None if LIMIT_SECS is None else time.monotonic() + LIMIT_SECS
    try:
        return [json.loads(_read_all(answer, deadline)) for answer in results]
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)  # those that answered have ended or are about to
            os.waitpid(pid, 0)
        for answer in results:
            os.close(answer)


def _answer(work: Callable[[], Any], gate: int, sender: int) -> None:
    os.read(gate, 1)
    with open(sender, "wb") as file:
        file.write(json.dumps(work()).encode())


def _read_all(answer: int, deadline: float | None) -> bytes:
    parts = []
    while True:
        left = None if deadline is None else max(0, deadline - time.monotonic())
        if not select.select([answer], [], [], left)[0]:
            raise TimeoutError("a racing process hangs")
        if not (block := os.read(answer, 65536)):
            break
        parts.append(block)
    assert parts, "a racing process failed, see its traceback"
    return b"".join(parts)


def become_nobody() -> None:
    """Go on without any privilege, if this process has some."""
    if os.geteuid() == 0:
        importlib.import_module("datetime")  # of which ``stat`` is made, and may be ours to read
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def main(function: str, arguments: str) -> None:
    """Call the function and print its result as the last line."""
    module, _, name = function.partition(":")
    result = getattr(importlib.import_module(module), name)(*json.loads(arguments))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
