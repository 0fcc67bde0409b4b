"""Stores that read wrongly."""

import os
from typing import IO, Any

from kvcore import (
    PLAIN,
    DictStore,
    KeyNotFound,
    PostOptions,
    PreconditionFailed,
    PresignedPost,
    Reader,
    Stat,
    UrlOptions,
    WriteOptions,
)
from kvcore.testing import contract as suite
from tests.kit.mutants.table import caught_by


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
