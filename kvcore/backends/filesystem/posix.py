"""`Folder` by directory descriptors: the root by its path, everything below by ``openat``."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from kvcore.backends.filesystem.folder import Draft, Folder, temporary_name
from kvcore.backends.filesystem.locks import lock, unlock
from kvcore.backends.filesystem.transfer import let_go, sync_to_disk, write_all

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | _CLOEXEC
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC
_SEARCH = _DIRECTORY | _NOFOLLOW | getattr(os, "O_PATH", 0)  # enough to go on from, and cheaper
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC
_CLOSED = "\0closed/"  # no system call takes it
_NAMELESS = os.O_RDWR | getattr(os, "O_TMPFILE", 0) | _CLOEXEC
# What open says where O_TMPFILE is not to be had: not by this file system, not by this kernel;
# EPERM is ext4's word for a directory that is being removed.
_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS, errno.EPERM}


class PosixFolder(Folder):
    """``path`` is put before names and ``fd`` stands for the directory: the root has only the
    first, all others only the second. So the root may be removed, made anew or switched.
    """

    __slots__ = ("_locked", "fd", "path")

    nameless_drafts: bool = hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")
    """Whether to try for drafts without a name; nothing of them is left after a kill."""

    def __init__(self, path: str, fd: int | None) -> None:
        self.path: str = path
        self.fd: int | None = fd
        self._locked = False

    @classmethod
    def root(cls, path: str) -> Self:
        return cls(path if path.endswith("/") else f"{path}/", None)

    def sub(self, name: str) -> Self:
        return type(self)("", os.open(self.path + name, _DIRECTORY | _NOFOLLOW, dir_fd=self.fd))

    def walk(self, segments: list[str]) -> PosixFolder:
        return type(self)("", self._walk(segments, _DIRECTORY)) if segments else self

    def open_key(self, key: str) -> int:
        if "/" not in key:
            return os.open(self.path + key, _READ, dir_fd=self.fd)
        # As `_walk`, in one frame: what is spent on calls is a fifth of a get from here.
        first, *segments, name = key.split("/")
        fd = os.open(self.path + first, _SEARCH, dir_fd=self.fd)
        try:
            for segment in segments:
                above, fd = fd, os.open(segment, _SEARCH, dir_fd=fd)
                let_go(above)
            return os.open(name, _READ, dir_fd=fd)
        finally:
            let_go(fd)

    def stat_key(self, key: str) -> os.stat_result:
        if "/" not in key:
            return os.stat(self.path + key, dir_fd=self.fd, follow_symlinks=False)
        *segments, name = key.split("/")
        fd = self._walk(segments, _SEARCH)
        try:
            return os.stat(name, dir_fd=fd, follow_symlinks=False)
        finally:
            let_go(fd)

    def _walk(self, segments: list[str], flags: int) -> int:
        fd = os.open(self.path + segments[0], flags | _NOFOLLOW, dir_fd=self.fd)
        for segment in segments[1:]:
            try:
                deeper = os.open(segment, flags | _NOFOLLOW, dir_fd=fd)
            finally:
                let_go(fd)
            fd = deeper
        return fd

    def mkdir(self, name: str, perm: int | None) -> None:
        os.mkdir(self.path + name, 0o777 if perm is None else perm, dir_fd=self.fd)
        if perm is not None:  # what the umask took away
            made = self.sub(name)
            try:
                inherited = os.fstat(made._descriptor()).st_mode & 0o7000  # such as setgid
                os.fchmod(made._descriptor(), perm | inherited)
            finally:
                made.close()

    def close(self) -> None:
        if self._locked:
            self.unlock()
        fd, self.fd = self.fd, None
        if fd is not None:
            self.path = _CLOSED  # or names would be looked for in the working directory
            let_go(fd)

    def open_read(self, name: str) -> int:
        return os.open(self.path + name, _READ, dir_fd=self.fd)

    def stat(self, name: str) -> os.stat_result:
        return os.stat(self.path + name, dir_fd=self.fd, follow_symlinks=False)

    def unlink(self, name: str) -> None:
        os.unlink(self.path + name, dir_fd=self.fd)

    def remove(self, name: str, *, sync: bool) -> None:
        fd = os.open(self.path, _DIRECTORY) if self.fd is None else self.fd
        try:
            try:
                lock(fd)
                os.unlink(name, dir_fd=fd)
            finally:
                unlock(fd)
            if sync:
                sync_to_disk(fd)
        finally:
            if self.fd is None:
                let_go(fd)

    def rmdir(self, name: str) -> None:
        os.rmdir(self.path + name, dir_fd=self.fd)

    @contextmanager
    def scan(self) -> Iterator[Iterator[os.DirEntry[str]]]:
        with self.pinned() as folder, os.scandir(folder._descriptor()) as entries:
            yield entries

    def draft(self) -> Draft:
        if self.nameless_drafts:
            try:
                return Draft(
                    os.open(self.path or ".", _NAMELESS, 0o666, dir_fd=self.fd), self, None
                )
            except OSError as error:
                if error.errno not in _NO_NAMELESS:
                    raise
        folder = self.pinned()  # by descriptor: a root that is switched keeps our draft
        try:
            name = temporary_name()
            return Draft(os.open(name, _CREATE, 0o666, dir_fd=folder.fd), folder, name)
        except BaseException:
            folder.close()
            raise

    def stamp(self, draft: Draft, times_ns: tuple[int, int], perm: int | None) -> None:
        os.utime(draft.fd, ns=times_ns)
        if perm is not None:
            os.fchmod(draft.fd, perm)

    def link(self, draft: Draft, name: str) -> None:
        _link(draft, self.path + name, self.fd)

    def put_new(self, key: str, data: bytes) -> Draft | None:
        # The base's steps in one frame: what is spent on calls is a quarter of a put from there.
        if not self.nameless_drafts:
            return super().put_new(key, data)
        birthplace, dir_fd, name, above = self.path or ".", self.fd, self.path + key, -1
        if "/" in key:
            # Born in its own directory, which is open anyway: the root's path is walked but once.
            directory, _, name = key.rpartition("/")
            if "/" in directory:
                above = self._walk(directory.split("/"), _SEARCH)
            else:
                above = os.open(self.path + directory, _SEARCH, dir_fd=dir_fd)
            birthplace, dir_fd = ".", above
        try:
            try:
                fd = os.open(birthplace, _NAMELESS, 0o666, dir_fd=dir_fd)
            except OSError as error:
                if error.errno not in _NO_NAMELESS:
                    raise
                return super().put_new(key, data)
            try:
                if os.write(fd, data) < len(data):
                    os.lseek(fd, 0, os.SEEK_SET)
                    write_all(fd, data)
                now = time.time_ns()
                os.utime(fd, ns=(now, now))
                # Without a src_dir_fd Python calls link(2), which does not follow: EXDEV.
                source = f"/proc/self/fd/{fd}"
                os.link(source, name, src_dir_fd=fd, dst_dir_fd=dir_fd, follow_symlinks=True)
            except FileExistsError:
                return Draft(fd, self, None)
            except BaseException:
                let_go(fd)
                raise
            os.close(fd)
            return None
        finally:
            if above >= 0:
                let_go(above)

    def put_over(
        self, key: str, data: bytes, check: Callable[[os.stat_result | None], None]
    ) -> bool:
        # Born with a name, as it needs one to be renamed, and a link would take another sixth of
        # the time. Who is killed in between leaves a file to be swept.
        directory, _, name = key.rpartition("/")
        try:
            if directory:
                above = self._walk(directory.split("/"), _DIRECTORY)
            else:
                above = os.open(self.path or ".", _DIRECTORY, dir_fd=self.fd)
        except (FileNotFoundError, NotADirectoryError):
            check(None)
            raise
        temporary, fd = temporary_name(), -1
        try:
            fd = os.open(temporary, _CREATE, 0o666, dir_fd=above)
            if (written := os.write(fd, data)) < len(data):
                write_all(fd, memoryview(data)[written:])
            now = time.time_ns()
            os.utime(fd, ns=(now, now))
            fd, finished = -1, fd
            os.close(finished)  # some file systems tell only now that it could not be written
            try:
                lock(above)
                check(_stat_of(name, above))
                os.rename(temporary, name, src_dir_fd=above, dst_dir_fd=above)
            finally:
                unlock(above)
        except BaseException:
            if fd >= 0:
                let_go(fd)
            with suppress(OSError):
                os.unlink(temporary, dir_fd=above)
            raise
        finally:
            let_go(above)
        return True

    def link_key(self, draft: Draft, key: str) -> None:
        if "/" not in key:
            _link(draft, self.path + key, self.fd)
            return
        *segments, name = key.split("/")
        fd = self._walk(segments, _SEARCH)
        try:
            _link(draft, name, fd)
        finally:
            let_go(fd)

    def replace(self, draft: Draft, name: str) -> None:
        if draft.name is not None:
            os.rename(
                draft.name,
                self.path + name,
                src_dir_fd=draft.folder.fd,  # type: ignore[attr-defined]  # of our own kind
                dst_dir_fd=self.fd,
            )
            draft.forget()
            return
        temporary = temporary_name()
        try:
            self.link(draft, temporary)
        except BaseException:
            with suppress(OSError):  # it may be there all the same
                self.unlink(temporary)
            raise
        source, target = self.path + temporary, self.path + name
        try:
            os.rename(source, target, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except BaseException:
            self._leave_named(draft, temporary)
            raise

    def _leave_named(self, draft: Draft, name: str) -> None:
        """Let it keep a first name, for another try: the system links a nameless file but once."""
        try:
            draft.take_name(self.pinned(), name)
        except OSError:
            with suppress(OSError):  # swept later
                self.unlink(name)

    def rename(self, name: str, folder: Folder, new_name: str, *, if_absent: bool) -> None:
        assert isinstance(folder, PosixFolder)
        source, target = self.path + name, folder.path + new_name
        if if_absent:
            os.link(source, target, src_dir_fd=self.fd, dst_dir_fd=folder.fd, follow_symlinks=False)
            os.unlink(source, dir_fd=self.fd)
        else:
            os.rename(source, target, src_dir_fd=self.fd, dst_dir_fd=folder.fd)

    def lock(self) -> PosixFolder:
        held = self if self.fd is not None else self.pinned()
        held._locked = True  # also if a signal comes between: closing it then unlocks it
        try:
            lock(held.fd)  # type: ignore[arg-type]  # pinned
        except BaseException:
            held.close()
            raise
        return held

    def unlock(self) -> None:
        if self._locked:
            self._locked = False
            unlock(self.fd)  # type: ignore[arg-type]  # what is locked is open

    def lock_identity(self) -> tuple[int, int]:
        found = self.status()
        return found.st_dev, found.st_ino

    def status(self) -> os.stat_result:
        return os.stat(self.path) if self.fd is None else os.fstat(self.fd)

    def sync(self) -> None:
        if self.fd is not None:
            sync_to_disk(self.fd)
            return
        with self.pinned() as folder:
            sync_to_disk(folder._descriptor())

    def pinned(self) -> Self:
        if self.fd is None:
            return type(self)("", os.open(self.path, _DIRECTORY))
        return type(self)("", os.open(".", _DIRECTORY, dir_fd=self.fd))

    def _descriptor(self) -> int:
        assert self.fd is not None
        return self.fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _stat_of(name: str, dir_fd: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _link(draft: Draft, name: str, dir_fd: int | None) -> None:
    if draft.name is None:
        _link_nameless(draft.fd, name, dir_fd)
        return
    os.link(
        draft.name,
        name,
        src_dir_fd=draft.folder.fd,  # type: ignore[attr-defined]  # of our own kind
        dst_dir_fd=dir_fd,
        follow_symlinks=False,
    )


def _link_nameless(fd: int, name: str, dir_fd: int | None) -> None:
    # Without a src_dir_fd Python calls link(2), which does not follow: EXDEV.
    path = f"/proc/self/fd/{fd}"
    os.link(path, name, src_dir_fd=fd, dst_dir_fd=dir_fd, follow_symlinks=True)
