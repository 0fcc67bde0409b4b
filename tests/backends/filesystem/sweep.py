"""The fault sweep, run under the shim: an operation is repeated with a fault at its 1st, 2nd, …
system call until it runs through, and what is on disk is judged each time.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, NamedTuple

from kvcore import FilesystemStore, KvcoreError
from tests.backends.filesystem.variants import (
    fast_folder,
    files_below,
    new_store,
    open_descriptors,
    state_of,
)
from tests.faults import shim
from tests.faults.children import fork
from tests.faults.shim import EXIT_AFTER, EXIT_BEFORE, FAIL, FAIL_LATE, SHORTEN, Shim

NEW = b"new value " * 9_000
OLD = b"old value " * 7_000
OTHERS = {"other": b"other", "dir/other": b"another"}
MODE, TIMES_NS = 0o640, (1_600_000_000_000_000_001, 1_500_000_000_000_000_001)

State = dict[str, bytes]
_CONSUMING = frozenset(("write", "copy", "sendfile", "sync", "rename", "link", "mkdir", "open"))
_SIZED = frozenset(("read", "write", "copy", "sendfile"))
_EFFECTS = frozenset(("sync", "rename", "link", "unlink", "mkdir", "utime", "chmod"))


class Fault(NamedTuple):
    """What goes wrong at the n-th call."""

    action: int
    error: int = 0
    kinds: frozenset[str] = shim.ALL
    persistent: bool = False

    @property
    def kills(self) -> bool:
        return self.action in (EXIT_BEFORE, EXIT_AFTER)


FAULTS = {
    "EIO once": Fault(FAIL, errno.EIO),
    "EIO from then on": Fault(FAIL, errno.EIO, persistent=True),
    "EIO once, though done": Fault(FAIL_LATE, errno.EIO, _EFFECTS),
    "ENOSPC once": Fault(FAIL, errno.ENOSPC, _CONSUMING),
    "ENOSPC from then on": Fault(FAIL, errno.ENOSPC, _CONSUMING, persistent=True),
    "short once": Fault(SHORTEN, kinds=_SIZED),
    "short from then on": Fault(SHORTEN, kinds=_SIZED, persistent=True),
    "killed before": Fault(EXIT_BEFORE),
    "killed after": Fault(EXIT_AFTER),
}


class Operation(NamedTuple):
    """One verb on a prepared store; ``act`` gets the store and the path of a caller's file."""

    act: Callable[[FilesystemStore, str], object]
    old: State
    new: State
    between: tuple[State, ...] = ()
    """Other whole states in which a failure may leave it, besides the old and the new one."""
    consumes: bool = False
    """Whether it takes the caller's file away."""
    refuse: tuple[str, ...] = ()
    """Kinds of calls that this file system has not."""


def _write(store: FilesystemStore, key: str) -> None:
    with store.open_write(key) as writer:
        for start in range(0, len(NEW), 40_000):
            writer.write(NEW[start : start + 40_000])


def _put_from_object(store: FilesystemStore, source: str) -> None:
    with open(source, "rb") as file:
        store.put_file("k", file)


def _match(store: FilesystemStore, key: str) -> str:
    etag = store.stat(key).etag
    assert etag is not None
    return etag


def _chunks() -> Iterator[bytes]:
    for start in range(0, len(NEW), 40_000):
        yield NEW[start : start + 40_000]


K_OLD, K_NEW = {"k": OLD}, {"k": NEW}
OPERATIONS = {
    "put new": Operation(lambda s, _: s.put("k", NEW), {}, K_NEW),
    "put over": Operation(lambda s, _: s.put("k", NEW), K_OLD, K_NEW),
    "put nested": Operation(lambda s, _: s.put("a/b/k", NEW), {}, {"a/b/k": NEW}),
    "put nested over": Operation(lambda s, _: s.put("a/b/k", NEW), {"a/b/k": OLD}, {"a/b/k": NEW}),
    "put_file object": Operation(_put_from_object, K_OLD, K_NEW),
    "put_file object, sendfile": Operation(_put_from_object, K_OLD, K_NEW, refuse=("copy",)),
    "put_file object, by hand": Operation(
        _put_from_object, K_OLD, K_NEW, refuse=("copy", "sendfile")
    ),
    "put_file path": Operation(lambda s, path: s.put_file("k", path), {}, K_NEW),
    "put_file path over": Operation(lambda s, path: s.put_file("k", path), K_OLD, K_NEW),
    "put_file stream": Operation(lambda s, _: s.put_file("k", BytesIO(NEW)), K_OLD, K_NEW),
    "put_file iterator": Operation(lambda s, _: s.put_file("k", _chunks()), K_OLD, K_NEW),
    "put_file move": Operation(
        lambda s, path: s.put_file("a/k", path, move=True), {}, {"a/k": NEW}, consumes=True
    ),
    "put_file move over": Operation(
        lambda s, path: s.put_file("k", path, move=True), K_OLD, K_NEW, consumes=True
    ),
    "open_write": Operation(lambda s, _: _write(s, "k"), {}, K_NEW),
    "open_write over": Operation(lambda s, _: _write(s, "a/k"), {"a/k": OLD}, {"a/k": NEW}),
    "if_absent": Operation(lambda s, _: s.put("k", NEW, if_absent=True), {}, K_NEW),
    "if_absent nested": Operation(lambda s, _: s.put("a/k", NEW, if_absent=True), {}, {"a/k": NEW}),
    "if_present": Operation(lambda s, _: s.put("k", NEW, if_present=True), K_OLD, K_NEW),
    "if_match": Operation(
        lambda s, _: s.put("a/k", NEW, if_match=_match(s, "a/k")), {"a/k": OLD}, {"a/k": NEW}
    ),
    "copy": Operation(lambda s, _: s.copy("a/k", "b/k"), {"a/k": NEW}, {"a/k": NEW, "b/k": NEW}),
    "copy over": Operation(
        lambda s, _: s.copy("a/k", "k"), {"a/k": NEW, "k": OLD}, {"a/k": NEW, "k": NEW}
    ),
    "move": Operation(lambda s, _: s.move("k", "l"), K_NEW, {"l": NEW}),
    "move over": Operation(
        lambda s, _: s.move("a/k", "b/k"), {"a/k": NEW, "b/k": OLD}, {"b/k": NEW}
    ),
    "move to new": Operation(lambda s, _: s.move("a/k", "b/c/k"), {"a/k": NEW}, {"b/c/k": NEW}),
    "move if_absent": Operation(
        lambda s, _: s.move("a/k", "b/k", if_absent=True),
        {"a/k": NEW},
        {"b/k": NEW},
        between=({"a/k": NEW, "b/k": NEW},),
    ),
    "delete": Operation(lambda s, _: s.delete("k"), K_OLD, {}),
    "delete nested": Operation(lambda s, _: s.delete("a/b/k"), {"a/b/k": OLD}, {}),
    "delete if_match": Operation(
        lambda s, _: s.delete("a/k", if_match=_match(s, "a/k")), {"a/k": OLD}, {}
    ),
}


class Sweep:
    """One operation on one variant of the store, in a directory of its own."""

    def __init__(self, name: str, variant: str, durability: str, base: str) -> None:
        self.operation = OPERATIONS[name]
        self.base = base
        self.root = f"{base}/root"
        self.source = f"{base}/source"
        perm = 0o600 if durability == "full" else None  # without both there is a shorter way
        self.make = lambda: new_store(variant, self.root, durability=durability, perm=perm)
        self.shim = Shim(base)
        self.label = f"{name}, {variant}, {durability}"
        self.runs = 0
        self.wrong: list[str] = []

    def prepare(self) -> FilesystemStore:
        shutil.rmtree(self.root, ignore_errors=True)
        store = self.make()
        for key, value in {**OTHERS, **self.operation.old}.items():
            store.put(key, value)
        with open(self.source, "wb") as file:
            file.write(NEW)
        os.chmod(self.source, MODE)
        os.utime(self.source, ns=TIMES_NS)
        return store

    def dry_run(self) -> set[str]:
        """The kinds of calls that the operation makes, seen by the shim."""
        store = self.prepare()
        self.shim.refuse(self.operation.refuse, errno.EXDEV)
        self.shim.arm()
        self.operation.act(store, self.source)
        self.shim.disarm()
        kinds = {kind for kind, _ in self.shim.journal}
        self.shim.refuse((), 0)
        self.judge(store, done=True, fault=None, descriptors=open_descriptors())
        return kinds

    def sweep(self, name: str) -> None:
        """One kind of fault, at every call."""
        fault = FAULTS[name]
        n = 0
        while True:
            n += 1
            store = self.prepare()
            descriptors = open_descriptors()
            self.at = f"{self.label}: {name} at call {n}"
            if not (self.kill if fault.kills else self.fail)(store, fault, n, descriptors):
                return
            self.runs += 1

    def fail(self, store: FilesystemStore, fault: Fault, n: int, descriptors: int) -> bool:
        """One run in this process; ``False`` if there are fewer calls than ``n``."""
        done = False
        self._arm(fault, n)
        try:
            self.operation.act(store, self.source)
            done = True
        except KvcoreError:
            pass
        except OSError as error:
            touched = [path for _, path in self.shim.journal[n - 1 :]]
            if all(path.startswith(self.root) for path in touched):
                self.note(f"raised {error!r}")  # only the caller's own file speaks so
        finally:
            self.shim.disarm()
            self.shim.refuse((), 0)
        if not self.shim.fired:
            return False
        self.judge(store, done=done, fault=fault, descriptors=descriptors)
        return True

    def kill(self, store: FilesystemStore, fault: Fault, n: int, descriptors: int) -> bool:
        """One run in a forked child that dies at the call."""

        def act() -> None:
            self._arm(fault, n)
            self.operation.act(store, self.source)

        code = os.waitstatus_to_exitcode(os.waitpid(fork(act), 0)[1])
        if code == 0:
            return False
        if code != shim.EXIT_CODE:
            self.note(f"the child ended with {code}")
        self.judge(store, done=False, fault=fault, descriptors=descriptors)
        return True

    def _arm(self, fault: Fault, n: int) -> None:
        self.shim.refuse(self.operation.refuse, errno.EXDEV)
        self.shim.arm(n, fault.action, fault.error, kinds=fault.kinds, persistent=fault.persistent)

    def note(self, what: str) -> None:
        self.wrong.append(f"{self.at}: {what}")

    def judge(
        self, store: FilesystemStore, *, done: bool, fault: Fault | None, descriptors: int
    ) -> None:
        old, new, between = self.operation.old, self.operation.new, self.operation.between
        state = state_of(store)
        for key, value in OTHERS.items():
            if state.pop(key, None) != value:
                self.note(f"the other key {key!r} was touched")
        if done and state != new:
            self.note(f"success, but {_shown(state)}")
        if state not in (old, new, *between):
            self.note(f"neither old nor new, but {_shown(state)}")
        self.judge_source(done=done, stored=state != old, fault=fault)
        if open_descriptors() != descriptors:
            self.note(f"{open_descriptors() - descriptors} descriptors more")
        leftovers = files_below(self.root) - set(OTHERS) - set(state)
        excused = fault is not None and (fault.kills or (fault.persistent and not done))
        if leftovers and not (excused and fault.kinds >= {"unlink"}):
            self.note(f"leftovers {leftovers}")
        store.sweep(older_than_secs=-1)
        if left := files_below(self.root) - set(OTHERS) - set(state):
            self.note(f"sweep left {left}")
        self.use_again(store)

    def judge_source(self, *, done: bool, stored: bool, fault: Fault | None) -> None:
        """The caller's file is as it was, or gone if the value is stored and consumes it."""
        consumes = self.operation.consumes
        try:
            found = os.stat(self.source)
        except FileNotFoundError:
            if not (consumes and stored):
                self.note("the source is gone")
            return
        if done and consumes:
            self.note("the source is still there")
        with open(self.source, "rb") as file:
            if file.read() != NEW:
                self.note("the source was changed")
        # While a value is adopted its file has the mode and time of the value; a death, or a
        # system that refuses to set them back, leaves it so.
        helpless = consumes and fault is not None and (fault.kills or fault.persistent or stored)
        as_it_was = (found.st_mode & 0o777, found.st_mtime_ns) == (MODE, TIMES_NS[1])
        if not as_it_was and not helpless:
            self.note(f"the source has mode {found.st_mode:o}, time {found.st_mtime_ns}")

    def use_again(self, store: FilesystemStore) -> None:
        try:
            for key in ("again", "a/b/again"):
                store.put(key, b"1")
                store.put(key, b"2")
                if store.get(key) != b"2":
                    self.note("the next put is not seen")
                store.delete(key)
        except (OSError, KvcoreError) as error:
            self.note(f"the store does not work again: {error!r}")


def _shown(state: State) -> str:
    return str({key: f"{value[:3]!r} × {len(value)}" for key, value in state.items()})


def sweep(variant: str, durability: str, faults: list[str], operations: list[str]) -> Any:
    """All of these; returns how many runs there were, what was wrong, and the calls made."""
    runs, wrong, kinds = 0, [], {}
    with tempfile.TemporaryDirectory(prefix="kvcore-sweep-", dir=fast_folder()) as base:
        base = os.path.realpath(base)
        for name in operations:
            sweeper = Sweep(name, variant, durability, base)
            sweeper.at = f"{sweeper.label}: dry run"
            kinds[name] = sorted(sweeper.dry_run())
            for fault in faults:
                sweeper.sweep(fault)
            runs += sweeper.runs
            wrong += sweeper.wrong
    return {"runs": runs, "wrong": wrong, "kinds": kinds}
