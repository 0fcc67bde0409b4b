"""The keys that can be names of files on Windows."""

from __future__ import annotations

import re

from kvcore.errors import InvalidKey
from kvcore.keys import KeySpace

# "Naming Files, Paths, and Namespaces", learn.microsoft.com: reserved characters, device names
# (with any extension), no dot or space at the end.
_BAD = re.compile(r'[\\:*?"<>|]|[. ](?:/|\Z)')
_DEVICE = re.compile(r"(?i)(?:\A|/)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:[./ ]|\Z)")


class WindowsKeySpace(KeySpace):
    """A key space without the names that Windows takes for something else.

    >>> "a.txt" in WindowsKeySpace("strict", 255), "NUL.txt" in WindowsKeySpace("strict", 255)
    (True, False)
    """

    __slots__ = ()

    def check(self, key: str) -> None:
        """Raise `InvalidKey` also for what cannot be a name of a file on Windows."""
        super().check(key)
        if _BAD.search(key) or _DEVICE.search(key):
            raise InvalidKey("Windows takes no such name for a file", key=key)

    check_outside = check
