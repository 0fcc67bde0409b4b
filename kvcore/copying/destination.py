"""`Destination`: what of the keys to be copied is there already."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from kvcore.contract import KeyValueStore, Reader, Stat
from kvcore.contract.streams import read_blocks
from kvcore.errors import KeyNotFound

# Names to be remembered at most, about 150 bytes each; where more are, each key is asked for.
_NAMES = 250_000


class Destination:
    """The store to copy to, and the names of what was there at the beginning.

    Most copies go to an empty place, and then no key has to be asked for. (Names, not values: a
    value there may be of any size.)
    """

    def __init__(self, store: KeyValueStore, prefix: str) -> None:
        self.store = store
        self._names: set[str] | None = None
        if store.capabilities.list:
            names = set(islice(store.iter_keys(prefix), _NAMES + 1))
            if len(names) <= _NAMES:
                self._names = names

    def stat(self, key: str) -> Stat | None:
        """What is there under the key, or ``None``."""
        if self._names is not None and key not in self._names:
            return None
        try:
            return self.store.stat(key)
        except KeyNotFound:
            return None

    def stats(self, keys: Iterable[str]) -> dict[str, Stat]:
        """The same for those of the keys that are there."""
        found = ((key, self.stat(key)) for key in keys)
        return {key: stat for key, stat in found if stat is not None}

    def holds(self, key: str, reader: Reader) -> bool:
        """Whether the value there has the bytes that ``reader`` gives from here on."""
        try:
            with self.store.open(key) as there:
                for block in read_blocks(reader):
                    if not _follows(there, block):
                        return False
                return not there.read(1)
        except KeyNotFound:
            return False


def _follows(reader: Reader, block: bytes) -> bool:
    """Whether ``reader`` goes on with ``block``."""
    start = 0
    while start < len(block):
        found = reader.read(len(block) - start)
        if not found or found != block[start : start + len(found)]:
            return False
        start += len(found)
    return True
