"""The verbs that read and list values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import final

from kvcore.contract.callers_files import Path
from kvcore.contract.many import HooksForMany
from kvcore.contract.streams import Reader, Writable
from kvcore.contract.values import Fetched, Stat
from kvcore.keys import STRICT


class ReadingVerbs(HooksForMany):
    """One part of `KeyValueStore`, which see."""

    _check_key: Callable[[str], None] = staticmethod(STRICT.check)
    _check_new_key: Callable[[str], None] = staticmethod(STRICT.check)
    """For a key that is to be put; see `KeySpace.check_new_outside`."""

    @final
    def get(self, key: str) -> bytes:
        """The whole value. Raises `KeyNotFound`."""
        self._check_key(key)
        return self._get(key)

    @final
    def fetch(self, key: str) -> Fetched:
        """The whole value and its `Stat`, both of one version. Raises `KeyNotFound`."""
        self._check_key(key)
        return self._fetch(key)

    @final
    def get_range(self, key: str, start: int, length: int | None = None) -> bytes:
        """``length`` bytes from ``start`` on, fewer at the end of the value.

        ``length=None`` means to the end; a start behind the end gives ``b""``. Raises
        `KeyNotFound`, and ``ValueError`` for a negative number.
        """
        self._check_key(key)
        if not isinstance(start, int) or not isinstance(length, int | None):
            raise TypeError("start and length of a range are ints")
        if start < 0 or (length is not None and length < 0):
            raise ValueError("start and length of a range are not negative")
        return self._get_range(key, start, length)

    @final
    def get_file(self, key: str, file: Path | Writable) -> str:
        """Copy the value into a file object, or to a path; returns the key.

        A path is filled all or nothing: on any failure, a missing key included, what was there
        stays. A file object may be left with a part. Raises `KeyNotFound`.
        """
        self._check_key(key)
        if isinstance(file, str | os.PathLike):
            self._get_filename(key, os.fspath(file))
        elif hasattr(file, "write"):
            self._get_file(key, file)  # type: ignore[arg-type]  # write() is all that is used
        else:
            raise TypeError(f"get_file takes a path or a file, not {type(file).__name__}")
        return key

    @final
    def open(self, key: str) -> Reader:
        """A seekable, buffered file over one version of the value. Raises `KeyNotFound`."""
        self._check_key(key)
        return self._reader(key)

    @final
    def __contains__(self, key: str) -> bool:
        self._check_key(key)
        return self._has_key(key)

    @final
    def stat(self, key: str) -> Stat:
        """What the store knows of the value. Raises `KeyNotFound`."""
        self._check_key(key)
        return self._stat(key)

    # Listing and many

    @final
    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with ``prefix``, in no particular order."""
        return list(self.iter_keys(_text(prefix)))

    @final
    def __iter__(self) -> Iterator[str]:
        return self.iter_keys()

    @final
    def iter_prefixes(self, delimiter: str, prefix: str = "") -> Iterator[str]:
        """The keys below ``prefix``, each cut after the first ``delimiter`` that follows it.

        As a directory listing: ``iter_prefixes("/", "media/")`` gives the values in ``media/`` and
        its directories with a trailing ``/``, each once.
        """
        if not _text(delimiter):
            raise ValueError("a delimiter has at least one character")
        return self._iter_prefixes(delimiter, _text(prefix))

    @final
    def iter_stats(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Keys that begin with ``prefix``, each with its `Stat`."""
        return self._iter_stats(_text(prefix))

    @final
    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values of those keys that are there."""
        if isinstance(keys, str):
            raise TypeError("get_many takes an iterable of keys, not one key")
        checked = dict.fromkeys(keys)
        for key in checked:
            self._check_key(key)
        return self._get_many(checked)


def _text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a prefix or delimiter is a str, not {type(value).__name__}")
    return value
