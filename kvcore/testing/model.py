"""What `StoreMachine` compares a store with: a dict, and what a store may do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kvcore.contract import KeyValueStore, Stat
from kvcore.errors import KvcoreError
from kvcore.testing.clock import Clock
from kvcore.ttl import TtlSecs


class Value(NamedTuple):
    """What the model knows of a value."""

    data: bytes
    expires: float | None  # on the clock
    content_type: str | None
    etag: str | None


class Model:
    """The values that are to be in a store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, Value] = {}
        self._etags: dict[str, dict[str, bytes]] = {}

    def get(self, key: str) -> Value | None:
        """The live value under a key."""
        value = self._values.get(key)
        if value is not None and value.expires is not None and value.expires <= self._clock():
            del self._values[key]
            return None
        return value

    def live(self, prefix: str = "") -> dict[str, Value]:
        """All live values whose keys begin with a prefix, sorted by key."""
        keys = sorted(key for key in self._values if key.startswith(prefix))
        return {key: value for key in keys if (value := self.get(key)) is not None}

    def remove(self, key: str) -> None:
        """Forget a value."""
        self._values.pop(key, None)

    def note(
        self,
        store: KeyValueStore,
        key: str,
        data: bytes,
        expires: float | None,
        content_type: str | None,
    ) -> None:
        """Remember what was stored; what the store tells of it has to agree."""
        found = store.stat(key)
        if found.etag is not None:
            known = self._etags.setdefault(key, {}).setdefault(found.etag, data)
            assert known == data, "one etag for two values"
        kept = content_type if store.capabilities.content_type else None
        if content_type is None and store.capabilities.content_type:
            kept = found.content_type  # a service has one for every object
        self._values[key] = Value(data, expires, kept, found.etag)
        check_stat(found, self._values[key])

    def expiry(self, store: KeyValueStore, ttl_secs: TtlSecs) -> float | None:
        """When a value put now will expire."""
        if ttl_secs is None:
            ttl_secs = store.default_ttl_secs
        return None if ttl_secs is None or isinstance(ttl_secs, str) else self._clock() + ttl_secs

    def condition(self, key: str, kind: str | None) -> tuple[dict[str, Any], bool]:
        """The option to ask with, and whether it holds; ``"stale"`` is an ``if_match`` of old."""
        value = self.get(key)
        match kind:
            case None:
                return {}, True
            case "if_absent":
                return {kind: True}, value is None
            case "if_present":
                return {kind: True}, value is not None
        etag = next(iter(self._etags.get(key, ())), "no-such-etag")
        if kind == "if_match" and value is not None and value.etag is not None:
            etag = value.etag
        return {"if_match": etag}, value is not None and etag == value.etag

    def is_barred(self, key: str) -> bool:
        """Whether a folder may refuse the key, because it holds a longer or shorter one."""
        return any(o.startswith(f"{key}/") or key.startswith(f"{o}/") for o in self.live())


def check_stat(found: Stat, value: Value) -> None:
    """What a store tells of a value is what the model knows."""
    assert found.size == len(value.data)
    assert found.etag == value.etag
    assert found.content_type == value.content_type
    assert (found.expires is None) == (value.expires is None)


def error_of(call: Callable[[], object], *expected: type[KvcoreError]) -> KvcoreError | None:
    """The error of a call, which may be one of the expected ones."""
    try:
        call()
    except expected as error:
        return error
    return None
