"""Run under the shim: every call that it is to intercept, made below and beside a path."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable
from typing import Any

from tests.faults.shim import FAIL, FAIL_LATE, SHORTEN, Shim

# What Python calls, and the kind that the shim is to see; each gets the names of two files with
# content, of one that is not there, and of an empty directory.
CALLS: dict[str, tuple[str, Callable[[str, str, str, str], object]]] = {}


def _call(kind: str) -> Callable[[Callable[[str, str, str, str], object]], None]:
    def add(function: Callable[[str, str, str, str], object]) -> None:
        CALLS[function.__name__] = kind, function

    return add


def _with(path: str, flags: int, use: Callable[[int], object]) -> object:
    fd = os.open(path, flags)
    try:
        return use(fd)
    finally:
        os.close(fd)


@_call("open")
def open_by_path(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, os.fstat)


@_call("open")
def open_by_descriptor(one: str, two: str, new: str, folder: str) -> object:
    def use(fd: int) -> None:
        os.close(os.open(os.path.basename(one), os.O_RDONLY, dir_fd=fd))

    return _with(os.path.dirname(one), os.O_RDONLY, use)


@_call("open")
def open_nameless(one: str, two: str, new: str, folder: str) -> object:
    return _with(folder, os.O_RDWR | getattr(os, "O_TMPFILE", os.O_DIRECTORY), os.fstat)


@_call("close")
def close(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, os.fstat)


@_call("read")
def read(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, lambda fd: len(os.read(fd, 4)))


@_call("read")
def pread(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, lambda fd: len(os.pread(fd, 4, 0)))


@_call("write")
def write(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_WRONLY, lambda fd: os.write(fd, b"four"))


@_call("write")
def pwrite(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_WRONLY, lambda fd: os.pwrite(fd, b"four", 0))


@_call("copy")
def copy_file_range(one: str, two: str, new: str, folder: str) -> object:
    return _with(
        one,
        os.O_RDONLY,
        lambda fd: _with(two, os.O_WRONLY, lambda to: os.copy_file_range(fd, to, 4, 0)),
    )


@_call("sendfile")
def sendfile(one: str, two: str, new: str, folder: str) -> object:
    return _with(
        one,
        os.O_RDONLY,
        lambda fd: _with(two, os.O_WRONLY, lambda to: os.sendfile(to, fd, 0, 4)),
    )


@_call("sync")
def fsync(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, os.fsync)


@_call("sync")
def fdatasync(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, os.fdatasync)


@_call("rename")
def rename(one: str, two: str, new: str, folder: str) -> object:
    return os.rename(one, new)


@_call("rename")
def rename_by_descriptor(one: str, two: str, new: str, folder: str) -> object:
    name, other = os.path.basename(one), os.path.basename(new)
    return _with(
        os.path.dirname(one),
        os.O_RDONLY,
        lambda fd: os.rename(name, other, src_dir_fd=fd, dst_dir_fd=fd),
    )


@_call("link")
def link(one: str, two: str, new: str, folder: str) -> object:
    return os.link(one, new)


@_call("link")
def link_by_descriptor(one: str, two: str, new: str, folder: str) -> object:
    return _with(
        one,
        os.O_RDONLY,
        lambda fd: os.link(f"/proc/self/fd/{fd}", new, src_dir_fd=fd, follow_symlinks=True),
    )


@_call("unlink")
def unlink(one: str, two: str, new: str, folder: str) -> object:
    return os.unlink(one)


@_call("unlink")
def unlink_by_descriptor(one: str, two: str, new: str, folder: str) -> object:
    name = os.path.basename(one)
    return _with(os.path.dirname(one), os.O_RDONLY, lambda fd: os.unlink(name, dir_fd=fd))


@_call("unlink")
def rmdir(one: str, two: str, new: str, folder: str) -> object:
    return os.rmdir(folder)


@_call("mkdir")
def mkdir(one: str, two: str, new: str, folder: str) -> object:
    return os.mkdir(new)


@_call("mkdir")
def mkdir_by_descriptor(one: str, two: str, new: str, folder: str) -> object:
    name = os.path.basename(new)
    return _with(os.path.dirname(new), os.O_RDONLY, lambda fd: os.mkdir(name, dir_fd=fd))


@_call("utime")
def utime(one: str, two: str, new: str, folder: str) -> object:
    return os.utime(one, ns=(1, 2))


@_call("utime")
def futimens(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, lambda fd: os.utime(fd, ns=(1, 2)))


@_call("chmod")
def chmod(one: str, two: str, new: str, folder: str) -> object:
    return os.chmod(one, 0o600)


@_call("chmod")
def fchmod(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, lambda fd: os.fchmod(fd, 0o600))


@_call("flock")
def flock(one: str, two: str, new: str, folder: str) -> object:
    return _with(one, os.O_RDONLY, lambda fd: fcntl.flock(fd, fcntl.LOCK_SH))


def _files(base: str) -> tuple[str, str, str, str]:
    folder = tempfile.mkdtemp(dir=base)
    one, two, new, empty = (f"{folder}/{name}" for name in ("one", "two", "new", "folder"))
    for path in (one, two):
        with open(path, "wb") as file:
            file.write(b"content")
    os.mkdir(empty)
    return one, two, new, empty


def probe() -> Any:
    """For each call: what the shim saw below the path and beside it, and its three reactions."""
    found = {}
    with tempfile.TemporaryDirectory() as base:
        base = os.path.realpath(base)
        below, beside = f"{base}/below", f"{base}/below-not"
        os.mkdir(below)
        os.mkdir(beside)
        shim = Shim(below)
        for name, (kind, call) in CALLS.items():
            seen, seen_beside = (_seen(shim, call, _files(path)) for path in (below, beside))
            found[name] = {
                "kind": kind,
                "seen": seen,
                "seen beside": seen_beside,
                "fails": _reaction(shim, kind, call, below, FAIL),
                "fails late": _reaction(shim, kind, call, below, FAIL_LATE),
                "shortens": _reaction(shim, kind, call, below, SHORTEN),
            }
    return found


def _seen(shim: Shim, call: Callable[..., object], files: tuple[str, ...]) -> list[str]:
    shim.arm()
    call(*files)
    shim.disarm()
    return [kind for kind, _ in shim.journal]


def _reaction(shim: Shim, kind: str, call: Callable[..., object], base: str, action: int) -> object:
    files = _files(base)
    shim.arm(1, action, errno.EIO, kinds=[kind])
    try:
        result = call(*files)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    finally:
        shim.disarm()
    return result if isinstance(result, int) else "passes"
