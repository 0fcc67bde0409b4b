"""Stores where values live too long, or not long enough."""

from collections.abc import Iterator
from typing import IO, Any

from kvcore import FOREVER, PLAIN, DictStore, Stat, WriteOptions
from kvcore.testing import contract as suite
from kvcore.ttl import NOT_SET
from tests.kit.mutants.table import caught_by


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
