"""Taking over a caller's file: by renaming it, so that it becomes the value itself."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from kvcore.backends.filesystem.folder import Draft
from kvcore.backends.filesystem.tree import Tree
from kvcore.contract import WriteOptions

_NOT_ADOPTED = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK}


def adopt(tree: Tree, path: str, source: os.stat_result, key: str, options: WriteOptions) -> bool:
    """Make the caller's file the value; ``False``, and all as before, if it cannot be.

    It is treated as a draft that is already written: stamped, given the mode of a new file,
    synced, linked or renamed to its key, and its old name removed. ``source`` is its ``lstat``.
    """
    draft = tree.draft()
    try:
        fresh = os.fstat(draft.fd)
    finally:
        draft.discard()
    above, name = os.path.split(os.path.abspath(path))
    if (
        not stat.S_ISREG(source.st_mode)
        or source.st_nlink != 1
        or (source.st_dev, source.st_uid, source.st_gid)
        != (fresh.st_dev, fresh.st_uid, fresh.st_gid)
        or not os.access(above, os.W_OK | os.X_OK)
    ):
        return False
    folder = type(tree.root).root(above).pinned()
    try:
        adopted = Draft(folder.open_read(name), folder, name)
    except BaseException:
        folder.close()
        raise
    try:
        tree.publish(adopted, key, options, mode=stat.S_IMODE(fresh.st_mode))
    except BaseException as error:
        if adopted.shown:
            adopted.discard()
            raise
        _give_back(adopted, source)
        if isinstance(error, OSError) and error.errno in _NOT_ADOPTED:
            return False
        raise
    return True


def _give_back(draft: Draft, source: os.stat_result) -> None:
    """Let go of a caller's file that was to be adopted, with the times and mode that it had."""
    assert draft.name is not None
    with suppress(OSError):  # what went wrong before is what the caller is to hear of
        if draft.fd < 0:
            draft.fd = draft.folder.open_read(draft.name)
        times_ns = (source.st_atime_ns, source.st_mtime_ns)
        draft.folder.stamp(draft, times_ns, stat.S_IMODE(source.st_mode))
    draft.forget()
    draft.discard()
