"""Processes that race on one root. Each driver returns figures, and what was wrong."""

import functools
import os
import random
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from typing import Any, ParamSpec, TypeVar

from kvcore import FilesystemStore, KeyExists, KeyNotFound, PreconditionFailed
from kvcore.backends.filesystem import locks
from tests.backends.filesystem.values import value, version_of
from tests.backends.filesystem.variants import files_below, folders_below, new_store
from tests.faults.children import race

_P = ParamSpec("_P")
_T = TypeVar("_T")
SIZE = 64 * 1024


def in_new_root(driver: Callable[..., Any]) -> Callable[..., Any]:
    """Give the driver a store of the named variant on an empty directory."""

    @functools.wraps(driver)
    def run(variant: str, *arguments: Any) -> Any:
        with tempfile.TemporaryDirectory(prefix="kvcore-race-") as root:
            return driver(new_store(variant, root), *arguments)

    return run


def worker(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Callable[[], _T]:
    """What a process is to do."""
    return functools.partial(function, *args, **kwargs)


# Readers against writers


@in_new_root
def read_and_write(store: FilesystemStore, writes: int) -> Any:
    """Two writers replace three values again and again; two readers never see but a whole one."""
    keys = ("flat", "dir/nested", "dir/deeper/nested")
    for key in keys:
        store.put(key, value(key, 0, SIZE))
    done = store.root + "-done"
    try:
        *_, first, second = race(
            worker(_write, store, keys, range(1, writes), done),
            worker(_write, store, keys, range(writes, 2 * writes), done),
            worker(_read, store, keys, done),
            worker(_read, store, keys, done),
        )
    finally:
        os.unlink(done)
    return {"reads": first["reads"] + second["reads"], "wrong": first["wrong"] + second["wrong"]}


def _write(store: FilesystemStore, keys: tuple[str, ...], versions: range, done: str) -> None:
    spare = f"spare/{versions.start}"
    for version in versions:
        key = keys[version % len(keys)]
        data = value(key, version, SIZE)
        match version % 4:
            case 0:
                store.put(key, data)
            case 1:
                store.put_file(key, iter([data[:1000], data[1000:]]))
            case 2:
                store.put(spare, data)
                store.move(spare, key)
            case 3:
                store.put(key, data, if_present=True)
    with open(done, "ab"):
        pass


def _read(store: FilesystemStore, keys: tuple[str, ...], done: str) -> Any:
    reads, wrong = 0, []
    target = f"{store.root}-read-{os.getpid()}"
    while not (reads and os.path.exists(done)):
        for key in keys:
            for how in (store.get, _fetch, _open, _get_file):
                try:
                    data = how(key) if how == store.get else how(store, key, target)
                    version_of(data, key, SIZE)
                except (KeyNotFound, ValueError) as error:
                    wrong.append(f"{how.__name__}: {error!r}")
                reads += 1
            if key not in store:
                wrong.append(f"{key} was missing")
    os.unlink(target)
    return {"reads": reads, "wrong": wrong[:20]}


def _fetch(store: FilesystemStore, key: str, target: str) -> bytes:
    found = store.fetch(key)
    if found.stat.size != len(found.data):
        raise ValueError("stat and data are of two versions")
    return found.data


def _open(store: FilesystemStore, key: str, target: str) -> bytes:
    """A reader stays with the version that it began with."""
    with store.open(key) as reader:
        parts = []
        while block := reader.read(10_000):
            parts.append(block)
            time.sleep(0)
        reader.seek(0)
        if reader.read() != b"".join(parts):
            raise ValueError("the reader changed under way")
        return b"".join(parts)


def _get_file(store: FilesystemStore, key: str, target: str) -> bytes:
    store.get_file(key, target)
    with open(target, "rb") as file:
        return file.read()


# Conditions


@in_new_root
def create(store: FilesystemStore, keys: int) -> Any:
    """Four processes create the same keys: each has one winner, whose value it is."""

    def claim(me: int) -> list[str]:
        won = []
        for number in range(keys):
            key = f"{number % 10}/{number}" if number % 2 else f"{number}"
            try:
                if me % 2:
                    store.put_file(key, iter([b"%d" % me]), if_absent=True)
                else:
                    store.put(key, b"%d" % me, if_absent=True)
                won.append(key)
            except KeyExists:
                pass
        return won

    winners = race(*(worker(claim, me) for me in range(4)))
    wrong = [
        f"{key}: {me} won, but it is {store.get(key)!r}"
        for me, won in enumerate(winners)
        for key in won
        if store.get(key) != b"%d" % me
    ]
    return {"wrong": wrong, "won": sum(map(len, winners)), "listed": len(list(store))}


@in_new_root
def count_up(store: FilesystemStore, steps: int) -> Any:
    """Four processes add to one counter by if_match, and to one by ``increment``."""
    store.put("dir/counter", b"0")

    def add() -> int:
        retries = 0
        for _ in range(steps):
            store.increment("dir/incremented")
            while True:
                data, found = store.fetch("dir/counter")
                try:
                    store.put("dir/counter", b"%d" % (int(data) + 1), if_match=found.etag)
                    break
                except PreconditionFailed:
                    retries += 1
        return retries

    retries = race(*[worker(add)] * 4)
    return {
        "counter": int(store.get("dir/counter")),
        "incremented": int(store.get("dir/incremented")),
        "retries": sum(retries),
    }


@in_new_root
def write_past_conditions(store: FilesystemStore, rounds: int) -> Any:
    """Plain puts and deletes against three processes that replace by if_match and if_present.

    A value carries the number of the plain put that it descends from. After a plain put returned,
    only descendants of it may be found; after a delete, nothing.
    """
    key, done = "dir/key", store.root + "-done"

    def plain() -> Any:
        overwritten, resurrected = 0, 0
        for number in range(rounds):
            for again in range(8):
                data = b"%d %d" % (number, again)
                store.put(key, data)
                overwritten += sum(store.get(key) != data for _ in range(3))
            etag = store.stat(key).etag
            if number % 2:
                store.delete(key)
            else:
                while True:  # they replace it with equal bytes and other etags
                    try:
                        store.delete(key, if_match=etag)
                        break
                    except PreconditionFailed:
                        etag = store.stat(key).etag
            resurrected += sum(key in store for _ in range(3))
        with open(done, "ab"):
            pass
        return {"overwritten": overwritten, "resurrected": resurrected}

    def conditional() -> int:
        replaced = 0
        while not os.path.exists(done):
            try:
                data, found = store.fetch(key)
                store.put(key, data, if_match=found.etag)
                replaced += 1
            except (KeyNotFound, PreconditionFailed):
                pass
        return replaced

    try:
        first, *replaced = race(worker(plain), *[worker(conditional)] * 3)
    finally:
        os.unlink(done)
    return {**first, "replaced": sum(replaced)}


@in_new_root
def delete_past_if_present(store: FilesystemStore, rounds: int) -> Any:
    """Three processes save only what is still present, one creates and deletes: none comes back."""
    key, done = "dir/key", store.root + "-done"

    def logout() -> int:
        resurrected = 0
        for _ in range(rounds):
            store.put(key, b"session", if_absent=True)
            time.sleep(0)
            store.delete(key)
            resurrected += sum(key in store for _ in range(5))
        with open(done, "ab"):
            pass
        return resurrected

    def save() -> int:
        saved = 0
        while not os.path.exists(done):
            try:
                store.put(key, b"saved", if_present=True)
                saved += 1
            except PreconditionFailed:
                pass
        return saved

    try:
        resurrected, *saved = race(worker(logout), *[worker(save)] * 3)
    finally:
        os.unlink(done)
    return {"resurrected": resurrected, "saved": sum(saved)}


# Directories that come and go


@in_new_root
def prune(store: FilesystemStore, rounds: int) -> Any:
    """Four processes put and delete beside each other in directories that come and go."""

    def come_and_go(me: int) -> list[str]:
        chance, wrong = random.Random(me), []
        for number in range(rounds):
            folder = chance.choice(("a", "a/b", "a/b/c", "d/e/f/g"))
            key = f"{folder}/{me}"
            data = b"%d %d" % (me, number)
            match number % 3:
                case 0:
                    store.put(key, data)
                case 1:
                    store.put(key, data, if_absent=True)
                case 2:
                    store.put(f"d/{me}", data)
                    store.move(f"d/{me}", key)
            if store.get(key) != data:
                wrong.append(f"{key}: lost")
            store.delete(key)
            if key in store:
                wrong.append(f"{key}: still there")
        return wrong

    wrong = list(chain(*race(*(worker(come_and_go, me) for me in range(4)))))
    return {
        "wrong": wrong,
        "files": sorted(files_below(store.root)),
        "folders": sorted(folders_below(store.root)),
    }


@in_new_root
def bar(store: FilesystemStore, rounds: int) -> Any:
    """Two put and delete ``a``, two ``a/b``, first by ``if_absent``, then plainly."""

    def work(key: str, *, create: bool) -> Any:
        put, barred, wrong = 0, 0, []
        for number in range(rounds):
            data = b"%d %d" % (os.getpid(), number)
            try:
                store.put(key, data, if_absent=create)
            except KeyExists:
                barred += 1
                continue
            put += 1
            try:
                found = store.get(key)
            except KeyNotFound:
                found = b""
            if create and found != data:
                wrong.append(f"{key}: lost")
            store.delete(key)
        return {"put": put, "barred": barred, "wrong": wrong}

    keys = ("a", "a", "a/b", "a/b")
    results = race(*(worker(work, key, create=True) for key in keys))
    results += race(*(worker(work, key, create=False) for key in keys))
    return {
        "wrong": list(chain(*(result["wrong"] for result in results))),
        "put": sum(result["put"] for result in results),
        "barred": sum(result["barred"] for result in results),
        "left": sorted(files_below(store.root) | folders_below(store.root)),
    }


# Moves


@in_new_root
def move(store: FilesystemStore, files: int, rounds: int) -> Any:
    """Four processes move the same files to and fro between directories."""
    folders = ("", "a/", "b/", "a/c/")
    for number in range(files):
        store.put(f"{number}", b"content of %d" % number)

    def shuffle(me: int) -> int:
        chance, moved = random.Random(me), 0
        for _ in range(rounds):
            name = chance.randrange(files)
            source, dest = chance.sample(folders, 2)
            try:
                store.move(f"{source}{name}", f"{dest}{name}", if_absent=bool(me % 2))
                moved += 1
            except KeyNotFound:
                pass  # another one was faster
        return moved

    moved = race(*(worker(shuffle, me) for me in range(4)))
    found = sorted(key.rpartition("/")[2] for key in store)
    wrong = [key for key in store if store.get(key) != b"content of " + key.split("/")[-1].encode()]
    return {
        "moved": sum(moved),
        "wrong": wrong,
        "lost": sorted({f"{number}" for number in range(files)} - set(found)),
        "twice": sorted(name for name in set(found) if found.count(name) > 1),
        "leftovers": sorted(files_below(store.root) - set(store)),
    }


@in_new_root
def cross(store: FilesystemStore, rounds: int) -> Any:
    """Each of four moves a value of his own from A to B and back, two the other way round."""
    locks.TIMEOUT_SECS = 10
    for me in range(4):
        store.put(f"{'ab'[me % 2]}/{me}", b"value")

    def swap(me: int) -> None:
        for number in range(rounds):
            source, dest = "ab" if (me + number) % 2 == 0 else "ba"
            store.move(f"{source}/{me}", f"{dest}/{me}", if_absent=me > 1)

    race(*(worker(swap, me) for me in range(4)))
    return sorted(key for key in store if store.get(key) == b"value")
