"""``python -m benchmarks.peak STORE TASK FOLDER BYTES``: prints by how many MiB memory grows.

The task is done once with a small value, so that modules are loaded. Then the peak of the resident
memory is reset (proc(5), clear_refs), and the task done in its full size.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvcore import KeyValueStore as Store  # that of minimalkv has the same verbs

BLOCK_BYTES = 64 * 1024
SMALL_BYTES = BLOCK_BYTES
SECRET = b"a secret of 32 bytes, not a word"


def kvcore(folder: str) -> Store:
    from kvcore import FilesystemStore

    return FilesystemStore(folder, durability="atomic")


def kvcore_hmac(folder: str) -> Store:
    from kvcore import HMACDecorator

    return HMACDecorator(SECRET, kvcore(folder))


def kvcore_s3(folder: str) -> Store:
    """On the server whose endpoint is in the environment, which keeps nothing."""
    from kvcore import S3Store

    endpoint = os.environ["BENCHMARK_ENDPOINT"]
    return S3Store("bucket", endpoint=endpoint, access_key="key", secret_key="secret")


def minimalkv(folder: str) -> Store:
    from minimalkv.fs import FilesystemStore

    return FilesystemStore(folder)


def put_blocks(store: Store, key: str, path: str, size: int) -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(size // BLOCK_BYTES):
            yield bytes(BLOCK_BYTES)

    store.put_file(key, blocks())


def put_file(store: Store, key: str, path: str, size: int) -> None:
    with open(path, "w+b") as file:
        file.truncate(size)  # a hole: nothing is read from the disk
        store.put_file(key, file)


def get_file(store: Store, key: str, path: str, size: int) -> None:
    store.get_file(key, path)


def read(store: Store, key: str, path: str, size: int) -> None:
    with store.open(key) as file:
        while file.read(BLOCK_BYTES):
            pass


STORES: dict[str, Callable[[str], Store]] = {
    store.__name__: store for store in (kvcore, kvcore_hmac, kvcore_s3, minimalkv)
}
TASKS: dict[str, Callable[[Store, str, str, int], None]] = {
    task.__name__: task for task in (put_blocks, put_file, get_file, read)
}


def grown(
    store: Store, task: Callable[[Store, str, str, int], None], path: str, size: int
) -> float:
    """The MiB that the task needs in its full size beyond what it has needed in a small one."""
    store.put_file("small", io.BytesIO(bytes(SMALL_BYTES)))
    task(store, "small", path, SMALL_BYTES)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _peak()
    task(store, "large", path, size)
    return (_peak() - before) / 1024


def _peak() -> int:
    """The largest resident memory since the last reset, in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    _, chosen, what, folder, count = sys.argv
    opened = STORES[chosen](os.path.join(folder, "store"))
    print(grown(opened, TASKS[what], os.path.join(folder, "file"), int(count)))
