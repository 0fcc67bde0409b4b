"""Values to be copied, and stores that go wrong in one way each, to copy from and to."""

import io
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from kvcore import DictStore, KeyValueStore, Reader, Stat, StoreError, StoreTimeout

SMALL, LARGE = 100, 300_000
"""Sizes of values that are copied many at a time, and one by one."""
BOTH = pytest.mark.parametrize("size", [SMALL, LARGE])


def some(number: int = 10, **more: bytes) -> dict[str, bytes]:
    """Values of all kinds: empty, small and larger than what is copied at a time."""
    values = {f"key{n}": os.urandom(n * n) for n in range(number)}
    return {**values, "large": os.urandom(LARGE), **more}


def values_of(store: KeyValueStore) -> dict[str, bytes]:
    """All that is there."""
    return {key: store.get(key) for key in store}


class Ghosts(DictStore):
    """Lists keys that are gone when they are asked for."""

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        yield "small-ghost", Stat(SMALL)
        yield from super()._iter_stats(prefix)
        yield "large-ghost", Stat(LARGE)


class Unreadable(DictStore):
    """Every value whose key begins with "bad" is on a broken disk."""

    def _fetch(self, key: str) -> Any:
        if key.startswith("bad"):
            raise StoreError("input/output error", key=key, store=self)
        return super()._fetch(key)


class Unwritable(DictStore):
    """Takes no value whose key begins with "bad"."""

    def _put(self, key: str, *rest: Any) -> None:
        if key.startswith("bad"):
            raise StoreError("no space left", key=key, store=self)
        super()._put(key, *rest)


class Corrupting(DictStore):
    """Keeps other bytes than it was given where the key begins with "bad"."""

    def _put(self, key: str, data: bytes, *rest: Any) -> None:
        super()._put(key, bytes([data[0] ^ 1]) + data[1:] if key.startswith("bad") else data, *rest)


class Forgetting(DictStore):
    """Forgets at once what it was given where the key begins with "bad"."""

    def _put(self, key: str, *rest: Any) -> None:
        if not key.startswith("bad"):
            super()._put(key, *rest)


class Dying(DictStore):
    """Answers no more after so many puts, on any verb."""

    def __init__(self, puts: int) -> None:
        super().__init__()
        self._puts = puts
        self.calls_after = 0

    def _check_alive(self) -> None:
        if self._puts <= 0:
            self.calls_after += 1
            raise StoreTimeout("the server does not answer", store=self)

    def _put(self, *args: Any) -> None:
        self._check_alive()
        self._puts -= 1
        super()._put(*args)

    def _stat(self, key: str) -> Stat:
        self._check_alive()
        return super()._stat(key)

    def _has_key(self, key: str) -> bool:
        self._check_alive()
        return super()._has_key(key)

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        self._check_alive()
        return super()._get_many(keys)


class Slow(DictStore):
    """Its one value comes in blocks, and after the first one not before `go_on` is set."""

    def __init__(self) -> None:
        super().__init__({"key": b""})
        self.go_on = threading.Event()

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        yield "key", Stat(LARGE)

    def _open(self, key: str) -> Reader:
        return Reader(_SlowRaw(self.go_on), Stat(LARGE))


class _SlowRaw(io.RawIOBase):
    """Gives many more bytes than any test waits for."""

    def __init__(self, go_on: threading.Event) -> None:
        super().__init__()
        self._go_on = go_on
        self._left = 20_000

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._left < 19_900:
            assert self._go_on.wait(60)
        self._left -= 1
        return min(len(buffer), 1 << 18) if self._left >= 0 else 0


class Waiting(DictStore):
    """Each batch waits for another one to come, but not for long."""

    def __init__(self) -> None:
        super().__init__()
        self.have_met = threading.Event()
        self._inside = 0
        self._lock = threading.Lock()

    def _put_each(self, items: Any) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                self.have_met.set()
        self.have_met.wait(0.1)
        super()._put_each(items)
        with self._lock:
            self._inside -= 1


class Busy(DictStore):
    """Somebody puts a value of their own to `other` whenever one of ours is read."""

    def __init__(self, other: DictStore, d: dict[str, bytes]) -> None:
        super().__init__(d)
        self._other = other

    def _fetch(self, key: str) -> Any:
        self._other.put(key, b"theirs")
        return super()._fetch(key)
