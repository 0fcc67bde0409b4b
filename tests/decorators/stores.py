"""Stores to decorate: one that can do everything, one that can do the least, one on disk."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from kvcore import DictStore, FilesystemStore, KeyValueStore
from kvcore.contract.streams import read_blocks
from kvcore.errors import KeyNotFound


class MinimalStore(KeyValueStore):
    """The four methods of a backend in minimalkv's way: no options, no etags, no readers."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def _delete(self, key: str) -> None:
        self.values.pop(key, None)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """A snapshot."""
        return iter([key for key in self.values if key.startswith(prefix)])

    def _open(self, key: str) -> IO[bytes]:
        try:
            return io.BytesIO(self.values[key])
        except KeyError:
            raise KeyNotFound(key=key, store=self) from None

    def _put_file(self, key: str, file: IO[bytes]) -> None:
        self.values[key] = b"".join(read_blocks(file))


class Sink(KeyValueStore):
    """Throws values away and counts their bytes: what is left is the decorator's own memory."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    def _delete(self, key: str) -> None:
        self.sizes.pop(key, None)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """What was counted."""
        return iter([key for key in self.sizes if key.startswith(prefix)])

    def _open(self, key: str) -> IO[bytes]:
        raise KeyNotFound(key=key, store=self)

    def _put_file(self, key: str, file: IO[bytes]) -> None:
        self.sizes[key] = sum(map(len, read_blocks(file)))


INNER: dict[str, Callable[[Path], KeyValueStore]] = {
    "memory": lambda _: DictStore(),
    "minimal": lambda _: MinimalStore(),
    "files": lambda path: FilesystemStore(path / "store", durability="atomic"),
}


class Endless(io.RawIOBase):
    """A file of ``size`` bytes that takes no memory."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As many as there are."""
        size = min(len(buffer), self._left)
        buffer[:size] = bytes(size)
        self._left -= size
        return size


@contextmanager
def little_memory(most_bytes: int) -> Iterator[None]:
    """A block in which Python never holds ``most_bytes`` more than before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < most_bytes, f"{peak - before} bytes"
