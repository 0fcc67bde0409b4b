"""A stream of 1 GiB: by how much the memory of a fresh process grows"""

import os
import subprocess
import sys
from functools import partial

from benchmarks.clients import versions
from benchmarks.measure import OURS, Contest, Sample
from benchmarks.places import CHECKOUT, DISK, Missing, Place
from benchmarks.row import Row
from benchmarks.show import MIB, mebibytes


def stream(place: Place, task: str, decorated: str = "", *, peers: tuple[str, ...] = ()) -> Contest:
    if not os.path.exists("/proc/self/clear_refs"):
        raise Missing("only Linux can reset the peak of a process")
    libraries = [OURS, *(name for name in peers if name in versions())]
    return {name: _growth(place, name, name + decorated, task) for name in libraries}


def _growth(place: Place, library: str, store: str, task: str) -> Sample:
    folder, size = place.folder(library), place.size(1024) * MIB

    def growth(task: str) -> float:
        command = [sys.executable, "-m", "benchmarks.peak", store, task, folder, str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=CHECKOUT)
        return float(done.stdout)

    if task in {"get_file", "read"}:
        growth("put_file")
    return partial(growth, task)


def _row(name: str, task: str, *peers: str, decorated: str = "") -> Row:
    streaming = partial(stream, task=task, decorated=decorated, peers=peers)
    return Row(name, streaming, {DISK: 16.0}, most_rounds=1, show=mebibytes)


ROWS = (
    _row("put_file of a generator", "put_blocks"),
    _row("put_file of a file", "put_file", "minimalkv"),
    _row("get_file to a path", "get_file", "minimalkv"),
    _row("open and read", "read", "minimalkv"),
    _row("put_file of a generator, HMAC", "put_blocks", decorated="_hmac"),
    _row("put_file of a file, HMAC", "put_file", decorated="_hmac"),
    _row("get_file to a path, HMAC", "get_file", decorated="_hmac"),
    _row("open and read, HMAC", "read", decorated="_hmac"),
)
