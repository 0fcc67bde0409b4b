"""Stores that write wrongly."""

import os
from collections.abc import Iterator
from typing import IO, Any

from kvcore import PLAIN, DictStore, WriteOptions
from kvcore.testing import contract as suite
from tests.kit.mutants.table import caught_by


class OwnPut(DictStore):
    """A ``put`` that forgets what the verb does."""

    def put(self, key: str, data: Any, *args: Any, **options: Any) -> str:
        self._check_key(key)
        if args or any(options.values()):
            return super().put(key, data, *args, **options)
        return self.put_any(key, data)

    def put_any(self, key: str, data: Any) -> str:
        """Store it somehow."""
        raise NotImplementedError


@caught_by(suite.PutTests)
class KeepsTheBuffer(OwnPut):
    """The caller's bytearray is kept, not copied."""

    def put_any(self, key: str, data: Any) -> str:
        self._shelf.place(key, data, None, None)
        return key

    def _get(self, key: str) -> bytes:
        return bytes(super()._get(key))


@caught_by(suite.PutTests)
class TakesText(OwnPut):
    """A str is encoded, in silence."""

    def put_any(self, key: str, data: Any) -> str:
        return DictStore.put(self, key, data.encode() if isinstance(data, str) else data)


@caught_by(suite.PutTests)
class PutReturnsNothing(OwnPut):
    """``put`` does not tell the key."""

    def put_any(self, key: str, data: Any) -> Any:
        DictStore.put(self, key, data)


@caught_by(suite.PutTests)
class NeighboursToo(DictStore):
    """A delete takes every key that begins so."""

    def _delete(self, key: str) -> None:
        for other in [other for other in self.d if other.startswith(key)]:
            super()._delete(other)


@caught_by(suite.PutTests)
class RestOfTheOldValue(DictStore):
    """A shorter value is written over the old one."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        old = self.d.get(key, b"")
        super()._put(key, data + old[len(data) :], options)


@caught_by(suite.DeleteTests)
class DeleteOfMissingRaises(DictStore):
    """Deleting twice is an error."""

    def _delete(self, key: str) -> None:
        del self.d[key]


@caught_by(suite.DeleteTests)
class ListingBreaksOff(DictStore):
    """Deleting while listing raises RuntimeError."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return (key for key in self.d if key.startswith(prefix))


@caught_by(suite.PutFileTests)
class ShortReadIsTheEnd(DictStore):
    """A loop ends at the first block that is not full."""

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        size = 64 * 1024
        blocks = [file.read(size)]
        while len(blocks[-1]) == size:
            blocks.append(file.read(size))
        self._put(key, b"".join(blocks), options)


@caught_by(suite.PutFileTests)
class ClosesTheSource(DictStore):
    """The caller's file is closed."""

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        with file:
            super()._put_file(key, file, options)


@caught_by(suite.PutFileTests)
class Rewinds(DictStore):
    """The caller's file is read from its start."""

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        if file.seekable():
            file.seek(0)
        super()._put_file(key, file, options)


@caught_by(suite.PutFileTests)
class KeepsTheHalf(DictStore):
    """What came before a source broke off is stored."""

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        blocks = []
        try:
            while block := file.read(1000):
                blocks.append(block)
        finally:
            self._put(key, b"".join(blocks), options)


@caught_by(suite.PutFileTests)
class SwallowsTheSource(DictStore):
    """An exception of the source is swallowed."""

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        try:
            super()._put_file(key, file, options)
        except Exception:  # noqa: BLE001  # that is the bug
            return


@caught_by(suite.CallersFileTests)
class MovesTheFile(DictStore):
    """``put_file`` with a path takes the file, as in minimalkv."""

    def _put_filename(self, key: str, path: str, options: WriteOptions = PLAIN) -> None:
        super()._put_filename(key, path, options)
        os.unlink(path)


@caught_by(suite.CallersFileTests)
class ConsumesFirst(DictStore):
    """With ``move=True`` the file is gone even if the value is refused."""

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> None:
        with open(path, "rb") as file:
            os.unlink(path)
            self._put_file(key, file, options)


@caught_by(suite.CallersFileTests)
class MoveKeepsTheFile(DictStore):
    """``move=True`` is ignored."""

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> None:
        self._put_filename(key, path, options)
