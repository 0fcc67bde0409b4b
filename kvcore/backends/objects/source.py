"""`Source`: how a store asks its service for a part of a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from kvcore.contract import Stat
from kvcore.errors import StoreError


class Body(Protocol):
    """The bytes of an answer as they arrive. Raises `StoreError`, and `StoreTimeout` after a
    deadline without progress; both say what happened, not to which key.
    """

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, fewer only where no more have come; ``b""`` at the end."""
        ...

    def close(self) -> None:
        """Let go of the connection, whatever is left to be read."""
        ...


class Checksum(Protocol):
    """Compares bytes with what the service told of them."""

    def update(self, block: bytes, /) -> object:
        """Take the next bytes."""
        ...

    def matches(self) -> bool:
        """Whether all bytes were those that the service has."""
        ...


class Answer(NamedTuple):
    """What a service answers to a request for bytes."""

    stat: Stat
    """Of the whole value. The size counts; without an etag, the version cannot be pinned."""
    start: int
    """Where in the value the body begins: behind what was asked for is an error, before it not."""
    body: Body
    checksum: Checksum | None = None
    """Of the whole value, if the service told one."""


class BehindTheEnd(StoreError):
    """A value has no byte where one was asked for."""


class Source(Protocol):
    """A value in a service: what is asked for by one verb, of one key.

    Raises `KeyNotFound` and `StoreError`, after its own retries within its own deadline.
    """

    key: str
    store: object

    def ask(self, start: int, stop: int | None, version: Stat | None, since: float) -> Answer:
        """Ask for the bytes from ``start`` to before ``stop``, or to the end.

        With a ``version``, for those of the very version with its etag; another one, or none, is
        to be a `PreconditionFailed` or `KeyNotFound`. ``since``: when the wait for these bytes
        began (``time.monotonic``). Raises `BehindTheEnd` if ``start`` is, unless it is 0.
        """
        ...


class ClientBody:
    """A `Body` by a client's response, whose exceptions become ours."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        close: Callable[[], object],
        *,
        errors: tuple[type[Exception], ...],
        told: Callable[[Exception], StoreError],
    ) -> None:
        self._read = read
        self._close = close
        self._errors = errors
        self._told = told

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; ``b""`` at the end."""
        try:
            return self._read(size)
        except self._errors as error:
            raise self._told(error) from error

    def close(self) -> None:
        """Let go of the connection."""
        try:
            self._close()
        except self._errors:  # what breaks while it is thrown away is of no use to anybody
            pass
