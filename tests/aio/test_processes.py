"""`AsyncStore` and the life of its process: fork, Ctrl-C, the end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run some code in a new interpreter that shows every problem."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_starts_anew() -> None:
    """Threads do not survive a fork: a child that counted on them would wait for ever."""
    code = """
import asyncio, os, threading, warnings
from kvcore import AsyncStore, DictStore
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, from Python 3.12 on
store = AsyncStore(DictStore({"key": b"value"}), threads=2)
get = lambda: asyncio.run(store.get("key"))
get()
store._driver._crew._lock.acquire()  # as if another thread was submitting
child = os.fork()
if child == 0:
    os._exit(0 if get() == b"value" and get() == b"value" else 1)
store._driver._crew._lock.release()
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert get() == b"value"
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_interpreter_ends_cleanly() -> None:
    """With idle threads and a store that nobody closed."""
    code = """
import asyncio
from kvcore import AsyncStore, DictStore
async def main():
    store = AsyncStore(DictStore({"key": b"value"}))
    await asyncio.gather(*(store.get("key") for _ in range(100)))
    print(await store.get("key"))
asyncio.run(main())
"""
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "b'value'\n", "")


def test_an_interrupt_waits_for_the_running_call() -> None:
    """Ctrl-C cancels the main task; a write that is running is finished, then all ends."""
    code = """
import asyncio, os, signal, threading
from kvcore import AsyncStore, DictStore
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
inner = DictStore()
begun, go = threading.Event(), threading.Event()
class Slow(DictStore):
    def _put(self, key, data, options=None):
        begun.set()
        go.wait(60)
        inner.put(key, data)
async def main():
    async def interrupt():
        await asyncio.to_thread(begun.wait, 60)
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):
            await asyncio.sleep(0)
        go.set()
    task = asyncio.ensure_future(interrupt())
    try:
        await AsyncStore(Slow()).put("key", b"value")
    finally:
        print(inner.get("key"))
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""
    done = python(code)
    assert (done.stdout, done.stderr) == ("b'value'\ninterrupted\n", "")
