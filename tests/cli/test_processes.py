"""The command in a process of its own: pipes, signals, terminals."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kvcore import FilesystemStore
from tests.soak import count

ROOT = Path(__file__).resolve().parent.parent.parent
KVCORE = (sys.executable, "-m", "kvcore.cli")
LIMIT_SECS = 120.0


@pytest.fixture
def store(tmp_path: Path) -> FilesystemStore:
    """Where to copy from."""
    return FilesystemStore(tmp_path / "media", keys="path", durability="atomic")


def start(*arguments: str, **files: int) -> subprocess.Popen[bytes]:
    """Start ``kvcore`` with these arguments and standard files."""
    piped = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    try:
        return subprocess.Popen([*KVCORE, *arguments], cwd=ROOT, **{**piped, **files})
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_closed_pipe_is_quiet(store: FilesystemStore) -> None:
    """As with `| head`: no message, and the exit code of a closed pipe."""
    store.put_many({f"{n:0100}": b"" for n in range(3000)})
    store.put("large", bytes(10 << 20))
    for arguments in (["ls"], ["ls", "-l", "--json"]):
        process = start(*arguments, f"fs://{store.root}")
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        _, told = process.communicate(timeout=LIMIT_SECS)
        assert (process.returncode, told) == (141, b"")
    process = start("get", f"fs://{store.root}", "large")
    assert process.stdout is not None
    process.stdout.read(1000)
    process.stdout.close()
    _, told = process.communicate(timeout=LIMIT_SECS)
    assert (process.returncode, told) == (141, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_copy_that_is_stopped_goes_on(
    number: signal.Signals, store: FilesystemStore, tmp_path: Path
) -> None:
    """By Ctrl-C or worse: what is there is whole, and the same command completes it."""
    values = {f"key{n}": os.urandom(n % 5000) for n in range(count(2000, 20_000))}
    store.put_many(values)
    dest = FilesystemStore(tmp_path / "copy", keys="path", durability="full")
    command = ("cp", f"fs://{store.root}", f"fs://{dest.root}")
    process = start(*command)
    wait_until(lambda: any(dest), process)
    process.send_signal(number)
    out, told = process.communicate(timeout=LIMIT_SECS)
    if number is signal.SIGINT:
        assert process.returncode == 130
        assert re.match(rb"copied [\d,]+ value", out)
        assert b"goes on from here" in told
        assert b"Traceback" not in told
    there = {key: dest.get(key) for key in dest}
    assert len(there) < len(values)
    assert all(values[key] == data for key, data in there.items())
    again = subprocess.run([*KVCORE, *command], cwd=ROOT, capture_output=True, check=True)
    assert f"{len(there):,} w".encode() in again.stdout
    assert {key: dest.get(key) for key in dest} == values


def test_an_interrupted_put_stores_nothing(store: FilesystemStore) -> None:
    """Standard input that never ended was no value."""
    process = start("put", f"fs://{store.root}", "-", "key", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"x" * (1 << 20))  # more than a pipe holds: it is being read
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    process.wait(LIMIT_SECS)  # before the end of its input
    process.stdin.close()
    process.stdin = None
    _, told = process.communicate(timeout=LIMIT_SECS)
    assert process.returncode == 130
    assert told == b"kvcore: interrupted\n"
    assert store.keys() == []
    assert list(Path(store.root).rglob("*")) == []


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Look again and again; a process that has ended meanwhile is a failure."""
    deadline = time.monotonic() + LIMIT_SECS
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        select.select([], [], [], 0.002)


def on_a_terminal(*arguments: str, answer: bytes = b"") -> tuple[int, str]:
    """Run ``kvcore`` on a terminal; its exit code, and what is seen there."""
    ours, theirs = pty.openpty()
    process = start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen, answered = b"", not answer
    try:
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux: the other side has closed
                break
            if not block:
                break
            seen += block
            if not answered and b"[y/N]" in seen:
                os.write(ours, answer)
                answered = True
    finally:
        os.close(ours)
    return process_code(process), seen.decode()


def process_code(process: subprocess.Popen[bytes]) -> int:
    """The exit code, once there is one."""
    return process.wait(LIMIT_SECS)


def test_a_bar_on_a_terminal(store: FilesystemStore, tmp_path: Path) -> None:
    """It is drawn and taken away again; what stays is the summary."""
    store.put_many({f"key{n}": b"1234" for n in range(300)})
    code, seen = on_a_terminal("cp", f"fs://{store.root}", f"fs://{tmp_path}/copy")
    assert code == 0
    assert "Copying" in seen
    assert seen.endswith("copied 300 values (1.2 KiB)\r\n")


@pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 1, 3), (b"y\n", 0, 0)])
def test_rm_asks_on_a_terminal(store: FilesystemStore, answer: bytes, code: int, left: int) -> None:
    """How many are to be removed, and of which store."""
    store.put_many({"a/1": b"", "a/2": b"", "a/3": b""})
    found, seen = on_a_terminal("rm", f"fs://{store.root}", "--prefix", "a/", answer=answer)
    assert (found, len(store.keys())) == (code, left)
    assert "Remove 3 values that begin with 'a/' of <FilesystemStore" in seen


def test_a_terminal_is_not_written_to_by_keys_or_values(store: FilesystemStore) -> None:
    """Characters that turn text around are shown as such; a picture is not shown."""
    key = "abc\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"
    store.put(key, b"\x1b[2Jhello")
    code, seen = on_a_terminal("ls", f"fs://{store.root}")
    assert (code, seen) == (0, "abc\\u202egnp.exe\r\n")
    piped = subprocess.run([*KVCORE, "ls", f"fs://{store.root}"], cwd=ROOT, capture_output=True)
    assert piped.stdout.decode() == f"{key}\n"
    code, seen = on_a_terminal("get", f"fs://{store.root}", key)
    assert code == 2
    assert "\x1b[2J" not in seen
    code, seen = on_a_terminal("get", f"fs://{store.root}", key, "-")
    assert (code, seen) == (0, "\x1b[2Jhello")
