"""Stores that list wrongly, or take what is no key."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from kvcore import PLAIN, DictStore, WriteOptions
from kvcore.keys import STRICT
from kvcore.testing import contract as suite
from tests.kit.mutants.table import caught_by


@caught_by(suite.ListingTests)
class PrefixOffByOne(DictStore):
    """The last character of a prefix does not count."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return super().iter_keys(prefix[:-1])


@caught_by(suite.ListingTests)
class PrefixIgnoresCase(DictStore):
    """As LIKE of SQLite."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return (key for key in super().iter_keys() if key.lower().startswith(prefix.lower()))


@caught_by(suite.ListingTests)
class PrefixIsAPattern(DictStore):
    """``_`` in a prefix stands for any character."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        for key in super().iter_keys():
            pairs = zip(key, prefix, strict=False)
            if len(key) >= len(prefix) and all(p in {c, "_"} for c, p in pairs):
                yield key


@caught_by(suite.ListingTests)
class ListsForeignEntries(DictStore):
    """What is no legal key is listed."""

    def _listed(self, key: object, prefix: str) -> bool:
        return str(key).startswith(prefix)


@caught_by(suite.ListingTests)
class PrefixesTwice(DictStore):
    """A prefix is given once for each of its keys."""

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        for key in self.iter_keys(prefix):
            head, cut, _ = key[len(prefix) :].partition(delimiter)
            yield prefix + head + cut


@caught_by(suite.ListingTests)
class FirstPageOnly(DictStore):
    """A listing ends with its first page."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return iter(list(super().iter_keys(prefix))[:40])


@caught_by(suite.HostileReadingTests)
class TrailingNewline(DictStore):
    """As a pattern that ends with ``$``."""

    def _use_keyspace(self, space: Any) -> None:
        super()._use_keyspace(space)
        self._check_key = lambda key: STRICT.check(key.removesuffix("\n"))


@caught_by(suite.HostileWritingTests)
class FoldsCase(DictStore):
    """Keys that differ in case are one, as on some file systems."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        super()._put(next((k for k in self.d if k.lower() == key.lower()), key), data, options)


@caught_by(suite.HostileWritingTests)
class CutsLongKeys(DictStore):
    """The end of a long key does not count."""

    def _get(self, key: str) -> bytes:
        return super()._get(next((k for k in self.d if k[:200] == key[:200]), key))

    def _delete(self, key: str) -> None:
        super()._delete(next((k for k in self.d if k[:200] == key[:200]), key))


@caught_by(suite.HostileWritingTests)
class Normalises(DictStore):
    """Keys are composed: two keys of two encodings are one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "keys": "path"})

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        super()._put(unicodedata.normalize("NFC", key), data, options)


@caught_by(suite.HostileWritingTests)
class DirectoryIsAKey(DictStore):
    """What a key lies in is found, too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "keys": "path"})

    def _has_key(self, key: str) -> bool:
        return super()._has_key(key) or any(other.startswith(f"{key}/") for other in self.d)
