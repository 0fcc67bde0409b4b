"""`Directories`: made when a key needs them, synced with it, removed when they are empty."""

from __future__ import annotations

import errno
import os

from kvcore.backends.filesystem.folder import Folder
from kvcore.errors import KeyExists, StoreError

NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
"""What the system says of a directory that is missing, a file, or a symbolic link."""
NOT_EMPTY = {errno.ENOTEMPTY, errno.EEXIST}
"""What it says of a directory that cannot be removed, or replaced, for what is in it."""

_SYNCED_AT_MOST = 10_000
_EMPTY_DEPTH_AT_MOST = 64


class Directories:
    """The directories of one tree: below ``root``, which lies at ``path``.

    ``perm`` is the mode of files; directories get it with the matching search bits, and whatever
    else the owner needs to work in them.
    """

    def __init__(self, root: Folder, path: str, perm: int | None, *, durable: bool) -> None:
        self._root = root
        self._path = path
        self._perm: int | None = None if perm is None else perm | (perm & 0o444) >> 2 | 0o300
        self._durable = durable
        self._synced: dict[tuple[int, int], int] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_synced": {}}

    def make_root(self) -> None:
        """Make the root, and what is missing above it, for the next try."""
        missing = []
        path = self._path.rstrip(os.sep) or os.sep
        while not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        try:
            for path in reversed(missing):
                self._make_root_folder(*os.path.split(path))
        except FileNotFoundError:
            return  # removed meanwhile: the next try finds out

    def _make_root_folder(self, above: str, name: str) -> None:
        folder = type(self._root).root(above)
        try:
            folder.mkdir(name, self._perm)
        except FileExistsError:  # by another process, which may not have come to its sync yet
            path = os.path.join(above, name)
            if os.path.lexists(path) and not os.path.isdir(path):
                raise StoreError(f"{path!r} is no directory, but a file or a dead link") from None
        if self._durable:
            folder.sync()

    def make(self, key: str) -> None:
        """Make what is missing above ``key``. `KeyExists` if something else is in the way."""
        self.make_root()
        folder = self._root
        *segments, _ = key.split("/")
        bar = ""
        try:
            for segment in segments:
                bar += f"/{segment}"
                made = False
                try:
                    folder.mkdir(segment, self._perm)
                    made = True
                except FileExistsError:
                    pass
                above, folder = folder, folder.sub(segment)
                try:
                    if made and self._durable:  # its inode may be one that was synced before
                        self._sync_entry(above, folder, known=False)
                finally:
                    above.close()
        except FileNotFoundError:
            return  # pruned meanwhile: the next try finds out
        except OSError as error:
            if error.errno not in NO_FOLDER:
                raise
            raise KeyExists(f"{bar[1:]!r} is no directory, so it bars this key") from error
        finally:
            folder.close()

    def sync(self, key: str) -> None:
        """Sync the entry of ``key``, and the directories above that we did not see synced.

        Another process may have made them a moment ago and not have come to its own sync. Inodes
        are used again, so that the directory above must be unchanged as well.
        """
        *segments, _ = key.split("/")
        folder = self._root
        try:
            for segment in segments:
                above, folder = folder, folder.sub(segment)
                try:
                    self._sync_entry(above, folder, known=True)
                finally:
                    above.close()
            folder.sync()
        except OSError as error:
            if error.errno not in NO_FOLDER:
                raise
            # Deleted and pruned by others meanwhile: there is nothing to keep.
        finally:
            folder.close()

    def _sync_entry(self, above: Folder, folder: Folder, *, known: bool) -> None:
        found, changed_ns = folder.status(), above.status().st_mtime_ns
        identity = found.st_dev, found.st_ino
        if known and self._synced.get(identity) == changed_ns:
            return
        above.sync()
        if len(self._synced) >= _SYNCED_AT_MOST:
            self._synced.clear()
        self._synced[identity] = changed_ns

    def prune(self, key: str) -> None:
        """Remove the directories above ``key`` that are empty now, as far as there are some."""
        *segments, _ = key.split("/")
        while segments:
            name = segments.pop()
            try:
                above = self._root.walk(segments)
                try:
                    above.rmdir(name)
                finally:
                    above.close()
            except FileNotFoundError:
                continue
            except OSError:
                return  # not empty, or not ours to remove: the value is gone in any case

    def clear(self, folder: Folder, name: str) -> None:
        """Remove the directory ``name`` if no file is below it: a killed writer left it so.

        Ends in `KeyExists`, or in ``FileNotFoundError``: the way is free now, try again.
        """
        if not _remove_empty(folder, name, _EMPTY_DEPTH_AT_MOST):
            raise KeyExists("there are keys below this one; nothing was changed")
        raise way_is_free()


def way_is_free() -> FileNotFoundError:
    """What stood in the way is gone: to be tried again."""
    return FileNotFoundError(errno.ENOENT, "the way is free now, try again")


def _remove_empty(folder: Folder, name: str, depth: int) -> bool:
    if _rmdir(folder, name):
        return True
    if not depth:  # not from here, and descriptors are not endless
        return False
    deeper = folder.sub(name)
    try:
        with deeper.scan() as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    return False
                if not _remove_empty(deeper, entry.name, depth - 1):
                    return False
    finally:
        deeper.close()
    return _rmdir(folder, name)


def _rmdir(folder: Folder, name: str) -> bool:
    """Remove a directory; ``False`` if it is not empty."""
    try:
        folder.rmdir(name)
    except OSError as error:
        if error.errno in NOT_EMPTY:
            return False
        raise
    return True
