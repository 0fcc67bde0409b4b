"""Power cuts: what is on the disk at a moment, without what the system still holds in memory.

The disk is a file with an ext4 in it, mounted by a loop device. A copy of the file, taken right
after a verb returned, is what a power cut would have left; it is mounted and looked at.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kvcore import FilesystemStore
from tests.backends.filesystem.variants import new_store, state_of
from tests.faults.mounts import mount

_DISK_BYTES = 48 << 20
_OLD = b"old" * 3_000


@contextmanager
def _mounted(image: str, path: str) -> Iterator[None]:
    os.makedirs(path, exist_ok=True)
    mount("-o", "loop,commit=3600", image, path)  # nothing is written because time has passed
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True, capture_output=True)


def can_make_disks() -> bool:
    """Whether this works here; call it where mounting is allowed."""
    with tempfile.TemporaryDirectory() as base:
        try:
            _make_disk(f"{base}/disk")
            with _mounted(f"{base}/disk", f"{base}/mounted"):
                return True
        except (FileNotFoundError, subprocess.CalledProcessError):
            return False


def _make_disk(image: str) -> None:
    with open(image, "wb") as file:
        file.truncate(_DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)


def _write(store: FilesystemStore, key: str, data: bytes) -> None:
    with store.open_write(key) as writer:
        writer.write(data)


def _steps(store: FilesystemStore, source: str, n: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Verbs, each with what it changes: a value, or ``None`` for one that is gone."""
    new = b"%d new " % n * 2_000

    def make_source() -> str:
        with open(source, "wb") as file:
            file.write(new)
        return source

    def step(name: str, act: Callable[[], object], **changes: Any) -> tuple[str, dict[str, Any]]:
        act()
        return name, {key.replace("__", "/"): data for key, data in changes.items()}

    yield step("put", lambda: store.put("flat", new), flat=new)
    yield step("put over", lambda: store.put("flat", _OLD), flat=_OLD)
    yield step("put nested", lambda: store.put(f"a/b{n}/c", new), **{f"a__b{n}__c": new})
    yield step("put beside", lambda: store.put(f"a/b{n}/d", new), **{f"a__b{n}__d": new})
    # The directory comes back, often as the same inode, and has to be synced like a new one.
    yield step("delete", lambda: store.delete(f"a/b{n}/c"), **{f"a__b{n}__c": None})
    yield step("delete last", lambda: store.delete(f"a/b{n}/d"), **{f"a__b{n}__d": None})
    yield step("put again", lambda: store.put(f"a/b{n}/c", _OLD), **{f"a__b{n}__c": _OLD})
    yield step("create", lambda: store.put(f"c{n}", new, if_absent=True), **{f"c{n}": new})
    yield step(
        "if_match",
        lambda: store.put(f"c{n}", _OLD, if_match=store.stat(f"c{n}").etag),
        **{f"c{n}": _OLD},
    )
    yield step("put_file", lambda: store.put_file("e/file", make_source()), e__file=new)
    yield step(
        "put_file move",
        lambda: store.put_file(f"e/moved{n}", make_source(), move=True),
        **{f"e__moved{n}": new},
    )
    yield step("open_write", lambda: _write(store, f"w{n}/k", new), **{f"w{n}__k": new})
    yield step("copy", lambda: store.copy("e/file", f"f{n}/copy"), **{f"f{n}__copy": new})
    yield step(
        "move",
        lambda: store.move(f"f{n}/copy", f"g{n}/h/i"),
        **{f"f{n}__copy": None, f"g{n}__h__i": new},
    )


def cut(variant: str, durability: str, rounds: int) -> Any:
    """Cut the power after each verb; what was lost, of how many verbs."""
    lost, cuts, expected = [], 0, {}
    with tempfile.TemporaryDirectory() as base:
        disk, seen = f"{base}/disk", f"{base}/seen"
        _make_disk(disk)
        with _mounted(disk, f"{base}/mounted"):
            os.sync()
            store = new_store(variant, f"{base}/mounted/root", durability=durability)
            source = f"{base}/mounted/source"
            for n in range(rounds):
                for name, changes in _steps(store, source, n):
                    subprocess.run(["cp", "--sparse=always", disk, seen], check=True)
                    expected.update(changes)
                    with _mounted(seen, f"{base}/after"):
                        found = state_of(new_store(variant, f"{base}/after/root"))
                    cuts += 1
                    for key, data in expected.items():
                        if found.get(key) != data:
                            lost.append(f"{n} {name}: {key} is {_shown(found.get(key))}")
                            break
    return {"lost": lost, "cuts": cuts}


def _shown(data: bytes | None) -> str:
    return "missing" if data is None else f"{data[:5]!r} × {len(data)}"
