"""`CopyReport`: what became of the keys of a copy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from kvcore.errors import KvcoreError

_NO_ERRORS: Mapping[str, KvcoreError | OSError] = MappingProxyType({})


class CopyReport(NamedTuple):
    """What became of the keys of a copy, each counted once.

    >>> CopyReport(copied=2, same=1).seen
    3
    """

    copied: int = 0
    """Values put to the destination (in a dry run: that would be)."""
    copied_bytes: int = 0
    """Their bytes; while a copy runs, also those of values that are half way."""
    same: int = 0
    """Values that the destination had already, byte for byte."""
    skipped: int = 0
    """Keys left alone, as the destination has a value (``skip_existing``)."""
    vanished: int = 0
    """Keys that were listed, and gone from the source before they were read."""
    made_lasting: int = 0
    """Copied values that expire in the source and will not in the destination, which has no place
    for it."""
    errors: Mapping[str, KvcoreError | OSError] = _NO_ERRORS
    """The keys that could not be copied, each with the reason."""

    @property
    def seen(self) -> int:
        """The keys of the source that were dealt with."""
        return self.copied + self.same + self.skipped + self.vanished + len(self.errors)

    @property
    def ok(self) -> bool:
        """Whether no key failed."""
        return not self.errors


class Tally:
    """A `CopyReport` in the making, of one thread."""

    def __init__(self) -> None:
        self.copied: int = 0
        self.copied_bytes: int = 0
        self.same: int = 0
        self.skipped: int = 0
        self.vanished: int = 0
        self.made_lasting: int = 0
        self.errors: dict[str, KvcoreError | OSError] = {}

    def copied_one(self, size: int, *, lasting: bool) -> None:
        """Count a value that was put, and whether it lost its expiry."""
        self.copied += 1
        self.copied_bytes += size
        self.made_lasting += lasting

    def failed(self, key: str, error: KvcoreError | OSError) -> None:
        """Count a key that could not be copied."""
        # Without its frames, which hold the values that were being copied.
        self.errors[key] = error.with_traceback(None)
        error.__cause__ = error.__context__ = None

    def report(self) -> CopyReport:
        """What was counted so far."""
        return CopyReport(**vars(self))
