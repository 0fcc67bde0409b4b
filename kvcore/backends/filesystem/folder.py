"""`Folder`: the few things that a store asks of one directory, and `Draft`, a file in the making.

All that depends on the platform sits behind this interface: `posix` has it by directory
descriptors, so that no symbolic link is ever followed below the root, `portable` by paths, for
systems without them. Names are single segments. Every method raises ``OSError`` as the system does.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Self

from kvcore.backends.filesystem.transfer import write_all
from kvcore.keys import RESERVED_PREFIX

TEMPORARY_PREFIX = f"{RESERVED_PREFIX}tmp-"
"""What the names of unfinished files begin with. They do not contain the key, so they fit."""


def temporary_name() -> str:
    """A new name that no key has."""
    return TEMPORARY_PREFIX + os.urandom(10).hex()


class Draft:
    """A file that nobody sees yet, open for reading and writing at ``fd``.

    It lies in ``folder`` under ``name``, or nowhere at all (``None``) where the file system can
    keep files without a name. ``close`` lets go of it; what was not published is then gone.
    """

    __slots__ = ("_pid", "fd", "folder", "name", "shown")

    def __init__(self, fd: int, folder: Folder, name: str | None) -> None:
        self.fd: int = fd
        self.folder: Folder = folder
        self.name: str | None = name
        self.shown: bool = False
        """Whether the file is a value by now, so that at most its own name is to go."""
        self._pid = os.getpid() if name is not None else 0

    def write(self, block: bytes) -> None:
        """Write all of ``block``."""
        written = os.write(self.fd, block)
        if written < len(block):
            write_all(self.fd, memoryview(block)[written:])

    def settle(self) -> None:
        """Close the file before it is shown, which takes its name alone.

        Some file systems (NFS) tell only now that a block could not be written.
        """
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def close(self) -> None:
        """Close the file and remove the name that it had as a draft. Twice is no error."""
        fd, self.fd = self.fd, -1
        try:
            if fd >= 0:
                os.close(fd)
        finally:
            if self.name is not None:
                if self._pid == os.getpid():  # a forked child must not remove the parent's
                    with suppress(FileNotFoundError):  # gone, as by a sweep or with its root
                        self.folder.unlink(self.name)
                self.forget()

    def take_name(self, folder: Folder, name: str) -> None:
        """Lie in ``folder`` from now on, which `close` lets go of."""
        self.folder, self.name = folder, name
        self._pid = os.getpid()

    def is_there(self) -> bool:
        """Whether it can still be shown: nobody has removed the name that it has."""
        if self.name is not None:
            try:
                self.folder.stat(self.name)
            except FileNotFoundError:
                return False
        return True

    def discard(self) -> None:
        """Close after a failure, that of a ``close`` included; it is what the caller hears of."""
        for _ in range(2):
            with suppress(OSError):  # what cannot be removed is swept later
                self.close()
        self.forget()

    def forget(self) -> None:
        """Leave the file under its own name, if it still has one."""
        self.name = None
        self.folder.close()


class Folder(ABC):
    """One directory. The root, closed or not, stays valid for ever; others are used once."""

    __slots__ = ()

    @classmethod
    @abstractmethod
    def root(cls, path: str) -> Self:
        """The folder at ``path``, an absolute path, which need not exist yet."""

    @abstractmethod
    def sub(self, name: str) -> Self:
        """The directory ``name``, never a symbolic link to one."""

    def walk(self, segments: list[str]) -> Folder:
        """The folder below these directories, to be closed; for none of them, this one."""
        folder: Folder = self
        for segment in segments:
            try:
                deeper = folder.sub(segment)
            finally:
                if folder is not self:
                    folder.close()
            folder = deeper
        return folder

    def open_key(self, key: str) -> int:
        """`open_read` for a key below this folder."""
        *segments, name = key.split("/")
        folder = self.walk(segments)
        try:
            return folder.open_read(name)
        finally:
            folder.close()

    def stat_key(self, key: str) -> os.stat_result:
        """`stat` for a key below this folder."""
        *segments, name = key.split("/")
        folder = self.walk(segments)
        try:
            return folder.stat(name)
        finally:
            folder.close()

    def link_key(self, draft: Draft, key: str) -> None:
        """`link` for a key below this folder."""
        *segments, name = key.split("/")
        folder = self.walk(segments)
        try:
            folder.link(draft, name)
        finally:
            folder.close()

    def put_new(self, key: str, data: bytes) -> Draft | None:
        """A put of a new value in one go, its mode by the umask.

        Returns the draft, written and stamped, if the key is taken; to be shown otherwise.
        """
        draft = self.draft()
        try:
            draft.write(data)
            now = time.time_ns()
            self.stamp(draft, (now, now), None)
            if draft.name is not None:
                draft.settle()
            self.link_key(draft, key)
            draft.shown = True
            draft.close()
        except FileExistsError:
            return draft
        except BaseException:
            draft.discard()
            raise
        return None

    def put_over(
        self, key: str, data: bytes, check: Callable[[os.stat_result | None], None]
    ) -> bool:
        """A put over a value, in one go, its mode by the umask; false where that cannot be done.

        ``check`` gets the stat of what is there, under the lock, and raises what is to be raised.
        """
        return False

    @abstractmethod
    def mkdir(self, name: str, perm: int | None) -> None:
        """Make a directory, with exactly the mode ``perm`` or by the umask."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the directory and of a lock on it. Twice is no error."""

    @abstractmethod
    def open_read(self, name: str) -> int:
        """A descriptor for reading; never through a symbolic link, never waiting for a pipe."""

    @abstractmethod
    def stat(self, name: str) -> os.stat_result:
        """The entry itself, no link followed."""

    @abstractmethod
    def unlink(self, name: str) -> None:
        """Remove a file."""

    def remove(self, name: str, *, sync: bool) -> None:
        """Remove a file under the lock; ``sync`` the directory afterwards."""
        held = self.lock()
        try:
            held.unlink(name)
            held.unlock()  # a sync is long
            if sync:
                held.sync()
        finally:
            held.close()

    @abstractmethod
    def rmdir(self, name: str) -> None:
        """Remove a directory if it is empty."""

    @abstractmethod
    def scan(self) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        """The entries."""

    @abstractmethod
    def draft(self) -> Draft:
        """A new unseen file on the file system of this folder; its mode is by the umask."""

    @abstractmethod
    def stamp(self, draft: Draft, times_ns: tuple[int, int], perm: int | None) -> None:
        """Give the draft its times of access and change, and its mode unless the umask decides."""

    @abstractmethod
    def link(self, draft: Draft, name: str) -> None:
        """Show the draft under ``name``; ``FileExistsError`` if that is taken."""

    @abstractmethod
    def replace(self, draft: Draft, name: str) -> None:
        """Show the draft under ``name``, in place of what was there, in one step."""

    @abstractmethod
    def rename(self, name: str, folder: Folder, new_name: str, *, if_absent: bool) -> None:
        """Move a file of this folder into ``folder``, replacing or (``if_absent``) creating."""

    @abstractmethod
    def pinned(self) -> Self:
        """This very directory, also if its path comes to mean another one; to be closed."""

    @abstractmethod
    def lock(self) -> Folder:
        """This folder, locked until it is closed, against replacing and removing by others.

        Creating takes no lock. ``TimeoutError`` after `locks.TIMEOUT_SECS`.
        """

    @abstractmethod
    def unlock(self) -> None:
        """Give up the lock, but not the directory."""

    @abstractmethod
    def lock_identity(self) -> tuple[int, int]:
        """What `lock` locks, by device and inode: equal for two folders with one lock."""

    @abstractmethod
    def status(self) -> os.stat_result:
        """The stat of the directory itself."""

    @abstractmethod
    def sync(self) -> None:
        """Make the entries survive a power cut."""
