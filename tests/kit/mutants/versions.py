"""Stores that mix up versions, or ignore conditions."""

import io
from typing import IO, Any

from kvcore import PLAIN, DictStore, Fetched, PreconditionFailed, Reader, Stat, WriteOptions
from kvcore.testing import contract as suite
from tests.kit.mutants.table import caught_by


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
