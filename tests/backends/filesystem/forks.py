"""Locks and forks: children of a process whose threads work, holders that were stopped."""

import os
import signal
import tempfile
import threading
import time
from contextlib import suppress
from typing import Any

from kvcore import KvcoreError, PreconditionFailed, StoreTimeout
from kvcore.backends.filesystem import locks
from tests.backends.filesystem.variants import new_store, open_descriptors
from tests.faults.children import fork

PATIENCE_SECS = 20


def fork_while_threads_work(variant: str, forks: int) -> Any:
    """Fork again and again while 4 threads replace values; every child does the same, once."""
    locks.TIMEOUT_SECS = PATIENCE_SECS
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as root:
        store = new_store(variant, root)
        stop = threading.Event()
        done = [0] * 4

        def work(me: int) -> None:
            while not stop.is_set():
                try:
                    store.put("dir/key", b"1")
                    store.put("dir/key", b"2", if_match=store.stat("dir/key").etag)
                except PreconditionFailed:
                    pass
                except KvcoreError as error:
                    wrong.append(f"thread: {error!r}")
                store.put(f"own-{me}", b"1")
                store.delete(f"own-{me}")
                done[me] += 1

        def child() -> None:
            signal.alarm(PATIENCE_SECS)  # a deadlock ends the child with SIGALRM
            assert not locks._held
            store.put("dir/key", b"child")
            with suppress(PreconditionFailed):
                store.put("dir/key", b"child", if_match=store.stat("dir/key").etag)
            store.put("child", b"child", if_absent=True)
            store.delete("child")

        threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(forks):
                code = os.waitstatus_to_exitcode(os.waitpid(fork(child), 0)[1])
                if code:
                    wrong.append(f"a child ended with {code}")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    return {"wrong": wrong[:10], "done": sum(done)}


def fork_while_locked(variant: str) -> Any:
    """A child that was forked while a thread held a lock lives on, and the lock is free again."""
    locks.TIMEOUT_SECS = PATIENCE_SECS
    with tempfile.TemporaryDirectory() as root:
        store = new_store(variant, root)
        store.put("dir/key", b"1")
        locked, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            folder, _ = store._tree.folder_of("dir/key")
            held = folder.lock()
            locked.set()
            go_on.wait(PATIENCE_SECS)
            # As if this process had died: the lock ends with the last copy of its descriptor.
            fd = held.fd if hasattr(held, "fd") else held._lock_fd
            os.close(fd)

        thread = threading.Thread(target=hold)
        thread.start()
        locked.wait(PATIENCE_SECS)
        asleep, wake = os.pipe()

        def child() -> None:
            os.close(wake)
            os.read(asleep, 1)

        pid = fork(child)
        go_on.set()
        thread.join()
        began = time.monotonic()
        locks.TIMEOUT_SECS = 2
        try:
            store.put("dir/key", b"2", if_present=True)
            outcome = "free"
        except StoreTimeout:
            outcome = "kept by the child"
        finally:
            os.close(wake)
            os.waitpid(pid, 0)
        return {"outcome": outcome, "secs": time.monotonic() - began}


def stopped_holder(variant: str) -> Any:
    """A process is stopped with the lock in its hands: others give up in time, and say so."""
    with tempfile.TemporaryDirectory() as root:
        store = new_store(variant, root)
        for key in ("key", "dir/key", "dir/other"):
            store.put(key, b"old")
        found: dict[str, Any] = {"raised": {}, "wrong": []}
        for folder in ("", "dir/"):
            report, heard = os.pipe()

            def hold(folder: str = folder, to: int = heard) -> None:
                store._tree.folder_of(f"{folder}key")[0].lock()
                os.write(to, b"1")
                signal.pause()

            pid = fork(hold)
            os.read(report, 1)
            os.kill(pid, signal.SIGSTOP)
            os.waitpid(pid, os.WUNTRACED)
            descriptors = open_descriptors()
            locks.TIMEOUT_SECS = 0.05
            key = f"{folder}key"
            for name, act in {
                "put over": lambda key=key: store.put(key, b"new"),
                "if_match": lambda key=key: store.put(key, b"new", if_match=store.stat(key).etag),
                "if_present": lambda key=key: store.put_file(key, iter([b"new"]), if_present=True),
                "delete": lambda key=key: store.delete(key),
                "move": lambda key=key: store.move(key, "elsewhere/key"),
                "move here": lambda key=key: store.move("dir/other", key),
            }.items():
                try:
                    act()
                    found["raised"][f"{name} {key}"] = "nothing"
                except KvcoreError as error:
                    found["raised"][f"{name} {key}"] = type(error).__name__
                if store.get(key) != b"old" or store.get("dir/other") != b"old":
                    found["wrong"].append(f"{name} {key} changed something")
            store.put(f"{folder}new", b"new")  # creating takes no lock
            if open_descriptors() != descriptors:
                found["wrong"].append(f"{open_descriptors() - descriptors} descriptors more")
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            locks.TIMEOUT_SECS = PATIENCE_SECS
            store.put(key, b"new")  # the lock has gone with its holder
            store.put(key, b"old")
            store.delete(f"{folder}new")
            os.close(report)
            os.close(heard)
        return found
