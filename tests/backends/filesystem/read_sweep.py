"""The fault sweep of verbs that read: what they return is right, or they raise."""

import os
import tempfile
from collections.abc import Callable
from typing import Any

from kvcore import FilesystemStore, KvcoreError
from tests.backends.filesystem.sweep import FAULTS
from tests.backends.filesystem.variants import fast_folder, new_store, open_descriptors
from tests.faults.shim import Shim

DATA = b"a value to be read " * 20_000
FILLED = b"what the caller had"


def _read_open(store: FilesystemStore, key: str) -> bytes:
    with store.open(key) as reader:
        return reader.read(1_000) + reader.read()


def _get_file(store: FilesystemStore, key: str) -> bytes:
    path = f"{store.root}-target"
    with open(path, "wb") as file:
        file.write(FILLED)
    try:
        store.get_file(key, path)
    finally:
        with open(path, "rb") as file:
            found = file.read()
        if found not in (DATA, FILLED):
            raise AssertionError(f"the caller's file has {len(found)} bytes")
    return found


READS: dict[str, tuple[Callable[[FilesystemStore, str], object], object]] = {
    "get": (lambda store, key: store.get(key), DATA),
    "fetch": (lambda store, key: store.fetch(key).data, DATA),
    "get_range": (lambda store, key: store.get_range(key, 100, 300_000), DATA[100:300_100]),
    "open": (_read_open, DATA),
    "get_file": (_get_file, DATA),
    "get_many": (lambda store, key: store.get_many([key, "missing"])[key], DATA),
    "stat": (lambda store, key: store.stat(key).size, len(DATA)),
    "in": (lambda store, key: key in store, True),
    "not in": (lambda store, key: f"{key}-missing" in store, False),
    "list": (lambda store, key: sorted(store), ["dir/key", "dir/sub/key", "key"]),
    "iter_stats": (lambda store, key: dict(store.iter_stats())[key].size, len(DATA)),
    "iter_prefixes": (
        lambda store, key: sorted(store.iter_prefixes("/", "dir/")),
        ["dir/key", "dir/sub/"],
    ),
}
# What they raise is the system's own word: a file object, and the caller's own file.
RAW = ("open", "get_file", "get_range")


def sweep(variant: str) -> Any:
    """Every read with a fault at every call; how many runs, and what was wrong."""
    runs, wrong = 0, []
    with tempfile.TemporaryDirectory(prefix="kvcore-sweep-", dir=fast_folder()) as base:
        base = os.path.realpath(base)
        store = new_store(variant, f"{base}/root")
        for key in ("key", "dir/key", "dir/sub/key"):
            store.put(key, DATA)
        shim = Shim(f"{base}/root")
        for name, (act, expected) in READS.items():
            for key in ("key", "dir/sub/key"):
                for fault_name in ("EIO once", "EIO from then on", "short from then on"):
                    fault, n = FAULTS[fault_name], 0
                    while True:
                        n += 1
                        at = f"{name} {key}, {fault_name} at call {n}"
                        descriptors = open_descriptors()
                        shim.arm(
                            n,
                            fault.action,
                            fault.error,
                            kinds=fault.kinds,
                            persistent=fault.persistent,
                        )
                        try:
                            if (found := act(store, key)) != expected:
                                wrong.append(f"{at}: returned {str(found)[:80]}")
                        except KvcoreError:
                            pass
                        except OSError as error:
                            if name not in RAW:
                                wrong.append(f"{at}: {error!r}")
                        except AssertionError as error:
                            wrong.append(f"{at}: {error}")
                        shim.disarm()
                        if not shim.fired:
                            break
                        runs += 1
                        if open_descriptors() != descriptors:
                            wrong.append(f"{at}: a descriptor more")
    return {"runs": runs, "wrong": wrong}
