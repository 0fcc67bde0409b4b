"""A source without a server: values in a dict, answers that break off as a script says."""

import zlib
from collections.abc import Iterator

from kvcore.backends.objects import Answer
from kvcore.contract import Stat
from kvcore.errors import KeyNotFound, PreconditionFailed, StoreError, StoreTimeout


class ScriptedBody:
    """Gives bytes in crumbs, and then does what the script says."""

    def __init__(self, data: bytes, end: "str | None", crumb: int) -> None:
        self._left = data
        self._end = end
        self._crumb = crumb
        self.closed = False

    def read(self, size: int, /) -> bytes:
        assert not self.closed
        if not self._left and self._end == "error":
            raise StoreError("the connection broke")
        if not self._left and self._end == "stall":
            raise StoreTimeout("nothing came in time")
        block = self._left[: min(size, self._crumb)]
        self._left = self._left[len(block) :]
        return block

    def close(self) -> None:
        self.closed = True


class Crc:
    """A checksum as services have them."""

    def __init__(self, told: int) -> None:
        self._told = told
        self._value = 0

    def update(self, block: bytes, /) -> None:
        self._value = zlib.crc32(block, self._value)

    def matches(self) -> bool:
        return self._value == self._told


class ScriptedSource:
    """One value; `cuts` says after how many bytes each answer ends, and how.

    ``("error", 5)``: five bytes, then an exception; ``("end", 5)``: then b""; ``("stall", 5)``:
    then a time-out. ``None``, and all behind the list: the whole answer.
    """

    key = "key"
    store: object = None

    def __init__(
        self,
        data: bytes,
        cuts: "Iterator[tuple[str, int] | None] | None" = None,
        crumb: int = 10**9,
    ) -> None:
        self.data: bytes | None = data
        self.version = 1
        self.crumb = crumb
        self.tells_etag = True
        self.knows_ranges = True
        self.checksum: int | None = None
        self.shift = 0
        self.asked: list[tuple[int, int | None]] = []
        self.bodies: list[ScriptedBody] = []
        self._cuts = cuts if cuts is not None else iter(())

    def replace(self, data: bytes | None) -> None:
        """Another version, or none."""
        self.data, self.version = data, self.version + 1

    def ask(self, start: int, stop: int | None, version: Stat | None, since: float) -> Answer:
        self.asked.append((start, stop))
        if self.data is None:
            raise KeyNotFound(key=self.key)
        etag = str(self.version) if self.tells_etag else None
        if version is not None and version.etag != etag:
            raise PreconditionFailed(key=self.key)
        if not self.knows_ranges:
            start, stop = 0, None
        start += self.shift
        data = self.data[start:stop]
        how, after = next(self._cuts, None) or ("end", len(data))
        body = ScriptedBody(data[:after], how, self.crumb)
        self.bodies.append(body)
        checksum = Crc(self.checksum) if self.checksum is not None else None
        return Answer(Stat(len(self.data), etag=etag), start, body, checksum)

    @property
    def open_bodies(self) -> int:
        """How many connections nobody has let go of."""
        return sum(not body.closed for body in self.bodies)
