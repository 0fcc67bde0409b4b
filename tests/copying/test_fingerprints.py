"""Where a store's etags tell what bytes they are of, a copy reads nothing back to compare it."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kvcore import (
    DictStore,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    Reader,
    Stat,
    VerificationError,
)
from kvcore.copying import CopyReport, copy_store
from tests.copying.stores import BOTH, LARGE, some, values_of


class Md5:
    """What `Hashing` says of some bytes."""

    def __init__(self) -> None:
        self._hash = hashlib.md5()

    def update(self, block: bytes, /) -> None:
        self._hash.update(block)

    def is_of(self, stat: Stat, /) -> bool:
        return stat.etag == self._hash.hexdigest()


class Hashing(DictStore):
    """Its etags are hashes; ``reads`` counts the values that were read."""

    def __init__(self, d: dict[str, bytes] | None = None) -> None:
        super().__init__(d)
        self.reads = 0

    def _fingerprint(self, size: int) -> Md5:
        return Md5()

    def _stat(self, key: str) -> Stat:
        etag = hashlib.md5(super()._get(key)).hexdigest()
        return super()._stat(key)._replace(etag=etag)

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return ((key, self._stat(key)) for key in self.iter_keys(prefix))

    def _get(self, key: str) -> bytes:
        self.reads += 1
        return super()._get(key)

    def _open(self, key: str) -> Reader:
        self.reads += 1
        return super()._open(key)


class Opaque(Hashing):
    """Its etags look like hashes, and are of something else: as those of encrypted objects."""

    def _stat(self, key: str) -> Stat:
        return super()._stat(key)._replace(etag="0" * 32)


def test_what_is_there_is_not_read() -> None:
    """A copy that is done again knows by the listing that all is there."""
    source, dest = DictStore(some()), Hashing()
    assert copy_store(source, dest).copied == 11
    assert copy_store(source, dest) == CopyReport(same=11)
    assert copy_store(source, dest, dry_run=True).same == 11
    assert dest.reads == 0


def test_what_was_put_is_not_read_back() -> None:
    """To verify it, its stat is asked for."""
    source, dest = DictStore(some()), Hashing()
    assert copy_store(source, dest, verify=True).copied == 11
    assert dest.reads == 0
    assert values_of(dest) == values_of(source)


@BOTH
def test_other_bytes_of_the_same_size_are_replaced(size: int) -> None:
    """Equal sizes say nothing."""
    dest = Hashing({"key": b"1" * size})
    assert copy_store(DictStore({"key": b"2" * size}), dest) == CopyReport(1, size)
    assert dest.get("key") == b"2" * size


def test_etags_that_are_no_hashes_are_no_proof_of_anything() -> None:
    """Then values are read and compared, as where there are no such etags."""
    source, dest = DictStore(some()), Opaque()
    assert copy_store(source, dest, verify=True).copied == 11
    assert copy_store(source, dest) == CopyReport(same=11)
    assert dest.reads == 22


class Corrupting(Hashing):
    """Keeps other bytes than it was given."""

    def _put(self, key: str, data: bytes, *rest: Any) -> None:
        super()._put(key, bytes([data[0] ^ 1]) + data[1:], *rest)

    def _put_file(self, key: str, file: Any, *rest: Any) -> None:
        self._put(key, file.read(LARGE + 1), *rest)


@BOTH
def test_a_value_that_is_another_one_is_reported(size: int) -> None:
    """By its stat as by its bytes."""
    report = copy_store(DictStore({"key": bytes(size)}), Corrupting(), verify=True)
    assert isinstance(report.errors["key"], VerificationError)


@pytest.mark.parametrize(
    ("around", "reads"),
    [
        (lambda store: PrefixDecorator("a-", store), 0),
        (lambda store: HMACDecorator(b"0" * 32, store), 11),
    ],
    ids=["prefix", "hmac"],
)
def test_through_decorators(around: Callable[[KeyValueStore], KeyValueStore], reads: int) -> None:
    """Another key changes nothing, other bytes everything."""
    source, dest = DictStore(some()), Hashing()
    copy_store(source, around(dest))
    assert copy_store(source, around(dest)).same == 11
    assert dest.reads == reads
