"""File systems that are full or read-only, and users who may not write."""

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from kvcore import FilesystemStore, KvcoreError, StoreError
from tests.backends.filesystem.values import value, version_of
from tests.backends.filesystem.variants import files_below, new_store, state_of
from tests.faults.children import become_nobody, race
from tests.faults.mounts import mount, tmpfs
from tests.faults.shim import FAIL, Shim

SIZE = 1 << 20
BIG = 8 << 20


def _stream(store: FilesystemStore, key: str) -> None:
    store.put_file(key, (bytes(100_000) for _ in range(BIG // 100_000)))


def _write(store: FilesystemStore, key: str) -> None:
    with store.open_write(key) as writer:
        while True:
            writer.write(bytes(100_000))


def fill_real(variant: str) -> Any:
    """Puts that do not fit on a real disk."""
    return _fill(variant, "full", real=True) + _fill(variant, "atomic", real=True)


def fill_pretended(variant: str) -> Any:
    """Puts on a disk that is said to be full; run it under the shim."""
    return _fill(variant, "full", real=False) + _fill(variant, "atomic", real=False)


def _fill(variant: str, durability: str, *, real: bool) -> list[str]:
    """Puts of every kind; what was wrong after each."""
    wrong: list[str] = []
    with ExitStack() as stack:
        base = os.path.realpath(stack.enter_context(tempfile.TemporaryDirectory()))
        root, source = f"{base}/root", f"{base}/source"
        with open(source, "wb") as file:
            file.truncate(BIG)
        shim = None if real else Shim(root)
        if real:
            stack.enter_context(tmpfs(root, "size=4m"))
        store = new_store(variant, root, durability=durability)
        for key in ("old", "dir/old"):
            store.put(key, value(key, 1, SIZE))
        store.put("large", bytes(SIZE))
        acts: dict[str, Callable[[str], object]] = {
            "put": lambda key: store.put(key, bytes(BIG)),
            "put_file object": lambda key: _put_object(store, key, source),
            "put_file path": lambda key: store.put_file(key, source),
            "put_file move": lambda key: store.put_file(key, source, move=True),
            "put_file stream": lambda key: _stream(store, key),
            "open_write": lambda key: _write(store, key),
            "copy": lambda key: [store.copy("large", f"{key}-{n}") for n in range(8)],
        }
        if shim:
            del acts["put_file move"]  # needs no space on one and the same disk
        before = state_of(store)
        for name, act in acts.items():
            for key in ("old", "dir/old", "new", "new/in/new"):
                free = os.statvfs(root).f_bfree
                if shim:
                    kinds = ("write", "copy", "sendfile")
                    shim.arm(1, FAIL, errno.ENOSPC, kinds=kinds, persistent=True)
                try:
                    act(key)
                    wrong.append(f"{name} {key}: no error")
                except StoreError as error:
                    if "free some space" not in str(error):
                        wrong.append(f"{name} {key}: {error}")
                except (OSError, KvcoreError) as error:
                    wrong.append(f"{name} {key}: {error!r}")
                finally:
                    if shim:
                        shim.disarm()
                if name == "copy":
                    store.delete_many([f"{key}-{n}" for n in range(8)])
                if state_of(store) != before:
                    wrong.append(f"{name} {key}: values were changed")
                if files_below(root) != set(before):
                    wrong.append(f"{name} {key}: {files_below(root)} are left")
                if real and os.statvfs(root).f_bfree != free:
                    wrong.append(f"{name} {key}: space leaked")
                if os.path.getsize(source) != BIG:
                    wrong.append(f"{name} {key}: the source was changed")
                store.put("small", b"small")
                if store.get("small") != b"small":
                    wrong.append(f"{name} {key}: no small put afterwards")
                store.delete("small")
        for key in ("old", "dir/old"):
            version_of(store.get(key), key, SIZE)
    return wrong


def _put_object(store: FilesystemStore, key: str, source: str) -> None:
    with open(source, "rb") as file:
        store.put_file(key, file)


def _refusals(store: FilesystemStore, source: str) -> dict[str, Callable[[], object]]:
    return {
        "put": lambda: store.put("new", b"new"),
        "put over": lambda: store.put("old", b"new"),
        "put nested": lambda: store.put("a/b/c", b"new"),
        "put nested over": lambda: store.put("dir/old", b"new"),
        "if_match": lambda: store.put("old", b"new", if_match=store.stat("old").etag),
        "put_file": lambda: store.put_file("new", source),
        "put_file move": lambda: store.put_file("new", source, move=True),
        "open_write": lambda: store.open_write("new").commit(),
        "copy": lambda: store.copy("old", "new"),
        "move": lambda: store.move("old", "dir/new"),
        "delete": lambda: store.delete("old"),
        "delete nested": lambda: store.delete("dir/old"),
        "delete if_match": lambda: store.delete("old", if_match=store.stat("old").etag),
    }


def _refused(store: FilesystemStore, source: str, hint: str) -> list[str]:
    """Try all that writes, where nothing can be written; what was wrong."""
    wrong = []
    before = state_of(store)
    for name, act in _refusals(store, source).items():
        try:
            act()
            wrong.append(f"{name}: no error")
        except StoreError as error:
            if hint not in str(error):
                wrong.append(f"{name}: {error}")
        except (OSError, KvcoreError) as error:
            wrong.append(f"{name}: {error!r}")
        if state_of(store) != before:
            wrong.append(f"{name}: values were changed")
        if not os.path.exists(source):
            wrong.append(f"{name}: the source is gone")
    return wrong


def refuse_read_only(variant: str) -> Any:
    """A file system mounted read-only."""
    with tempfile.TemporaryDirectory() as base:
        root, source = f"{base}/root", f"{base}/source"
        with open(source, "wb") as file:
            file.write(b"source")
        with tmpfs(root, "size=4m"):
            store = new_store(variant, root, durability="full")
            store.put("old", b"old")
            store.put("dir/old", b"old")
            store.delete("locked")  # makes what the portable form locks by
            left = f"{root}/.kvcore-tmp-old"
            with open(left, "wb"):
                pass
            os.utime(left, (0, 0))
            mount("-o", "remount,ro", root)
            return _refused(store, source, "read-only")


def refuse_nobody(variant: str) -> Any:
    """A directory of another user, as an unprivileged one."""
    with tempfile.TemporaryDirectory() as base:
        root, source = f"{base}/root", f"{base}/source"
        with open(source, "wb") as file:
            file.write(b"source")
        os.chmod(base, 0o755)
        store = new_store(variant, root, durability="full", perm=0o644)
        store.put("old", b"old")
        store.put("dir/old", b"old")
        store.put("private", b"private")
        os.chmod(f"{root}/private", 0o600)
        store.delete("locked")
        if os.geteuid():
            for path in (root, f"{root}/dir"):
                os.chmod(path, 0o555)

        def act() -> Any:
            become_nobody()
            wrong = []
            if "private" not in store:
                wrong.append("private: not in the store")
            try:
                store.get("private")
                wrong.append("private: no error")
            except StoreError as error:
                if "check the owner and mode" not in str(error):
                    wrong.append(str(error))
            return wrong

        return _in_child(act) + _in_child(lambda: _refused_as_nobody(store, source))


def _refused_as_nobody(store: FilesystemStore, source: str) -> list[str]:
    os.unlink(f"{store.root}/private")
    become_nobody()
    return _refused(store, source, "check the owner and mode")


def work_as_nobody(variant: str) -> Any:
    """Every verb as an unprivileged user, in a directory of his own."""

    def act() -> Any:
        become_nobody()
        with tempfile.TemporaryDirectory() as base:
            store = new_store(variant, f"{base}/root", durability="full")
            source = f"{base}/source"
            with open(source, "wb") as file:
                file.write(b"source")
            store.put("a", b"1")
            store.put("a", b"2")
            store.put("a", b"3", if_match=store.stat("a").etag)
            store.put("dir/a", b"1", if_absent=True)
            store.put_file("dir/b", source)
            store.put_file("dir/c", source, move=True)
            store.copy("dir/b", "d/e/f")
            store.move("d/e/f", "g", if_absent=True)
            store.move("g", "h/i")
            store.delete("dir/b")
            return {key: data.decode() for key, data in sorted(state_of(store).items())}

    return _in_child(act)


def _in_child(act: Callable[[], Any]) -> Any:
    return race(act)[0]
