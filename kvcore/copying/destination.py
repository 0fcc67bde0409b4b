"""`Destination`: what of the keys to be copied is there already."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from kvcore.contract import KeyValueStore, Reader, Stat
from kvcore.contract.streams import read_blocks
from kvcore.errors import KeyNotFound, VerificationError

# Keys to be remembered at most, some 300 bytes each; where more are, each is asked for by itself.
_KEYS = 100_000


class Destination:
    """The store to copy to, and what was there at the beginning.

    Most copies go to an empty place, and then no key has to be asked for; or they complete an
    earlier one, and a listing tells much faster what is there.
    """

    def __init__(self, store: KeyValueStore, prefix: str) -> None:
        self.store = store
        self._listed: dict[str, Stat] | None = None
        self._has_fingerprints = store._fingerprint(0) is not None
        if store.capabilities.list:
            listed = {
                key: stat._replace(
                    etag=stat.etag if self._has_fingerprints else None, modified=None
                )
                for key, stat in islice(store._iter_sizes(prefix), _KEYS + 1)
            }
            if len(listed) <= _KEYS:
                self._listed = listed

    def stat(self, key: str) -> Stat | None:
        """What was there under the key, or ``None``."""
        if self._listed is not None:
            return self._listed.get(key)
        return self.stat_now(key)

    def stat_now(self, key: str) -> Stat | None:
        """What is there under the key now, or ``None``."""
        try:
            return self.store.stat(key)
        except KeyNotFound:
            return None

    def stats(self, keys: Iterable[str]) -> dict[str, Stat]:
        """The same for those of the keys that are there."""
        found = ((key, self.stat(key)) for key in keys)
        return {key: stat for key, stat in found if stat is not None}

    def stats_to_show(self, keys: Iterable[str]) -> dict[str, Stat]:
        """What is there now, for `shows`; nothing where no stat shows anything."""
        if not self._has_fingerprints:
            return {}
        found = ((key, self.stat_now(key)) for key in keys)
        return {key: stat for key, stat in found if stat is not None}

    def shows(self, stat: Stat, blocks: Iterable[bytes]) -> bool:
        """Whether ``stat``, of a value there, shows by itself that it has these bytes."""
        fingerprint = self.store._fingerprint(stat.size) if self._has_fingerprints else None
        if fingerprint is None or stat.etag is None:
            return False
        for block in blocks:
            fingerprint.update(block)
        return fingerprint.is_of(stat)

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
        except VerificationError as error:
            if error.is_told_by(self.store):
                return False  # nobody can read it: to be replaced
            raise


def _follows(reader: Reader, block: bytes) -> bool:
    """Whether ``reader`` goes on with ``block``."""
    start = 0
    while start < len(block):
        found = reader.read(len(block) - start)
        if not found or found != block[start : start + len(found)]:
            return False
        start += len(found)
    return True
