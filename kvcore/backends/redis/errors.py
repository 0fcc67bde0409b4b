"""What went wrong between us and the server, in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kvcore.errors import StoreError, StoreTimeout

# What the server (or redis-py, which cuts the code off and names a class for it) reports, and
# what is to be done about it.
_HINTS: Mapping[str, str] = {
    "OOM": "the server has no memory left: raise maxmemory, or let it evict what has an expiry"
    " (maxmemory-policy volatile-lru)",
    "READONLY": "the server is a read-only replica: write to the primary",
    "WRONGTYPE": "another program keeps a list, hash, set or the like under this key: use another"
    " database or a prefix",
    "MISCONF": "the server cannot save to its disk and so takes no writes: see its log",
    "NOREPLICAS": "the server takes no writes, as too few replicas follow (min-replicas-to-write)",
    "LOADING": "the server is loading its data: try again soon",
    "BUSY": "a script of another client keeps the server busy (lua-time-limit): try again soon",
    "NOAUTH": "the server asks for a password: put user and password into the URL",
    "WRONGPASS": "the server does not know this user or password",
    "NOPERM": "this user may not do that: see ACL of the server",
    "CLUSTERDOWN": "the cluster is down: see CLUSTER INFO",
    "MASTERDOWN": "the replica has lost its primary, and is set not to answer then",
    "CROSSSLOT": "these keys lie on different nodes of the cluster",
    "TRYAGAIN": "the cluster is moving these keys to another node: try again soon",
    "INTEGER": "the value is not a decimal integer",
    "OVERFLOW": "the counter would leave 64 bits",
    "POOL": "all connections were in use all the time: raise max_connections",
}
_CODES = re.compile(rf"\b({'|'.join(code for code in _HINTS if code.isupper())})\b")
_TEXTS = {
    "not an integer": "INTEGER",
    "would overflow": "OVERFLOW",
    "No connection available": "POOL",
    "Too many connections": "POOL",
    "invalid username-password": "WRONGPASS",
    "invalid password": "WRONGPASS",
    "Authentication required": "NOAUTH",
    "without any password configured": "WRONGPASS",
}
_CLASSES = {
    "OutOfMemoryError": "OOM",
    "ReadOnlyError": "READONLY",
    "BusyLoadingError": "LOADING",
    "NoPermissionError": "NOPERM",
    "AuthenticationError": "WRONGPASS",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
    "ClusterCrossSlotError": "CROSSSLOT",
    "TryAgainError": "TRYAGAIN",
}


def told(error: Exception, key: str | None, store: object, *, reads: bool = False) -> StoreError:
    """Our error for one of the client's; raise it ``from`` that.

    >>> told(TimeoutError("Timeout reading from socket"), "a", None, reads=True)
    StoreTimeout('the server did not answer in time')
    """
    names = [kind.__name__ for kind in type(error).__mro__]
    reason = str(error).partition(", with args")[0]  # the server quotes what it does not know
    if "No connection available" in reason:
        return StoreTimeout(_HINTS["POOL"], key=key, store=store)
    if "TimeoutError" in names:
        told_reads = "the server did not answer in time" if reads else ""
        return StoreTimeout(told_reads, key=key, store=store)
    message = _HINTS.get(_code(names, reason), "the server failed")
    return StoreError(f"{message}: {reason}" if reason else message, key=key, store=store)


def is_wrong_type(error: Exception) -> bool:
    """Whether there is something under the key that is no value."""
    return "WRONGTYPE" in str(error)


def _code(names: list[str], reason: str) -> str:
    for text, code in _TEXTS.items():
        if text in reason:
            return code
    for name in names:
        if name in _CLASSES:
            return _CLASSES[name]
    found = _CODES.search(reason)
    return found[1] if found else ""
