"""Commands as the bytes that go to a server: arrays of bulk strings.

The Redis serialization protocol specification, "Sending commands to a Redis server". Done here as
it takes a third of redis-py's time; and hiredis (3.5) takes the process down with it where a signal
handler raises while it makes words of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

Word: TypeAlias = bytes | str
Command: TypeAlias = tuple[Word, ...]

_PIECE_BYTES = 256 * 1024
_COPIED_BYTES = 4 * 1024  # more is not worth to be copied on its way


def pack(commands: Iterable[Command]) -> Sequence[bytes]:
    r"""The bytes of commands, large values as they are.

    >>> pack([("SET", b"a-key", b"\x00")])
    [b'*3\r\n', b'$3\r\nSET\r\n', b'$5\r\na-key\r\n', b'$1\r\n\x00\r\n']
    """
    parts: list[bytes] = []
    add = parts.append
    for command in commands:
        add(b"*%d\r\n" % len(command))
        for word in command:
            data = word.encode(errors="surrogatepass") if isinstance(word, str) else word
            if len(data) <= _COPIED_BYTES:
                add(b"$%d\r\n%b\r\n" % (len(data), data))
            else:
                parts += (b"$%d\r\n" % len(data), data, b"\r\n")
    return parts


def pieces(packed: Sequence[bytes]) -> Iterable[bytes]:
    """What is packed, in pieces none of which takes long to send, as time-outs are for a piece.

    There are few: each that is sent lets go of Python's lock, so that threads get in each other's
    way.
    """
    if sum(map(len, packed)) > _PIECE_BYTES:
        return _cut(packed)
    return (b"".join(packed),)


def _cut(packed: Sequence[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for item in packed:
        for start in range(0, len(item), _PIECE_BYTES):
            part = item if len(item) <= _PIECE_BYTES else item[start : start + _PIECE_BYTES]
            if size + len(part) > _PIECE_BYTES:
                yield b"".join(waiting)
                waiting, size = [], 0
            waiting.append(part)
            size += len(part)
    yield b"".join(waiting)
