"""`SessionPolicy`: how long sessions live, whose they are, and what happens when things fail."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from kvcore.errors import ConfigError

_DAY_SECS = 86_400.0


class SessionOptions(TypedDict, total=False):
    """The fields of `SessionPolicy`, for those who take them as arguments of their own."""

    idle_secs: float
    absolute_secs: float | None
    refresh_secs: float
    watch: tuple[str, ...]
    user_keys: tuple[str, ...]
    max_bytes: int
    on_store_error: Literal["raise", "empty"]
    prefix: str
    merge_tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """The rules of an application's sessions. Raises `ConfigError` for one that makes no sense.

    >>> SessionPolicy(idle_secs=3600, absolute_secs=12 * 3600).idle_secs
    3600
    """

    idle_secs: float = 14 * _DAY_SECS
    """A session that is not used for so long is over."""
    absolute_secs: float | None = None
    """A session is over so long after it began (after the log-in), however much it is used."""
    refresh_secs: float = 60.0
    """A session that is only read is put off again when so much of ``idle_secs`` is used up (at
    most a tenth of it): not each reading costs a write."""
    watch: tuple[str, ...] = ("_user_id", "user_id", "username", "_auth_user_id", "_fresh")
    """When the value of one of these keys changes, the session gets a new id: a log-in never
    happens under an id that an attacker may have planted."""
    user_keys: tuple[str, ...] = ("_user_id", "user_id", "username", "_auth_user_id")
    """The first of these keys that has a value says whose session it is."""
    max_bytes: int = 1024 * 1024
    """What the stored session may have."""
    on_store_error: Literal["raise", "empty"] = "raise"
    """When the store cannot be asked: raise, or go on with an empty session that takes nothing."""
    prefix: str = "session-"
    """How the keys in the store begin."""
    merge_tries: int = 64
    """How often a session that others change at the same time is merged before the last wins."""

    _names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("idle_secs", "absolute_secs", "refresh_secs"):
            secs = getattr(self, name)
            if secs is None and name == "absolute_secs":
                continue
            _check_number(name, secs, "a number of seconds")
        _check_number("max_bytes", self.max_bytes, "a number of bytes")
        _check_number("merge_tries", self.merge_tries, "a number")
        if self.on_store_error not in ("raise", "empty"):
            raise ConfigError(f"on_store_error is 'raise' or 'empty', not {self.on_store_error!r}")
        for name in ("watch", "user_keys"):
            keys = getattr(self, name)
            if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
                raise ConfigError(f"{name} is a tuple of keys such as ('_user_id',)")
            object.__setattr__(self, name, tuple(keys))
        object.__setattr__(self, "_names", frozenset((*self.watch, *self.user_keys)))

    def latest(self, created: float) -> float:
        """When a session ends in any case."""
        return math.inf if self.absolute_secs is None else created + self.absolute_secs

    def expires(self, created: float, now: float, idle_secs: float | None) -> float:
        """When a session that is used now ends, if it is not used again."""
        idle_secs = self.idle_secs if idle_secs is None else idle_secs
        return min(now + idle_secs, self.latest(created))

    def slack_secs(self, idle_secs: float | None) -> float:
        """How much of its time a session that is only read may use up without being put off."""
        idle_secs = self.idle_secs if idle_secs is None else idle_secs
        return min(self.refresh_secs, idle_secs / 10)

    def user_of(self, content: Mapping[str, Any]) -> str | None:
        """Whose session this is."""
        if self._names.isdisjoint(content):
            return None
        for key in self.user_keys:
            if (value := content.get(key)) is not None:
                return str(value)
        return None

    def watched(self, content: Mapping[str, Any]) -> dict[str, object]:
        """What a change of gives the session a new id."""
        if self._names.isdisjoint(content):
            return {}
        return {key: value for key in self.watch if (value := content.get(key)) is not None}


def _check_number(name: str, value: object, what: str) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and value > 0)
    ):
        raise ConfigError(f"{name} is {what} greater than 0, not {value!r}")
