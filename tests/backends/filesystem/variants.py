"""The forms in which the filesystem store is tested, and what a directory really holds."""

import contextlib
import os
from pathlib import Path
from typing import Any

from kvcore import FilesystemStore
from kvcore.backends.filesystem.portable import PortableFolder
from kvcore.backends.filesystem.posix import PosixFolder


class NamedDrafts(PosixFolder):
    """As on a file system without O_TMPFILE."""

    __slots__ = ()
    nameless_drafts = False


class NamedStore(FilesystemStore):
    _folder_class = NamedDrafts


class PortableStore(FilesystemStore):
    _folder_class = PortableFolder


STORES = {"nameless": FilesystemStore, "named": NamedStore, "portable": PortableStore}
DURABILITIES = ("full", "atomic")


def new_store(variant: str, root: str | Path, **options: Any) -> FilesystemStore:
    """A store of this variant, with paths as keys unless said otherwise."""
    return STORES[variant](root, **{"keys": "path", "durability": "atomic", **options})


def fast_folder() -> str | None:
    """Where files are made and removed by the thousand: in memory, if the system has a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def files_below(root: str | Path) -> set[str]:
    """All that is no directory, by its path below ``root``; but the lock of the portable form."""
    found = set()
    for folder, _, names in os.walk(root):
        found |= {os.path.relpath(os.path.join(folder, name), root) for name in names}
    return found - {".kvcore-lock"}


def folders_below(root: str | Path) -> set[str]:
    """All directories below ``root``."""
    return {os.path.relpath(folder, root) for folder, _, _ in os.walk(root)} - {"."}


def state_of(store: FilesystemStore) -> dict[str, bytes]:
    """Everything that a new handle on the same root finds."""
    fresh = type(store)(store.root, keys="path")
    return {key: fresh.get(key) for key in fresh.keys()}


def open_descriptors() -> list[str]:
    """What this process has open of files and directories.

    Sockets and pipes are left out: a store of files has none, and a client of an
    earlier test may close its own while this one counts.
    """
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one of this very listing
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sorted(path for path in found if path.startswith("/"))
