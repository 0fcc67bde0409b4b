"""Names for the objects of redis-py, whose types differ from one version to the next."""

from __future__ import annotations

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
