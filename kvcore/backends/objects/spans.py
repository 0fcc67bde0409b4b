"""`Span`: a part of one version of a value, read to its last byte."""

from __future__ import annotations

import time

from kvcore.backends.objects.source import Answer, Body, Checksum, Source
from kvcore.contract import Stat
from kvcore.errors import KeyNotFound, PreconditionFailed, StoreError, StoreTimeout

RESUMES = 3
"""How often a body that breaks off is asked for again without a byte in between."""
_SKIPPED_BYTES = 256 * 1024  # how much is read and thrown away at a time


class Span:
    """The bytes of a value from ``start`` to before ``stop``, by default to the end.

    A body that breaks off is asked for again from where it stands, of the same version: a value
    that was replaced meanwhile is a `StoreError`, never a mixture of both. With ``version``, it is
    of that one from the beginning.
    """

    def __init__(
        self, source: Source, start: int = 0, stop: int | None = None, version: Stat | None = None
    ) -> None:
        self._source = source
        self._asked_stop = stop
        self._fruitless = 0
        self._body: Body | None = None
        self.position: int = start
        answer = self._ask(version, time.monotonic())
        self.checksum: Checksum | None = answer.checksum
        """Of the whole value, if the service told one."""
        self.stat: Stat = version or answer.stat
        """Of the whole value."""
        self.stop: int = self.stat.size if stop is None else min(stop, self.stat.size)

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; ``b""`` at the end of the span only.

        Raises `StoreError` for a value that breaks off again and again, or was replaced.
        """
        while (wanted := min(size, self.stop - self.position)) > 0:
            since = time.monotonic()
            broken: StoreError | None = None
            block = b""
            try:
                if self._body is not None:
                    block = self._body.read(wanted)
            except StoreError as error:
                broken = error
            except BaseException:
                self.close()
                raise
            if block:
                self.position += len(block)
                self._fruitless = 0
                return block
            self._resume(broken, since)
        return b""

    def skip_to(self, position: int) -> None:
        """Read on to a position within the span."""
        while (gap := position - self.position) > 0:
            self.read(min(gap, _SKIPPED_BYTES))

    def close(self) -> None:
        """Let go of the connection; a read after that asks anew."""
        body, self._body = self._body, None
        if body is not None:
            body.close()

    def _resume(self, broken: StoreError | None, since: float) -> None:
        self.close()
        if isinstance(broken, StoreTimeout):  # it had its time
            raise self.error(StoreTimeout, broken.message) from broken
        self._fruitless += 1
        if self._fruitless > RESUMES:
            self._fruitless = 0
            reason = f": {broken.message}" if broken is not None else ""
            raise self.error(
                StoreError,
                f"the value broke off after {self.position} of {self.stat.size} bytes, and did not"
                f" go on{reason}; try again",
            ) from broken
        self._ask(self.stat, since)

    def _ask(self, version: Stat | None, since: float) -> Answer:
        source, position = self._source, self.position
        if version is not None and version.etag is None:
            raise self.error(
                StoreError,
                f"the value broke off after {position} bytes; it has no etag to go on with",
            )
        try:
            answer = source.ask(position, self._asked_stop, version, since)
        except (PreconditionFailed, KeyNotFound) as error:
            if version is None:
                raise
            raise self._replaced() from error
        self._body = answer.body
        try:
            found = answer.stat
            if version and (found.etag, found.size) != (version.etag, version.size):
                raise self._replaced()
            self._begin(answer.start)
        except BaseException:
            self.close()
            raise
        return answer

    def _begin(self, start: int) -> None:
        """Skip what the service sends before what was asked for, where it knows no ranges."""
        body = self._body
        while body is not None and start < self.position:
            try:
                block = body.read(min(self.position - start, _SKIPPED_BYTES))
            except StoreError as error:
                raise self.error(type(error), error.message) from error
            if not block:
                raise self.error(StoreError, "the service sent less of the value than it has")
            start += len(block)
        if start > self.position:
            raise self.error(StoreError, "the service sent another part of the value")

    def error(self, kind: type[StoreError], message: str) -> StoreError:
        """An error of this value, to be raised."""
        return kind(message, key=self._source.key, store=self._source.store)

    def _replaced(self) -> StoreError:
        return self.error(
            StoreError, "the value was replaced or deleted while it was read: open it again"
        )
