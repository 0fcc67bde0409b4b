"""`Tree`: values as files below a root. What must be atomic, locked or synced is decided here.

* A value is written to a draft that nobody sees, then shown under its name in one step: by a link
  where nothing is there (creating needs no lock: exactly one link wins), else by a rename over it.
* Who replaces or removes holds a lock on the directory, also who does not look first: so between
  look (``if_match``, ``if_present``, ``move``) and deed nothing is replaced or deleted. (A shared
  lock for those who do not look lets them starve those who do.)
* Directories come when a link finds them missing, and go when a deletion leaves them empty (see
  `directories`). Who loses that race tries again: showing a draft can be repeated, writing it not.
* The time stamp is set by us, to the nanosecond: kernels before 6.13 tick at 4 ms and inodes are
  used again at once, so A-B-A would give equal etags.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import ExitStack, suppress
from functools import partial

from kvcore.backends.filesystem.directories import NO_FOLDER, NOT_EMPTY, Directories, way_is_free
from kvcore.backends.filesystem.folder import Draft, Folder
from kvcore.backends.filesystem.transfer import let_go, sync_to_disk
from kvcore.contract import PLAIN, WriteOptions
from kvcore.errors import KeyExists, PreconditionFailed, StoreError

_SMALL_BYTES = 64 * 1024  # what a killed writer may leave under a name, to be swept
_TRIES = 1000
"""How often to try again when other processes keep removing a directory under us."""


def etag_of(found: os.stat_result) -> str:
    """Equal for equal bytes: the inode, its size and the time stamp that its put gave it."""
    return f"{found.st_mtime_ns:x}-{found.st_ino:x}-{found.st_size:x}"


class Tree:
    """A root folder and how to write below it. Keys here are known to be legal."""

    def __init__(self, root: Folder, path: str, perm: int | None, *, durable: bool) -> None:
        self.root = root
        self.path = path
        self.perm = perm
        self.durable = durable
        self._directories = Directories(root, path, perm, durable=durable)
        self._writes_at_once = perm is None and not durable

    # Finding

    def folder_of(self, key: str) -> tuple[Folder, str]:
        """The folder that holds ``key``, to be closed, and the name there."""
        if "/" not in key:
            return self.root, key
        *segments, name = key.split("/")
        return self.root.walk(segments), name

    def open_read(self, key: str) -> tuple[int, os.stat_result]:
        """A descriptor of the file and its stat; ``FileNotFoundError`` for what is no file."""
        fd = self.root.open_key(key)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError(errno.ENOENT, "not a regular file")
        except BaseException:
            let_go(fd)
            raise
        return fd, found

    def stat(self, key: str) -> os.stat_result:
        """The stat of the file; ``FileNotFoundError`` for what is no file."""
        found = self.root.stat_key(key)
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file")
        return found

    # Writing

    def draft(self) -> Draft:
        """A new draft, on the file system of the root, which is made if it is missing."""
        try:
            return self.root.draft()
        except FileNotFoundError:
            return self._make_and_draft()

    def _make_and_draft(self) -> Draft:
        for _ in range(_TRIES):
            self._directories.make_root()
            with suppress(FileNotFoundError):
                return self.root.draft()
        raise StoreError("the root is removed again and again")

    def put(self, key: str, data: bytes, options: WriteOptions) -> None:
        """Write ``data`` and show it under ``key`` as the options ask."""
        replaces = options.if_present or options.if_match is not None
        at_once = replaces and self._writes_at_once and len(data) <= _SMALL_BYTES
        if at_once and self._put_over(key, data, options.if_match):
            return
        draft = None
        try:
            if self._writes_at_once and not replaces:
                try:
                    draft = self.root.put_new(key, data)
                except OSError as error:
                    if error.errno not in NO_FOLDER:
                        raise
                else:
                    if draft is not None:
                        self._present(draft, key, options, taken=True)
                    return
            draft = self.draft()
            draft.write(data)
            self.publish(draft, key, options)
        except BaseException:
            if draft is not None:
                draft.discard()
            raise

    def _put_over(self, key: str, data: bytes, etag: str | None) -> bool:
        try:
            return self.root.put_over(key, data, partial(_check, etag))
        except FileNotFoundError:  # the directory or our file was removed, so it is all to do again
            return False

    def publish(
        self, draft: Draft, key: str, options: WriteOptions = PLAIN, mode: int | None = None
    ) -> None:
        """Show the draft under ``key`` as the options ask, and close it.

        ``mode`` is for a draft that the umask has not given one. On an error nothing is shown and
        the caller discards the draft; only closing it, and syncing the directory, may fail after
        the value is there.
        """
        now = time.time_ns()
        draft.folder.stamp(draft, (now, now), mode if self.perm is None else self.perm)
        if self.durable:
            sync_to_disk(draft.fd)
        if draft.name is not None:
            draft.settle()
        self._present(draft, key, options, taken=False)

    def _present(self, draft: Draft, key: str, options: WriteOptions, *, taken: bool) -> None:
        """Show a finished draft and close it; ``taken``: we know that the key is there."""
        try:
            self._show(draft, key, options, taken=taken)
        except OSError as error:
            if error.errno not in NO_FOLDER:
                raise
            self._make_and_show(draft, key, options)
        draft.shown = True
        draft.close()
        if self.durable:
            self._directories.sync(key)

    def _make_and_show(self, draft: Draft, key: str, options: WriteOptions) -> None:
        """Make the directories that were missing; again, as long as others remove them."""
        if options.if_present or options.if_match is not None:
            raise PreconditionFailed("there is no value to replace")
        try:
            for _ in range(_TRIES):
                if not draft.is_there():
                    raise StoreError("the unfinished file was removed, by a sweep or with its root")
                self._directories.make(key)
                try:
                    return self._show(draft, key, options)
                except OSError as error:
                    if error.errno not in NO_FOLDER:
                        raise
            raise StoreError("directories of the key are removed again and again")
        except BaseException:
            self._directories.prune(key)
            raise

    def _show(self, draft: Draft, key: str, options: WriteOptions, *, taken: bool = False) -> None:
        creates = not options.if_present and options.if_match is None
        if creates and not taken:
            try:
                self.root.link_key(draft, key)
                return
            except FileExistsError:
                pass
        if creates and options.if_absent:
            self._clear_way(key)
            raise KeyExists
        folder, name = self.folder_of(key)
        try:
            self._replace(folder, draft, name, options)
        except IsADirectoryError:
            self._clear_way(key)
            raise way_is_free() from None  # it was in the way, and is no longer
        except PermissionError:  # what Windows says of a directory
            self._clear_way(key)
            raise
        finally:
            folder.close()

    def _clear_way(self, key: str) -> None:
        """If a directory is in the way, remove an empty one and have it tried again."""
        folder, name = self.folder_of(key)
        try:
            if stat.S_ISDIR(folder.stat(name).st_mode):
                self._directories.clear(folder, name)
        finally:
            folder.close()

    def _replace(self, folder: Folder, draft: Draft, name: str, options: WriteOptions) -> None:
        held = folder.lock()
        try:
            if options.if_present or options.if_match is not None:
                self._check(held, name, options.if_match)
            held.replace(draft, name)
        finally:
            held.close()

    def _check(self, held: Folder, name: str, etag: str | None) -> None:
        found = None
        with suppress(FileNotFoundError):
            found = held.stat(name)
        _check(etag, found)

    # Removing and moving

    def unlink(self, key: str, etag: str | None = None) -> None:
        """Remove the file, if it is there; with ``etag`` that version, or `PreconditionFailed`."""
        try:
            if etag is None and "/" not in key:
                self.root.remove(key, sync=self.durable)
                return
            folder, name = self.folder_of(key)
            try:
                if etag is None:
                    folder.remove(name, sync=self.durable)
                else:
                    self._unlink_version(folder, name, etag)
            finally:
                folder.close()
        except OSError as error:
            if error.errno not in NO_FILE and not self._is_folder(key):
                raise
            if etag is not None:
                raise PreconditionFailed("there is no value to delete") from None
            return
        if "/" in key:
            self._directories.prune(key)

    def _is_folder(self, key: str) -> bool:
        """Whether a directory has this name; to unlink one is forbidden, as macOS tells it."""
        try:
            return stat.S_ISDIR(self.root.stat_key(key).st_mode)
        except OSError:
            return False

    def _unlink_version(self, folder: Folder, name: str, etag: str) -> None:
        held = folder.lock()
        try:
            self._check(held, name, etag)
            held.unlink(name)
            held.unlock()  # a sync is long
            if self.durable:
                held.sync()
        finally:
            held.close()

    def rename(self, source: str, dest: str, *, if_absent: bool) -> None:
        """Move a file in one step; ``FileNotFoundError`` if it is not there."""
        made = False
        try:
            for _ in range(_TRIES):
                self.stat(source)
                try:
                    self._rename(source, dest, if_absent)
                    break
                except OSError as error:
                    if error.errno not in NO_FOLDER:
                        raise
                    made = True
                    self._directories.make(dest)
            else:
                raise StoreError("directories of the key are removed again and again")
        except BaseException:
            if made:
                self._directories.prune(dest)
            raise
        if self.durable:
            self._directories.sync(dest)
            self._directories.sync(source)
        if "/" in source:
            self._directories.prune(source)

    def _rename(self, source: str, dest: str, if_absent: bool) -> None:
        with ExitStack() as stack:
            root = self.root.pinned()  # one and the same for both, also if it is switched now
            stack.callback(root.close)
            *segments, name = source.split("/")
            folder = root.walk(segments)
            stack.callback(folder.close)
            *segments, new_name = dest.split("/")
            new_folder = root.walk(segments)
            stack.callback(new_folder.close)
            held, new_held = self._lock_both(stack, folder, new_folder)
            found = held.stat(name)
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError(errno.ENOENT, "not a regular file")
            try:
                held.rename(name, new_held, new_name, if_absent=if_absent)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
                if stat.S_ISDIR(new_held.stat(new_name).st_mode):
                    self._directories.clear(new_held, new_name)
                if not if_absent:
                    raise way_is_free() from None
                raise KeyExists from None
            if found.st_nlink > 1:
                _unlink_twin(held, name, found)

    def _lock_both(self, stack: ExitStack, one: Folder, other: Folder) -> tuple[Folder, Folder]:
        """Lock two folders, in an order that lets nobody wait in a ring."""

        def locked(folder: Folder) -> Folder:
            held = folder.lock()
            stack.callback(held.close)
            return held

        order, other_order = one.lock_identity(), other.lock_identity()
        if order == other_order:
            return locked(one), other
        if order < other_order:
            held = locked(one)
            return held, locked(other)
        new_held = locked(other)
        return locked(one), new_held


def _unlink_twin(held: Folder, name: str, moved: os.stat_result) -> None:
    """Remove a moved file's old name where rename(2) did nothing, as both names had been one file.

    A move with ``if_absent`` that was killed between its two steps leaves such a pair.
    """
    try:
        if os.path.samestat(held.stat(name), moved):
            held.unlink(name)
    except FileNotFoundError:
        pass


_TAKEN = {*NOT_EMPTY, errno.EISDIR}  # by a file or a directory, also by that of the source itself
NO_FILE = {*NO_FOLDER, errno.EISDIR, errno.ENXIO}
"""What the system says of a name that is missing, a directory, a socket, or below such."""


def _check(etag: str | None, found: os.stat_result | None) -> None:
    """Raise `PreconditionFailed` unless a value, or the one with this etag, is there."""
    if found is None or not stat.S_ISREG(found.st_mode):
        raise PreconditionFailed("there is no value to replace")
    if etag is not None and etag_of(found) != etag:
        raise PreconditionFailed
