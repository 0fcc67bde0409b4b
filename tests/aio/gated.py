"""A store that stops in the middle of a call until a test lets it go on, and a loop that does."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol, TypeVar

from kvcore import KeyValueStore, Reader, StoreDecorator, WriteOptions, Writer
from kvcore.contract import PLAIN

_T = TypeVar("_T")
_GIVE_UP_SECS = 60  # a test that waits so long has failed
_MANY_POLLS = 1000


class Gate:
    """Where a call named ``at`` stops; ``log`` tells what ended in which order."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.log: list[str] = []

    @contextmanager
    def passed(self, name: str) -> Iterator[None]:
        """Stop before the block if it is the one."""
        if name == self.at:
            self.reached.set()
            if not self.opened.wait(_GIVE_UP_SECS):
                raise AssertionError("nobody opened the gate")
        try:
            yield
        finally:
            self.log.append(name)

    async def awaited(self) -> None:
        """Wait until a call has stopped here."""
        assert await asyncio.to_thread(self.reached.wait, _GIVE_UP_SECS)


class GatedStore(StoreDecorator):
    """Calls pass a gate; everything that was opened is remembered."""

    def __init__(self, store: KeyValueStore, gate: Gate) -> None:
        super().__init__(store)
        self.gate = gate
        self.opened: list[Reader | Writer] = []

    def _get(self, key: str) -> bytes:
        with self.gate.passed("get"):
            return super()._get(key)

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        with self.gate.passed("put"):
            super()._put(key, data, options)

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        with self.gate.passed("put_file"):
            super()._put_file(key, file, options)

    def _open(self, key: str) -> Reader:
        with self.gate.passed("open"):
            reader = super()._open(key)
            self.opened.append(reader)
            return reader

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        with self.gate.passed("open_write"):
            writer = _GatedWriter(key, self.gate, super()._open_write(key, options))
            self.opened.append(writer)
            return writer

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate slowly: the gate is passed at each key."""
        try:
            for key in super().iter_keys(prefix):
                with self.gate.passed("key"):
                    yield key
        finally:
            self.gate.log.append("listing closed")


class _GatedWriter(Writer):
    def __init__(self, key: str | None, gate: Gate, inner: Writer) -> None:
        super().__init__(key)
        self._gate = gate
        self._inner = inner

    def _write(self, block: bytes) -> None:
        with self._gate.passed("write"):
            self._inner.write(block)

    def _commit(self, key: str) -> None:
        with self._gate.passed("commit"):
            self._inner.key = key
            self._inner.commit()

    def _abort(self) -> None:
        with self._gate.passed("abort"):
            self._inner.abort()


class _Idle(selectors.DefaultSelector):
    """Opens a gate as soon as the event loop has nothing to do but wait."""

    def __init__(self, gate: Openable) -> None:
        super().__init__()
        self.gate = gate
        self.armed = False
        self.polls = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.armed:
            self.polls += 1
            if timeout is None or timeout > 0 or self.polls > _MANY_POLLS:
                self.armed = False
                self.gate.opened.set()
        return super().select(timeout)

    @property
    def spins(self) -> bool:
        """Whether the loop ran on and on instead of waiting."""
        return self.polls > _MANY_POLLS


class Openable(Protocol):
    """A `Gate`, or what can be opened as one."""

    @property
    def opened(self) -> Settable:
        """To be set."""


class Settable(Protocol):
    """An event."""

    def set(self) -> None:
        """Let go what waits for it."""


class IdleLoop:
    """Runs a test in an event loop that can open a gate."""

    def __init__(self, gate: Openable) -> None:
        self._selector = _Idle(gate)

    def open_gate_when_idle(self) -> None:
        """Let the gated call go on once all tasks wait for it, and not before."""
        self._selector.armed = True

    def run(self, main: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """``asyncio.run``, then see that the loop did not spin."""
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(self._selector)) as it:
            result = it.run(main())
        assert not self._selector.spins, "the event loop spun while it waited for a thread"
        return result
