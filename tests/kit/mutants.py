"""`DictStore` with one seeded bug each, and the part of the suite that has to see it."""

import io
import os
import time
import unicodedata
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from kvcore import (
    FOREVER,
    PLAIN,
    Capabilities,
    DictStore,
    Fetched,
    KeyNotFound,
    PostOptions,
    PreconditionFailed,
    PresignedPost,
    Reader,
    Stat,
    UrlOptions,
    WriteOptions,
    Writer,
)
from kvcore.contract.writer import SpoolWriter
from kvcore.keys import STRICT
from kvcore.testing import contract as suite
from kvcore.ttl import NOT_SET


class Mutant(NamedTuple):
    """A store with a bug, and who catches it."""

    store: type[DictStore]
    part: type[suite.StoreFixtures]


MUTANTS: dict[str, Mutant] = {}


def caught_by(part: type[suite.StoreFixtures]) -> Any:
    """Add a store to the table."""

    def add(store: type[DictStore]) -> type[DictStore]:
        MUTANTS[store.__name__] = Mutant(store, part)
        return store

    return add


# Reading


@caught_by(suite.ReadingTests)
class EmptyIsMissing(DictStore):
    """An empty value is taken for none."""

    def _get(self, key: str) -> bytes:
        data = super()._get(key)
        if not data:
            raise KeyNotFound(key=key, store=self)
        return data


@caught_by(suite.ReadingTests)
class RangeOffByOne(DictStore):
    """The end of a range is counted in."""

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        return super()._get_range(key, start, length and length + 1)


@caught_by(suite.ReadingTests)
class RangeBeyondTheEnd(DictStore):
    """A range that begins behind the end is an error, as on some servers."""

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        if start and start >= len(self._get(key)):
            raise PreconditionFailed("416")
        return super()._get_range(key, start, length)


@caught_by(suite.ReadingTests)
class WrongSize(DictStore):
    """``stat`` tells another size than ``get`` returns."""

    def _stat(self, key: str) -> Stat:
        found = super()._stat(key)
        return found._replace(size=found.size + 32)


@caught_by(suite.ReadingTests)
class ForeignError(DictStore):
    """The library's own error reaches the caller."""

    def _get(self, key: str) -> bytes:
        return self.d[key]


@caught_by(suite.ReadingTests)
class NamelessError(DictStore):
    """An error does not tell the key."""

    def _stat(self, key: str) -> Stat:
        try:
            return super()._stat(key)
        except KeyNotFound:
            raise KeyNotFound(store=self) from None


@caught_by(suite.ReadingTests)
class InAsPrefix(DictStore):
    """``in`` is true for the beginning of a key."""

    def _has_key(self, key: str) -> bool:
        return any(other.startswith(key) for other in self.d)


@caught_by(suite.ReadingTests)
class ManyOrNone(DictStore):
    """``get_many`` fails for one missing key."""

    def _get_many(self, keys: Any) -> dict[str, bytes]:
        return {key: self._get(key) for key in keys}


@caught_by(suite.ReadingTests)
class LostContentType(DictStore):
    """The content type is declared to be kept, and is not."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        super()._put(key, data, options._replace(content_type=None))


@caught_by(suite.AddressTests)
class ClaimsLocalPaths(DictStore):
    """A capability is declared, and not there."""

    _declared = DictStore._declared._replace(local_path=True)


@caught_by(suite.AddressTests)
class IgnoresUrlOptions(DictStore):
    """Options of URLs are declared, and make no difference."""

    _declared = DictStore._declared._replace(
        url_methods=frozenset({"GET"}), url_options=frozenset({"expires"})
    )

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return f"memory:{key}"


@caught_by(suite.AddressTests)
class FormsForAnyKey(DictStore):
    """A form for one key uploads to any."""

    _declared = DictStore._declared._replace(presign_post=True)

    def _presign_post(self, key: str, options: PostOptions) -> PresignedPost:
        return PresignedPost("memory:", {"max": str(options.max_bytes)})


@caught_by(suite.OpeningTests)
class OpenWithoutSeek(DictStore):
    """The file of ``open`` cannot go back."""

    def _open(self, key: str) -> Reader:
        reader = super()._open(key)

        class Forward(Reader):
            def seek(self, *args: Any) -> int:
                return self.tell()

        return Forward(reader, reader.stat)


@caught_by(suite.OpeningTests)
class ReaderIsShared(DictStore):
    """Two readers of one key share their position."""

    def _open(self, key: str) -> Reader:
        shared = self.__dict__.setdefault("readers", {})
        if key not in shared or shared[key].closed:
            shared[key] = super()._open(key)
        return shared[key]


@caught_by(suite.GetFileTests)
class TruncatesTheTarget(DictStore):
    """``get_file`` empties the caller's file before it knows that there is a value."""

    def _get_filename(self, key: str, path: str) -> None:
        with open(path, "wb") as file:
            self._get_file(key, file)


@caught_by(suite.GetFileTests)
class PrivateCopies(DictStore):
    """``get_file`` leaves files that only their owner can read, as ``mkstemp`` makes them."""

    def _get_filename(self, key: str, path: str) -> None:
        super()._get_filename(key, path)
        os.chmod(path, 0o600)


@caught_by(suite.GetFileTests)
class ShortWriteIsAll(DictStore):
    """What a file did not take is left out."""

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        file.write(self._get(key))


@caught_by(suite.GetFileTests)
class ReplacesTheLink(DictStore):
    """``get_file`` puts a file in the place of a symbolic link."""

    def _get_filename(self, key: str, path: str) -> None:
        if os.path.islink(path) and key in self:
            os.unlink(path)
        super()._get_filename(key, path)


@caught_by(suite.GetFileTests)
class LeavesARest(DictStore):
    """``get_file`` writes over a longer file and leaves its end."""

    def _get_filename(self, key: str, path: str) -> None:
        if os.path.isfile(path):
            with open(path, "r+b") as file:
                file.write(self._get(key))
        else:
            super()._get_filename(key, path)


@caught_by(suite.ReadingTests)
class TextMode(DictStore):
    """Line ends are converted."""

    def _get(self, key: str) -> bytes:
        return super()._get(key).replace(b"\r\n", b"\n")


@caught_by(suite.ReadingTests)
class LocalTime(DictStore):
    """``modified`` is a time without a zone."""

    def _stat(self, key: str) -> Stat:
        found = super()._stat(key)
        return found._replace(modified=found.modified and found.modified.replace(tzinfo=None))


# Listing and keys


@caught_by(suite.ListingTests)
class PrefixOffByOne(DictStore):
    """The last character of a prefix does not count."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return super().iter_keys(prefix[:-1])


@caught_by(suite.ListingTests)
class PrefixIgnoresCase(DictStore):
    """As LIKE of SQLite."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return (key for key in super().iter_keys() if key.lower().startswith(prefix.lower()))


@caught_by(suite.ListingTests)
class PrefixIsAPattern(DictStore):
    """``_`` in a prefix stands for any character."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        for key in super().iter_keys():
            pairs = zip(key, prefix, strict=False)
            if len(key) >= len(prefix) and all(p in {c, "_"} for c, p in pairs):
                yield key


@caught_by(suite.ListingTests)
class ListsForeignEntries(DictStore):
    """What is no legal key is listed."""

    def _listed(self, key: object, prefix: str) -> bool:
        return str(key).startswith(prefix)


@caught_by(suite.ListingTests)
class PrefixesTwice(DictStore):
    """A prefix is given once for each of its keys."""

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        for key in self.iter_keys(prefix):
            head, cut, _ = key[len(prefix) :].partition(delimiter)
            yield prefix + head + cut


@caught_by(suite.ListingTests)
class FirstPageOnly(DictStore):
    """A listing ends with its first page."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return iter(list(super().iter_keys(prefix))[:40])


@caught_by(suite.HostileReadingTests)
class TrailingNewline(DictStore):
    """As a pattern that ends with ``$``."""

    def _use_keyspace(self, space: Any) -> None:
        super()._use_keyspace(space)
        self._check_key = lambda key: STRICT.check(key.removesuffix("\n"))


@caught_by(suite.HostileWritingTests)
class FoldsCase(DictStore):
    """Keys that differ in case are one, as on some file systems."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        super()._put(next((k for k in self.d if k.lower() == key.lower()), key), data, options)


@caught_by(suite.HostileWritingTests)
class CutsLongKeys(DictStore):
    """The end of a long key does not count."""

    def _get(self, key: str) -> bytes:
        return super()._get(next((k for k in self.d if k[:200] == key[:200]), key))

    def _delete(self, key: str) -> None:
        super()._delete(next((k for k in self.d if k[:200] == key[:200]), key))


@caught_by(suite.HostileWritingTests)
class Normalises(DictStore):
    """Keys are composed: two keys of two encodings are one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "keys": "path"})

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        super()._put(unicodedata.normalize("NFC", key), data, options)


@caught_by(suite.HostileWritingTests)
class DirectoryIsAKey(DictStore):
    """What a key lies in is found, too."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "keys": "path"})

    def _has_key(self, key: str) -> bool:
        return super()._has_key(key) or any(other.startswith(f"{key}/") for other in self.d)


# Writing


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


# Versions and conditions


@caught_by(suite.PinnedReadingTests)
class ReaderFollows(DictStore):
    """A reader goes over to the new value."""

    def _open(self, key: str) -> Reader:
        store, reader = self, super()._open(key)

        class Live(io.RawIOBase):
            position = 0

            def readable(self) -> bool:
                return True

            def seekable(self) -> bool:
                return True

            def readinto(self, buffer: Any) -> int:
                block = store.d.get(key, b"")[self.position :][: len(buffer)]
                buffer[: len(block)] = block
                self.position += len(block)
                return len(block)

            def seek(self, offset: int, whence: int = 0) -> int:
                self.position = offset + (self.position if whence else 0)
                return self.position

        return Reader(Live(), reader.stat)


@caught_by(suite.EtagTests)
class StaleEtag(DictStore):
    """Values of one size have one etag."""

    def _stat(self, key: str) -> Stat:
        found = super()._stat(key)
        return found._replace(etag=f"size-{found.size}")


@caught_by(suite.EtagTests)
class EtagForgets(DictStore):
    """A key that was deleted begins to count anew."""

    def _delete(self, key: str) -> None:
        super()._delete(key)
        if not self.d:
            self._shelf.version = 0


class Careless(DictStore):
    """A store that leaves conditions out."""

    ignored: str

    def _check_condition(self, key: str, options: WriteOptions) -> None:
        ignored = {self.ignored: None if self.ignored == "if_match" else False}
        options = options._replace(**ignored)
        if options.conditional:
            super()._check_condition(key, options)


@caught_by(suite.ConditionalWriteTests)
class IfAbsentOverwrites(Careless):
    """``if_absent`` is not asked."""

    ignored = "if_absent"


@caught_by(suite.ConditionalWriteTests)
class IfPresentCreates(Careless):
    """``if_present`` is not asked."""

    ignored = "if_present"


@caught_by(suite.ConditionalWriteTests)
class IfMatchIgnored(Careless):
    """``if_match`` is not asked."""

    ignored = "if_match"


@caught_by(suite.ConditionalWriteTests)
class EmptyIsAbsent(DictStore):
    """``if_absent`` takes an empty value for none."""

    def _check_condition(self, key: str, options: WriteOptions) -> None:
        if not (options.if_absent and not self.d.get(key)):
            super()._check_condition(key, options)


@caught_by(suite.ConditionalWriteTests)
class FilesIgnoreConditions(DictStore):
    """Conditions hold for ``put`` alone."""

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        super()._put_file(key, file, options._replace(if_match=None))


@caught_by(suite.ConditionalWriteTests)
class LiesAboutTheCurrent(DictStore):
    """A refusal shows another value than the one that is there."""

    def _refuse(self, key: str, note: Any, error: Any = PreconditionFailed) -> Any:
        raise error(key=key, store=self, current=Fetched(b"another", Stat(7)))


@caught_by(suite.ConditionalDeleteTests)
class DeleteIgnoresIfMatch(DictStore):
    """Whatever is there is deleted."""

    def _delete_if_match(self, key: str, etag: str) -> None:
        self._delete(key)


# Time to live


@caught_by(suite.TimeToLiveTests)
class LostTtl(DictStore):
    """Files are put without their time to live."""

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        super()._put_file(key, file, options._replace(ttl_secs=None))


@caught_by(suite.TimeToLiveTests)
class TtlStays(DictStore):
    """A new value inherits the old one's time."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        if key in self.d and options.ttl_secs in (None, NOT_SET):
            options = options._replace(ttl_secs=super()._stat(key).remaining_secs())
        super()._put(key, data, options)


@caught_by(suite.TimeToLiveTests)
class ExpiredIsListed(DictStore):
    """A value that has expired still stands in listings."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return iter([key for key in self.d if key.startswith(prefix)])


@caught_by(suite.TimeToLiveTests)
class CopyLosesTtl(DictStore):
    """A copy lives for ever."""

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        super()._copy(source, dest, if_absent=if_absent)
        self._touch(dest, FOREVER)


@caught_by(suite.TimeToLiveTests)
class DefaultIgnored(DictStore):
    """The default time to live is kept and not used."""

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        if options.ttl_secs == self.default_ttl_secs:
            options = options._replace(ttl_secs=None)
        super()._put(key, data, options)


@caught_by(suite.TimeToLiveTests)
class ExpiredIsPresent(DictStore):
    """``if_absent`` is refused for a value that has expired."""

    def _check_condition(self, key: str, options: WriteOptions) -> None:
        if options.if_absent and key in self.d:
            self._refuse(key, self._shelf.notes[key])
        super()._check_condition(key, options)


@caught_by(suite.TimeToLiveTests)
class LocalExpiry(DictStore):
    """``expires`` is a time without a zone."""

    def _stat(self, key: str) -> Stat:
        found = super()._stat(key)
        return found._replace(expires=found.expires and found.expires.replace(tzinfo=None))


@caught_by(suite.TouchTests)
class TouchIgnored(DictStore):
    """``touch`` does nothing."""

    def _touch(self, key: str, ttl_secs: Any) -> None:
        self._note(key)


@caught_by(suite.TouchTests)
class TouchCreates(DictStore):
    """``touch`` of a missing value makes an empty one."""

    def _touch(self, key: str, ttl_secs: Any) -> None:
        if key not in self.d:
            self._put(key, b"")
        super()._touch(key, ttl_secs)


# Writers, copies, many, counters, life


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
