"""Another process that exchanges a directory of the tree, or the root itself, all the time."""

import ctypes
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kvcore import FilesystemStore, KeyExists, KeyNotFound, PreconditionFailed, StoreError
from tests.backends.filesystem.variants import new_store
from tests.faults.children import fork, race

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
SECRET = b"SECRET of the world outside"


def exchange(one: str, two: str) -> None:
    """Let two paths swap what they name, in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, one.encode(), _AT_FDCWD, two.encode(), _RENAME_EXCHANGE):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), one)


@contextmanager
def for_ever(step: Callable[[], object]) -> Iterator[None]:
    """Another process does ``step`` in a tight loop meanwhile."""

    def loop() -> None:
        while True:
            step()

    pid = fork(loop)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code == -signal.SIGKILL, "the other process failed, see its traceback"


def swap_for_link(variant: str, rounds: int) -> Any:
    """``root/d`` is now a directory, now a link out of the root; all verbs go on below it."""
    with tempfile.TemporaryDirectory() as base:
        root, outside = f"{base}/root", f"{base}/outside"
        os.makedirs(f"{root}/d/sub")
        os.makedirs(f"{outside}/sub")
        for name in ("victim", "k", "sub/k", "sub/victim"):
            with open(f"{outside}/{name}", "wb") as file:
                file.write(SECRET)
            os.utime(f"{outside}/{name}", ns=(1, 1))
        for name in ("stay", "sub/stay"):  # else the directory would be pruned
            with open(f"{root}/d/{name}", "wb"):
                pass
        os.symlink(outside, f"{root}/link")
        before = _snapshot(outside)
        with for_ever(lambda: exchange(f"{root}/d", f"{root}/link")):
            results = race(
                *(lambda me=me: _use_all(new_store(variant, root), me, rounds) for me in range(2))
            )
        return {
            "escaped": sum(result["escaped"] for result in results),
            "done": {
                name: sum(result["done"][name] for result in results) for name in results[0]["done"]
            },
            "changed": sorted(set(_snapshot(outside)) ^ set(before)),
        }


def _snapshot(folder: str) -> list[str]:
    found = []
    for base, _, names in os.walk(folder):
        for path in (base, *(f"{base}/{name}" for name in names)):
            stat = os.stat(path)
            kept = (stat.st_ino, stat.st_mode, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_nlink)
            found.append(f"{path} {kept}")
    return found


def _use_all(store: FilesystemStore, me: int, rounds: int) -> Any:
    """Every verb below ``d``; counts what came from outside, and how often each got through."""
    data, escaped = b"from inside", 0
    keys = ("d/k", "d/victim", "d/sub/k", "d/sub/victim", f"d/new/{me}")

    def write(key: str) -> None:
        with store.open_write(key) as writer:
            writer.write(data)

    def read_open(key: str) -> bytes:
        with store.open(key) as reader:
            return reader.read()

    verbs: dict[str, Callable[[str], object]] = {
        "put": lambda key: store.put(key, data),
        "put over": lambda key: store.put(key, data, if_present=True),
        "create": lambda key: store.put(key, data, if_absent=True),
        "put_file": lambda key: store.put_file(key, iter([data])),
        "open_write": write,
        "get": store.get,
        "open": read_open,
        "fetch": lambda key: store.fetch(key).data,
        "stat": lambda key: SECRET if store.stat(key).size == len(SECRET) else b"",
        "in": lambda key: key in store,
        "list": lambda key: SECRET if "d/sub/secret" in set(store) else b"",
        "delete": store.delete,
        "copy": lambda key: store.copy(key, f"copied-{me}") and store.get(f"copied-{me}"),
        "move out": lambda key: store.move(key, f"moved-{me}") and store.get(f"moved-{me}"),
        "move in": lambda key: store.put(f"own-{me}", data) and store.move(f"own-{me}", key),
        "sweep": lambda key: store.sweep(),
    }
    done = dict.fromkeys(verbs, 0)
    chance = random.Random(me)
    for _ in range(rounds):
        for name, verb in verbs.items():
            try:
                result = verb(chance.choice(keys))
            except (KeyNotFound, PreconditionFailed, KeyExists):
                continue
            escaped += result == SECRET
            done[name] += 1
    return {"escaped": escaped, "done": done}


def switch_root(variant: str, rounds: int) -> Any:
    """The root is a link that is switched between two directories while the store is used."""
    with tempfile.TemporaryDirectory() as base:
        for name in ("one", "two"):
            os.mkdir(f"{base}/{name}")
        os.symlink("one", f"{base}/root")
        os.symlink("two", f"{base}/other")
        with for_ever(lambda: exchange(f"{base}/root", f"{base}/other")):
            return _use_root(new_store(variant, f"{base}/root"), rounds)


def remake_root(variant: str, rounds: int) -> Any:
    """The root is removed with all that is in it, and made again by the next put."""
    with tempfile.TemporaryDirectory() as base:
        with for_ever(lambda: shutil.rmtree(f"{base}/root", ignore_errors=True)):
            return _use_root(new_store(variant, f"{base}/root", perm=0o640), rounds)


def _use_root(store: FilesystemStore, rounds: int) -> Any:
    """Values come and go with the root, but whole, and nothing else is ever raised."""
    wrong, found, refused = [], 0, 0
    for number in range(rounds):
        key = ("flat", "a/nested", "a/b/nested")[number % 3]
        try:
            store.put(key, b"value")
            store.put_file(key, iter([b"val", b"ue"]))
            store.put("moved", b"value")
            store.move("moved", key)
        except KeyNotFound:
            pass
        except StoreError as error:
            refused += 1
            wrong.append(repr(error))
        try:
            found += store.get(key) == b"value"
        except KeyNotFound:
            pass
        key in store  # noqa: B015
        list(store)
        store.delete(key)
    return {"wrong": wrong[:10], "refused": refused, "found": found}
