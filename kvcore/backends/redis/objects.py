"""Names for the objects of redis-py, whose types differ from one version to the next.

What is read of their insides is read here alone: no public method gives a standing connection
another time-out, tells that a part of an answer has come, or waits until a part was sent.
"""

from __future__ import annotations

import socket
from typing import Any, TypeAlias

Library: TypeAlias = Any
"""The package: ``redis``, its ``redis.asyncio``, or ``valkey``, which was made from it."""
AnyClient: TypeAlias = Any
Pool: TypeAlias = Any
Connection: TypeAlias = Any
Node: TypeAlias = Any
"""A server of a cluster; ``None`` where there is one only."""
Answer: TypeAlias = Any
"""What the server answers: bytes, an int, ``None``, or a list of such."""
StreamReader: TypeAlias = Any
StreamWriter: TypeAlias = Any
"""asyncio's; those of a connection get methods of ours."""


def socket_of(connection: Connection) -> socket.socket | None:
    """The socket of a synchronous connection; ``None`` if it does not stand."""
    sock: socket.socket | None = connection._sock
    return sock


def reader_of(connection: Connection) -> StreamReader:
    """What an async connection that stands reads from."""
    return connection._reader


def writer_of(connection: Connection) -> StreamWriter:
    """What an async connection that stands writes to."""
    return connection._writer
