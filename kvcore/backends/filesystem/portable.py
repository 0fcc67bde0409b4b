"""`Folder` by paths alone, for systems without directory descriptors (Windows).

Symbolic links are looked for before each step, so another process that swaps a directory for a
link at the right moment is not held off as in `posix`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from kvcore.backends.filesystem.folder import Draft, Folder, temporary_name
from kvcore.backends.filesystem.locks import lock, unlock
from kvcore.backends.filesystem.transfer import let_go, sync_to_disk
from kvcore.keys import RESERVED_PREFIX

LOCK_NAME = f"{RESERVED_PREFIX}lock"
"""The file in the root that stands for all locks of the tree."""

_BINARY = getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY
_WINDOWS = os.name == "nt"


class PortableFolder(Folder):
    """A directory by its path; ``top`` is that of the root, where the lock lies."""

    __slots__ = ("_lock_fd", "path", "top")

    def __init__(self, path: str, top: str) -> None:
        self.path: str = path
        self.top: str = top
        self._lock_fd = -1

    @classmethod
    def root(cls, path: str) -> Self:
        path = os.path.join(path, "")
        return cls(path, path)

    def sub(self, name: str) -> Self:
        found = self.stat(name)
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.path + name)
        return type(self)(os.path.join(self.path + name, ""), self.top)

    def mkdir(self, name: str, perm: int | None) -> None:
        os.mkdir(self.path + name, 0o777 if perm is None else perm)
        if perm is not None:  # what the umask took away
            inherited = os.stat(self.path + name).st_mode & 0o7000  # such as setgid
            os.chmod(self.path + name, perm | inherited)

    def close(self) -> None:
        self.unlock()

    def open_read(self, name: str) -> int:
        found = self.stat(name)
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path + name)
        return os.open(self.path + name, _READ)

    def stat(self, name: str) -> os.stat_result:
        return os.stat(self.path + name, follow_symlinks=False)

    def unlink(self, name: str) -> None:
        os.unlink(self.path + name)

    def rmdir(self, name: str) -> None:
        os.rmdir(self.path + name)

    @contextmanager
    def scan(self) -> Iterator[Iterator[os.DirEntry[str]]]:
        with os.scandir(self.path) as entries:
            yield entries

    def draft(self) -> Draft:
        name = temporary_name()
        fd = os.open(self.path + name, _CREATE, 0o666)
        return Draft(fd, type(self)(self.path, self.top), name)

    def stamp(self, draft: Draft, times_ns: tuple[int, int], perm: int | None) -> None:
        os.utime(self._path_of(draft), ns=times_ns)
        if perm is not None:
            os.chmod(self._path_of(draft), perm)

    def link(self, draft: Draft, name: str) -> None:
        self._move_new(self._path_of(draft), self.path + name)
        if not os.path.lexists(self._path_of(draft)):
            draft.forget()

    def replace(self, draft: Draft, name: str) -> None:
        os.replace(self._path_of(draft), self.path + name)
        draft.forget()

    def rename(self, name: str, folder: Folder, new_name: str, *, if_absent: bool) -> None:
        assert isinstance(folder, PortableFolder)
        self._move(self.path + name, folder.path + new_name, if_absent)

    def pinned(self) -> Self:
        return type(self)(self.path, self.top)

    def lock(self) -> PortableFolder:
        held = type(self)(self.path, self.top)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | _BINARY
        held._lock_fd = os.open(self.top + LOCK_NAME, flags, 0o666)
        try:
            lock(held._lock_fd)
        except BaseException:
            held.close()
            raise
        return held

    def unlock(self) -> None:
        fd, self._lock_fd = self._lock_fd, -1
        if fd >= 0:
            unlock(fd)
            let_go(fd)

    def lock_identity(self) -> tuple[int, int]:
        # One lock for all folders, so that to lock two of them is to lock one twice.
        found = os.stat(self.top)
        return found.st_dev, found.st_ino

    def status(self) -> os.stat_result:
        return os.stat(self.path)

    def sync(self) -> None:
        if not _WINDOWS:  # where a directory cannot be opened, nor needs to be
            fd = os.open(self.path, os.O_RDONLY)
            try:
                sync_to_disk(fd)
            finally:
                let_go(fd)

    def _path_of(self, draft: Draft) -> str:
        assert isinstance(draft.folder, PortableFolder)
        assert draft.name is not None
        return draft.folder.path + draft.name

    def _move(self, source: str, target: str, if_absent: bool) -> None:
        if not if_absent:
            os.replace(source, target)
            return
        self._move_new(source, target)
        if os.path.lexists(source):
            os.unlink(source)

    def _move_new(self, source: str, target: str) -> None:
        """Give a file a further name, or a new one where there are no links; never replacing."""
        if _WINDOWS:
            os.rename(source, target)  # refuses there what os.replace does
        else:
            os.link(source, target, follow_symlinks=False)
