"""Copies that are killed at random moments, judged by the values that are there."""

import os
import random
import signal
import tempfile
from typing import Any

from kvcore import CopyReport, FilesystemStore, copy_store
from tests.faults.children import fork

_LARGE_BYTES = 200_000


def kill_copies(kills: int, seed: int) -> Any:
    """Kill that many copies; what was wrong, and how many were killed before their end."""
    chance = random.Random(seed)
    wrong, unfinished = [], 0
    with tempfile.TemporaryDirectory() as root:
        source = FilesystemStore(f"{root}/source", durability="atomic")
        values = {
            f"key{n}": os.urandom(_LARGE_BYTES if n % 20 == 0 else chance.randrange(3000))
            for n in range(600)
        }
        source.put_many(values)
        for kill in range(kills):
            dest = FilesystemStore(f"{root}/{kill}", durability="atomic")
            _start_and_kill(source, dest, chance.randrange(1, 12))
            there = {key: dest.get(key) for key in dest}
            wrong += [key for key, data in there.items() if data != values[key]]
            unfinished += len(there) < len(values)
            report = copy_store(source, dest)
            if not report.ok or report.same != len(there):
                wrong.append(f"{report} with {len(there)} there before")
            if {key: dest.get(key) for key in dest} != values:
                wrong.append("not complete")
    return {"wrong": wrong, "unfinished": unfinished}


def _start_and_kill(source: FilesystemStore, dest: FilesystemStore, reports: int) -> None:
    """Kill a copy after so many reports of its progress, or when it has ended."""
    reading, writing = os.pipe()

    def note(_: CopyReport) -> None:
        os.write(writing, b".")

    pid = fork(lambda: copy_store(source, dest, on_progress=note))
    os.close(writing)
    while reports and os.read(reading, 1):
        reports -= 1
    os.close(reading)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
