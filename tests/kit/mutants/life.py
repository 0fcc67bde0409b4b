"""Stores whose writers, copies, batches and counters fail, or that do not live well."""

import io
import time
from typing import IO, Any

from kvcore import PLAIN, Capabilities, DictStore, Fetched, KeyNotFound, WriteOptions, Writer
from kvcore.contract.writer import SpoolWriter
from kvcore.testing import contract as suite
from tests.kit.mutants.table import caught_by


@caught_by(suite.WriterTests)
class PublishesOnAbort(DictStore):
    """An exception in the block publishes what there is, as some cloud files do."""

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        class Eager(SpoolWriter):
            def _abort(self) -> None:
                self._commit(key or "")

        return Eager(key, lambda key, file: self._put_file(key, file, options))


@caught_by(suite.WriterTests)
class VisibleWhileWritten(DictStore):
    """The key is there as soon as it is opened."""

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        if key is not None and key not in self.d:
            self._put(key, b"")
        return super()._open_write(key, options)


@caught_by(suite.WriterTests)
class DecidesTooEarly(DictStore):
    """A condition is looked at when the writer is opened, and not again."""

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        if options.conditional:
            self._check_condition(key or "", options)
        return super()._open_write(key, options._replace(if_absent=False, if_match=None))


@caught_by(suite.WriterTests)
class NothingIsNoValue(DictStore):
    """A writer without a piece publishes nothing."""

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        def publish(key: str, file: IO[bytes]) -> None:
            if data := file.read():
                self._put(key, data, options)

        return SpoolWriter(key, publish)


@caught_by(suite.WriterTests)
class WritersShareTheirPlace(DictStore):
    """Two writers of one key write into one temporary file."""

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        places = self.__dict__.setdefault("places", {})
        place = places.setdefault(key, io.BytesIO())

        class Sharing(SpoolWriter):
            def _write(self, block: bytes) -> None:
                place.write(block)

            def _commit(self, key: str) -> None:
                self._spool.close()
                self._publish(key, io.BytesIO(place.getvalue()))
                place.seek(0)
                place.truncate()

        return Sharing(key, lambda key, file: self._put_file(key, file, options))


@caught_by(suite.CopyMoveTests)
class CopiesABlock(DictStore):
    """A copy ends after the first block."""

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        super()._copy(source, dest, if_absent=if_absent)
        self._put(dest, self.d[dest][:65536])


@caught_by(suite.CopyMoveTests)
class CopyLosesContentType(DictStore):
    """A copy has no content type."""

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        super()._copy(source, dest, if_absent=if_absent)
        self._put(dest, self.d[dest])


@caught_by(suite.CopyTests)
class CopyTakesTheSource(DictStore):
    """A copy is a move."""

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        super()._copy(source, dest, if_absent=if_absent)
        self._delete(source)


@caught_by(suite.MoveTests)
class MoveKeepsTheSource(DictStore):
    """A move is a copy."""

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        self._copy(source, dest, if_absent=if_absent)


@caught_by(suite.CopyMoveTests)
class CopyOfMissing(DictStore):
    """A missing source empties the destination."""

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        if source not in self.d:
            self._delete(dest)
        super()._copy(source, dest, if_absent=if_absent)


@caught_by(suite.CopyMoveTests)
class MoveOverwrites(DictStore):
    """A move does not ask whether the destination is there."""

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        super()._move(source, dest, if_absent=False)


@caught_by(suite.ManyTests)
class ManyStopsAtMissing(DictStore):
    """``delete_many`` ends at the first key that is not there."""

    def _delete_many(self, keys: Any) -> None:
        for key in keys:
            if key not in self.d:
                return
            self._delete(key)


@caught_by(suite.CountingTests)
class CountsAlike(DictStore):
    """A counter is read and written in two steps."""

    def _increment(self, key: str, by: int, ttl_secs: Any) -> int:
        value = int(self.d.get(key, b"0")) + by
        time.sleep(0.001)
        self._put(key, b"%d" % value)
        return value


@caught_by(suite.CountingTests)
class CountsAnything(DictStore):
    """What Python takes for a number is a counter."""

    def _added(self, key: str, data: bytes, by: int) -> int:
        return int(data or b"0") + by


@caught_by(suite.ConcurrencyTests)
class TwoCreate(DictStore):
    """``if_absent`` looks first and writes then."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        if options.conditional:
            self._check_condition(key, options)
            time.sleep(0.001)
        super()._put(key, data, PLAIN)


@caught_by(suite.ConcurrencyTests)
class TwoDelete(DictStore):
    """``delete`` with ``if_match`` looks first and deletes then."""

    def _delete_if_match(self, key: str, etag: str) -> None:
        self._check_condition(key, WriteOptions(if_match=etag))
        time.sleep(0.001)
        self._delete(key)


@caught_by(suite.ConcurrencyTests)
class LosesPuts(DictStore):
    """All values are written back together: of two puts at once one is lost."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        if options.conditional:
            super()._put(key, data, options)
            return
        everything = dict(self.d)
        time.sleep(0.0001)
        self._shelf.data = {**everything, key: data}


@caught_by(suite.ConcurrencyTests)
class TornPut(DictStore):
    """A value can be seen while it is written."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        if len(data) > 1000:
            super()._put(key, data[: len(data) // 2], options)
            time.sleep(0.001)
        super()._put(key, data, options)


@caught_by(suite.ConcurrencyTests)
class TornFetch(DictStore):
    """``fetch`` gives the bytes of one version and the stat of another."""

    def _fetch(self, key: str) -> Fetched:
        data = self._get(key)
        time.sleep(0.001)
        return Fetched(data, self._stat(key))


@caught_by(suite.LifeTests)
class ShowsTheSecret(DictStore):
    """The password stands in the ``repr``."""

    def _url(self) -> str:
        return "memory://user:canary@host"


@caught_by(suite.LifeTests)
class CloseForgets(DictStore):
    """``close`` throws the values away."""

    def _close(self) -> None:
        self.d.clear()


@caught_by(suite.LifeTests)
class LosesItsKeysOnTheWay(DictStore):
    """After pickling the store has other keys."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._use_keyspace(self._space("path"))


@caught_by(suite.LifeTests)
class ForgetsWhatItCan(DictStore):
    """Capabilities change with use."""

    @property
    def capabilities(self) -> Capabilities:
        return self._declared._replace(copy=not self.d)


@caught_by(suite.ErrorTests)
class ErrorDoesNotTravel(DictStore):
    """An error cannot be sent to another process."""

    def _note(self, key: str) -> Any:
        try:
            return super()._note(key)
        except KeyNotFound as error:
            error.held = self._shelf.lock
            raise
