"""Listing a tree: legal keys in blocks, foreign files passed over, old temporaries swept."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from kvcore.backends.filesystem.directories import NO_FOLDER
from kvcore.backends.filesystem.folder import TEMPORARY_PREFIX, Folder
from kvcore.backends.filesystem.tree import Tree
from kvcore.keys import RESERVED_PREFIX, STRICT, KeySpace

SWEEP_AFTER_SECS = 24 * 3600.0
"""How long nobody must have written to a temporary file before it counts as left behind."""

# Stands in the root of every ext4 file system, for root's eyes only.
_LOST_AND_FOUND = "lost+found/"
_BLOCK_NAMES = 1024  # what is in memory at a time, and in cache; no Python frame runs per key
_PLAIN_CHARS = bytes(code for code in range(128) if chr(code) != "\\" and f"a{chr(code)}" in STRICT)
_PLAIN_LENGTH = 250
_PLAIN_BASE_BYTES = 700


def blocks(tree: Tree, space: KeySpace, prefix: str) -> Iterator[list[str]]:
    """The keys of ``space`` that begin with ``prefix``, in lists, in no particular order."""
    return _blocks(tree, space, *_start(space, prefix))


def level(tree: Tree, space: KeySpace, prefix: str) -> Iterator[str]:
    """The keys in the directory of ``prefix``, and its directories that hold any, with a "/"."""
    base, name_prefix = _start(space, prefix)
    if base is None:
        return
    folders: list[str] = []
    for names in _scan(tree, space, base, name_prefix, folders):
        yield from names
    for folder in folders:
        if any(_blocks(tree, space, folder, "")):
            yield folder


def sweep(tree: Tree, older_than_secs: float) -> int:
    """Remove temporary files that a killed writer left; returns how many."""
    removed, waiting = 0, [""]
    while waiting:
        base = waiting.pop()
        folder = _walk(tree, base)
        if folder is None:
            continue
        names: list[str] = []
        try:
            with suppress(FileNotFoundError), folder.scan() as entries:  # the root is not there
                for entry in entries:
                    if entry.name.startswith(TEMPORARY_PREFIX):
                        names.append(entry.name)
                    elif _is_folder(entry):
                        waiting.append(f"{base}{entry.name}/")
            removed += sum(_remove_old(folder, name, older_than_secs) for name in names)
        finally:
            folder.close()
    return removed


def _walk(tree: Tree, base: str) -> Folder | None:
    """The directory, to be closed; ``None`` if it is not there, or was removed while we list."""
    try:
        return tree.root.walk(base.split("/")[:-1])
    except OSError as error:
        if error.errno in NO_FOLDER or (base == _LOST_AND_FOUND and error.errno == errno.EACCES):
            return None
        error.filename = f"{tree.path}/{base}"
        raise


def _start(space: KeySpace, prefix: str) -> tuple[str | None, str]:
    """The directory to begin with ("" or ending in "/"; None: no key begins so), and the rest."""
    head, slash, name_prefix = prefix.rpartition("/")
    if slash and not ("a/a" in space and head in space):
        return None, ""
    return head + slash, name_prefix


def _blocks(tree: Tree, space: KeySpace, base: str | None, name_prefix: str) -> Iterator[list[str]]:
    if base is None:
        return
    waiting = [base]
    while waiting:
        folders: list[str] = []
        yield from _scan(tree, space, waiting.pop(), name_prefix, folders)
        waiting += folders
        name_prefix = ""  # it holds in the first directory only


def _scan(
    tree: Tree, space: KeySpace, base: str, name_prefix: str, folders: list[str]
) -> Iterator[list[str]]:
    """The keys in one directory, block by block; its directories are added to ``folders``."""
    deep = "a/a" in space
    plain_base = type(space) is KeySpace and len(base.encode()) <= _PLAIN_BASE_BYTES
    folder = _walk(tree, base)
    if folder is None:
        return
    try:
        with folder.scan() as entries:
            while block := list(islice(entries, _BLOCK_NAMES)):
                if name_prefix:
                    block = [entry for entry in block if entry.name.startswith(name_prefix)]
                names = [entry.name for entry in block if entry.is_file(follow_symlinks=False)]
                if deep and len(names) < len(block):
                    found = [entry.name for entry in block if _is_folder(entry)]
                    folders += [f"{base}{name}/" for name in found if base + name in space]
                if not (plain_base and _all_plain(names)):
                    _sweep_by_the_way(folder, names)
                    names = [name for name in names if base + name in space]
                yield [base + name for name in names] if base else names
    except FileNotFoundError:
        return  # the root is not there
    finally:
        folder.close()


def _all_plain(names: list[str]) -> bool:
    """Whether all names are legal in every key space; one pass in C for most directories."""
    text = "".join(names)
    return (
        text.isascii()
        and not text.encode().translate(None, _PLAIN_CHARS)
        and RESERVED_PREFIX not in text
        and max(map(len, names), default=0) <= _PLAIN_LENGTH
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _sweep_by_the_way(folder: Folder, names: list[str]) -> None:
    for name in names:
        if name.startswith(TEMPORARY_PREFIX):
            with suppress(OSError):  # listing goes on where removing is not allowed
                _remove_old(folder, name, SWEEP_AFTER_SECS)


def _remove_old(folder: Folder, name: str, older_than_secs: float) -> bool:
    try:
        found = folder.stat(name)
        if not stat.S_ISREG(found.st_mode) or found.st_mtime > time.time() - older_than_secs:
            return False
        folder.unlink(name)
    except FileNotFoundError:  # published or removed by its writer meanwhile
        return False
    return True
