"""What commands are made of, and what answers mean."""

from __future__ import annotations

import math

from kvcore.backends.redis.packing import Command, Word
from kvcore.contract import Stat, WriteOptions
from kvcore.contract.values import expiring_in
from kvcore.errors import KeyExists, PreconditionFailed
from kvcore.ttl import TtlSecs

_ENDLESS_SECS = 10**12  # beyond all calendars


def set_command(key: str, data: bytes, options: WriteOptions) -> Command:
    """The SET of a value; ``if_match`` is not for it."""
    command: list[Word] = ["SET", key.encode(), data]
    ms = milliseconds(options.ttl_secs)
    if ms is not None:
        command += ["PX", ms]
    if options.if_absent:
        command.append("NX")
    elif options.if_present:
        command.append("XX")
    return tuple(command)


def milliseconds(ttl_secs: TtlSecs) -> str | None:
    """How long a value lives, at least a millisecond; ``None`` for ever."""
    if ttl_secs is None or isinstance(ttl_secs, str) or ttl_secs >= _ENDLESS_SECS:
        return None
    return str(math.ceil(ttl_secs * 1000))


def refusal_of(options: WriteOptions) -> type[PreconditionFailed]:
    """What it means that a SET was not carried out."""
    return KeyExists if options.if_absent else PreconditionFailed


def stat_of(size: int, ms: int, etag: str | None = None) -> Stat:
    """A stat by the milliseconds that a value has to live, negative for ever."""
    return Stat(size, etag=etag, expires=expiring_in(ms / 1000) if ms >= 0 else None)
