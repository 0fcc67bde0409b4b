"""`FilesystemStore`: a value is a file, its key the name below a root."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import IO, Literal, TypeVar

from kvcore.backends.filesystem import listing, urls
from kvcore.backends.filesystem.adopting import adopt
from kvcore.backends.filesystem.files import FileWriter, ValueFile, regular_descriptor
from kvcore.backends.filesystem.folder import Draft, Folder
from kvcore.backends.filesystem.transfer import (
    copy_to_end,
    let_go,
    read_to_end,
)
from kvcore.backends.filesystem.tree import NO_FILE, Tree, etag_of
from kvcore.contract import (
    PLAIN,
    Capabilities,
    CopyMixin,
    Fetched,
    Path,
    Reader,
    Stat,
    UrlMixin,
    UrlOptions,
    WriteOptions,
    Writer,
)
from kvcore.contract.callers_files import filling
from kvcore.contract.streams import read_blocks
from kvcore.errors import KeyExists, KeyNotFound, KvcoreError, StoreError, StoreTimeout
from kvcore.keys import KeySpace
from kvcore.recipe import url_text

Durability = Literal["full", "atomic"]
_T = TypeVar("_T")

_BY_DESCRIPTOR = {os.open, os.stat, os.mkdir, os.unlink, os.rmdir, os.link, os.rename}
_SEGMENT_BYTES = 255  # of every common file system


def _platform_folder() -> type[Folder]:
    if os.supports_dir_fd >= _BY_DESCRIPTOR and os.scandir in os.supports_fd:
        from kvcore.backends.filesystem.posix import PosixFolder

        return PosixFolder
    from kvcore.backends.filesystem.portable import PortableFolder

    return PortableFolder


class FilesystemStore(UrlMixin, CopyMixin):
    """Keeps each value in a file ``root/key``, readable in place by everybody else.

    ``root`` is made when it is missing; it and all below must be one file system. ``perm`` is the
    mode of files (directories get it with the matching search bits); by default the umask decides.
    ``keys`` is ``"strict"`` (a flat folder) or ``"path"`` (directories by "/").

    Replacing is always atomic: readers, killed writers and full disks see the old value or the
    new one, whole. ``durability="full"`` syncs, so that what was put survives a power cut;
    ``"atomic"`` does not sync and is many times faster: after a power cut a value of the last
    half minute may be missing or empty.

    Files have no time to live, and no place for a content type.

    >>> import tempfile
    >>> root = tempfile.mkdtemp()
    >>> store = FilesystemStore(root, keys="path")
    >>> store.put("media/hello.txt", b"hello")
    'media/hello.txt'
    >>> with open(root + "/media/hello.txt") as file:
    ...     file.read()
    'hello'
    """

    _declared = Capabilities(
        if_absent=True,
        if_present=True,
        if_match=True,
        delete_if_match=True,
        pinned_reads=True,
        local_path=True,
        local=True,
    )
    _recipe = urls.FS
    _folder_class: type[Folder] = _platform_folder()

    def __init__(
        self,
        root: Path,
        perm: int | None = None,
        *,
        keys: str = "strict",
        durability: Durability = "full",
    ) -> None:
        if durability not in ("full", "atomic"):
            raise ValueError(f"durability is 'full' or 'atomic', not {durability!r}")
        if perm is not None and not 0 <= perm <= 0o777:
            raise ValueError(f"perm is a mode such as 0o640, not {perm!r}")
        path = os.path.abspath(os.fspath(root))  # a later chdir must not move the store
        self._tree = Tree(self._folder_class.root(path), path, perm, durable=durability == "full")
        self._use_keyspace(self._space(keys))

    @property
    def root(self) -> str:
        """The absolute path of the folder."""
        return self._tree.path

    @classmethod
    def _space(cls, name: str) -> KeySpace:
        if os.name == "nt":
            from kvcore.backends.filesystem.windows import WindowsKeySpace

            return WindowsKeySpace(name, _SEGMENT_BYTES)
        return KeySpace(name, _SEGMENT_BYTES)

    # Reading

    def _open_fd(self, key: str) -> tuple[int, os.stat_result]:
        try:
            return self._tree.open_read(key)
        except OSError as error:
            raise self._unread(error, key) from error

    def _open(self, key: str) -> Reader:
        fd, found = self._open_fd(key)
        return Reader(ValueFile(fd, key, self._failed), _stat_of(found))

    def _get(self, key: str) -> bytes:
        try:
            fd, found = self._tree.open_read(key)
        except OSError as error:
            raise self._unread(error, key) from error
        try:
            return read_to_end(fd, found.st_size)
        except OSError as error:
            raise self._failed(error, key) from error
        finally:
            let_go(fd)

    def _fetch(self, key: str) -> Fetched:
        fd, found = self._open_fd(key)
        try:
            return Fetched(read_to_end(fd, found.st_size), _stat_of(found))
        except OSError as error:
            raise self._failed(error, key) from error
        finally:
            let_go(fd)

    def _get_filename(self, key: str, path: str) -> None:
        fd, _ = self._open_fd(key)
        try:
            with filling(path) as file:
                copy_to_end(fd, file.fileno())
        finally:
            let_go(fd)

    def _has_key(self, key: str) -> bool:
        try:
            return stat.S_ISREG(self._tree.root.stat_key(key).st_mode)
        except OSError as error:
            if error.errno in NO_FILE:
                return False
            raise self._failed(error, key) from error

    def _stat(self, key: str) -> Stat:
        try:
            return _stat_of(self._tree.stat(key))
        except OSError as error:
            raise self._unread(error, key) from error

    # Writing

    def _draft(self, key: str | None) -> Draft:
        try:
            return self._tree.draft()
        except (OSError, KvcoreError) as error:
            raise self._failed(error, key) from error

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        try:
            self._tree.put(key, data, options)
        except (OSError, KvcoreError) as error:
            raise self._failed(error, key) from error

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        with self._writer(key, options) as writer:
            fd = regular_descriptor(file)
            if fd is None:
                for block in read_blocks(file):
                    writer.write(block)
            else:
                file.flush()  # what the caller wrote to it a moment ago
                start = file.tell()
                file.seek(start + writer.fill(fd, start))

    def _put_filename(self, key: str, path: str, options: WriteOptions = PLAIN) -> None:
        with open(path, "rb", buffering=0) as file:
            self._put_file(key, file, options)

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> None:
        source = os.lstat(path)
        try:
            adopted = adopt(self._tree, path, source, key, options)
        except (OSError, KvcoreError) as error:
            raise self._failed(error, key) from error
        if not adopted:
            super()._move_filename(key, path, options)

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        return self._writer(key, options)

    def _writer(self, key: str | None, options: WriteOptions) -> FileWriter:
        return FileWriter(self._tree, self._draft(key), key, options, self._failed)

    # Removing, copying

    def _delete(self, key: str) -> None:
        try:
            self._tree.unlink(key)
        except (OSError, KvcoreError) as error:
            raise self._failed(error, key) from error

    def _delete_if_match(self, key: str, etag: str) -> None:
        try:
            self._tree.unlink(key, etag)
        except (OSError, KvcoreError) as error:
            raise self._failed(error, key) from error

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        fd, _ = self._open_fd(source)
        try:
            with self._writer(dest, WriteOptions(if_absent=if_absent)) as writer:
                writer.fill(fd, 0)
        finally:
            let_go(fd)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        try:
            self._tree.rename(source, dest, if_absent=if_absent)
        except KeyExists as error:
            raise self._failed(error, dest) from error
        except OSError as error:
            raise self._unread(error, source) from error

    # Listing

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``, directory by directory."""
        blocks = listing.blocks(self._tree, self._keyspace, prefix)
        return chain.from_iterable(self._guarded(blocks))

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        if delimiter != "/":
            return super()._iter_prefixes(delimiter, prefix)
        return self._guarded(listing.level(self._tree, self._keyspace, prefix))

    def _guarded(self, found: Iterator[_T]) -> Iterator[_T]:
        try:
            yield from found
        except OSError as error:
            raise self._failed(error, None) from error

    def sweep(self, older_than_secs: float = listing.SWEEP_AFTER_SECS) -> int:
        """Remove temporary files that killed writers left; returns how many.

        Those of a day ago are also removed by the way when their directory is listed.
        """
        try:
            return listing.sweep(self._tree, older_than_secs)
        except OSError as error:
            raise self._failed(error, None) from error

    def _sweep(self, older_than_secs: float) -> int:
        return self.sweep(older_than_secs)

    # Addresses

    def _place(self) -> tuple[object, str]:
        return "file", os.path.join(os.path.realpath(self._tree.path), "").replace(os.sep, "/")

    def _local_path(self, key: str) -> str:
        self._stat(key)
        return self._path_of(key)

    def _path_of(self, key: str) -> str:
        return os.path.join(self._tree.path, *key.split("/"))

    def _url_for(self, key: str, options: UrlOptions) -> str:
        """A ``file://`` URL."""
        from urllib.parse import quote

        return f"file://{quote(self._path_of(key))}"

    def _url(self) -> str:
        return url_text("fs", urls.address(self._tree.path), self._url_options())

    def _url_options(self) -> dict[str, str]:
        """What differs from the defaults, as it is written in a URL."""
        tree = self._tree
        return {
            **({"keys": self._keyspace.name} if self._keyspace.name != "strict" else {}),
            **({} if tree.durable else {"durability": "atomic"}),
            **({} if tree.perm is None else {"perm": f"{tree.perm:o}"}),
        }

    # Errors

    def _unread(self, error: OSError, key: str) -> KvcoreError:
        """Ours for the system's on a look-up."""
        if error.errno in NO_FILE:
            return KeyNotFound(key=key, store=self)
        return self._failed(error, key)

    def _failed(self, error: OSError | KvcoreError, key: str | None) -> KvcoreError:
        """Ours for the system's."""
        if isinstance(error, KvcoreError):
            error.seen_from(self, key)
            return error
        if isinstance(error, TimeoutError):
            return StoreTimeout(str(error), key=key, store=self)
        hint = _HINTS.get(error.errno or 0, "")
        where = f" ({error.filename})" if key is None and error.filename else ""
        message = f"the file system says: {error.strerror or error}{where}{hint}"
        return StoreError(message, key=key, store=self)


def _stat_of(found: os.stat_result) -> Stat:
    try:
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):  # a foreign file from beyond all calendars
        modified = None
    return Stat(found.st_size, modified, etag_of(found))


_HINTS = {
    errno.EACCES: "; check the owner and mode of the root",
    errno.EDQUOT: "; free some space",
    errno.ENOSPC: "; free some space",
    errno.EROFS: "; the file system is mounted read-only",
    errno.EXDEV: "; all below the root must be one file system",
}
