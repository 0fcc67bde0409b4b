"""The names of a scan, as the server gives them, made keys: whole blocks at a time.

A scan is measured against KEYS, which knows no batches: a microsecond for each name would double
its time. So what is done for each name is done by one call for many.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvcore.keys import KeySpace

_SPECIAL = re.compile(rb"[\\*?\[]")
_DOT, _SLASH, _END = b"./\n"
_PLAIN_LENGTH = 250  # in every space
_REMEMBERED = 20_000  # and at most a block more


def pattern_of(prefix: bytes) -> bytes:
    r"""The glob pattern of Redis for all names that begin so.

    >>> print(pattern_of(b"a*").decode())
    a\**
    """
    return _SPECIAL.sub(rb"\\\g<0>", prefix) + b"*"


class Recent:
    """The names that were seen lately, in bounded memory.

    A scan gives a name again when the server's table shrinks meanwhile, and then soon: the
    cursor goes through the table so that what becomes one bucket lies side by side.
    """

    def __init__(self) -> None:
        self._names: set[bytes] = set()
        self._blocks: list[Sequence[bytes]] = []  # what `_names` is made of

    def new_of(self, names: Sequence[bytes]) -> Sequence[bytes]:
        """Those that were not seen, each once."""
        before = len(self._names)
        if before > _REMEMBERED:
            self._forget()
            before = len(self._names)
        self._names.update(names)
        if len(self._names) - before < len(names):  # rare
            names = list(set(names).difference(*self._blocks))
        self._blocks.append(names)
        return names

    def _forget(self) -> None:
        """Remember the last block only; over all blocks that costs little."""
        del self._blocks[:-1]
        self._names = set(self._blocks[0])


class Found:
    """A block of names that were found, and the keys that they are.

    ``read`` is called while the server already looks for the next block.
    """

    def __init__(self, space: KeySpace) -> None:
        self.names: Sequence[bytes] = ()
        self.keys: Sequence[str] = ()
        self._keys = Keys(space)
        self._recent = Recent()

    def read(self) -> None:
        """Make keys of the names."""
        self.keys = self._keys.of(self._recent.new_of(self.names))


class Keys:
    """Tells which names are keys of a space."""

    def __init__(self, space: KeySpace) -> None:
        self._space = space
        self._is_known = type(space) is KeySpace and space.max_segment_bytes is None
        # What is legal in the middle of a key is so in any place, but for "." and "/".
        legal = [char for char in map(chr, range(0x20, 0x7F)) if f"a{char}a" in space]
        self._legal = "".join(legal).encode()

    def of(self, names: Sequence[bytes]) -> list[str]:
        """The keys among the names."""
        joined = b"\n".join(names)
        if joined and self._is_known and self._are_plain(names, joined):
            return joined.decode("ascii").split("\n")
        return [key for name in names if (key := _text(name)) is not None and key in self._space]

    def _are_plain(self, names: Sequence[bytes], joined: bytes) -> bool:
        return (
            len(joined.translate(None, self._legal)) == len(names) - 1  # the line ends
            and joined[0] != _END
            and joined[-1] != _END
            and b"\n\n" not in joined
            and _are_short(joined)
            and (b"." not in joined or (joined[0] != _DOT and b"\n." not in joined))
            and (b"/" not in joined or self._are_plain_paths(joined))
        )

    def _are_plain_paths(self, joined: bytes) -> bool:
        return not (
            joined[0] == _SLASH
            or joined[-1] == _SLASH
            or any(pair in joined for pair in (b"\n/", b"/\n", b"//", b"/."))
        )


def _are_short(lines: bytes) -> bool:
    """Whether no line is longer than a key may be in every space."""
    start = 0
    while len(lines) - start > _PLAIN_LENGTH:  # from line end to line end, as far as one may be
        start = lines.rfind(b"\n", start, start + _PLAIN_LENGTH + 1) + 1
        if not start:
            return False
    return True


def _text(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None
