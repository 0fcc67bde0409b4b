"""What the author of a store writes: the hooks, each with a default that is correct, if slow.

See the table in `kvcore.contract.store`. Hooks do not check keys, values or options: the verbs
have done so before. A hook raises `KeyNotFound`, `PreconditionFailed`, `KeyExists` and
`StoreError` with ``key=key, store=self``.
"""

from __future__ import annotations

import io
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import IO, Any

from kvcore.contract.callers_files import filling, remove_source
from kvcore.contract.streams import (
    ReadableClosable,
    Reader,
    copy_blocks,
    read_blocks,
    spooled_reader,
)
from kvcore.contract.values import (
    Capabilities,
    Fetched,
    Fingerprint,
    PostOptions,
    PresignedPost,
    PresignedPut,
    Stat,
    UrlOptions,
    WriteOptions,
)
from kvcore.contract.writer import SpoolWriter, Writer
from kvcore.errors import (
    KeyExists,
    KeyNotFound,
    PreconditionFailed,
    StoreError,
    Unsupported,
)
from kvcore.keys import STRICT, KeySpace
from kvcore.ttl import TtlSecs

_INCREMENT_TRIES = 1000
_INT64 = range(-(2**63), 2**63)
_INT64_DIGITS = len(str(-(2**63)))


class Hooks(ABC):
    """The author's side of `KeyValueStore`; users never call anything here."""

    _declared: Capabilities = Capabilities()
    """What the class (or, set in ``__init__``, this store) can do."""
    _hooks_take_options = False  # by what the class declares, see kvcore.contract.store
    _keyspace: KeySpace = STRICT

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do, decorators included."""
        return self._declared

    def _cannot(self, what: str, key: str | None) -> Unsupported:
        """To be raised for what the store cannot do. A wrong key comes first, on every store."""
        if key is not None:
            self._keyspace.check(key)
        return Unsupported(what, key=key, store=self)

    # What every store has to say for itself: four hooks.

    @abstractmethod
    def _open(self, key: str) -> ReadableClosable:
        """Open a value: anything with ``read(size)`` and ``close()``; better, a `Reader`."""

    # Any arguments: a store without option capabilities writes it as minimalkv does, (key, file),
    # every other as (key, file, options).
    @abstractmethod
    def _put_file(self, *args: Any, **kwargs: Any) -> object:
        """``(key, file[, options])``: store the rest of a binary file, whole or not at all."""

    @abstractmethod
    def _delete(self, key: str) -> object:
        """Remove a value; a missing one is no error."""

    @abstractmethod
    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the legal keys that begin with ``prefix``, in no particular order."""

    # Reading

    def _reader(self, key: str) -> Reader:
        stream = self._open(key)
        return stream if isinstance(stream, Reader) else spooled_reader(stream)

    def _get(self, key: str) -> bytes:
        stream = self._open(key)
        try:
            return b"".join(read_blocks(stream))
        finally:
            stream.close()

    def _fetch(self, key: str) -> Fetched:
        with self._reader(key) as reader:
            return Fetched(b"".join(read_blocks(reader)), reader.stat)

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        with self._reader(key) as reader:
            left = reader.stat.size - start
            if left <= 0:
                return b""
            reader.seek(start)
            return reader.read(left if length is None else min(length, left))

    def _get_file(self, key: str, file: IO[bytes]) -> object:
        stream = self._open(key)
        try:
            return copy_blocks(stream, file)
        finally:
            stream.close()

    def _get_filename(self, key: str, path: str) -> object:
        with filling(path) as file:
            return self._get_file(key, file)

    def _has_key(self, key: str) -> bool:
        try:
            self._open(key).close()
        except KeyNotFound:
            return False
        return True

    def _stat(self, key: str) -> Stat:
        stream = self._open(key)
        try:
            if isinstance(stream, Reader):
                return stream.stat
            return Stat(sum(map(len, read_blocks(stream))))
        finally:
            stream.close()

    # Writing

    def _put(self, *args: Any) -> object:
        """``(key, data[, options])``: store some bytes."""
        key, data, *options = args
        return self._put_file(key, io.BytesIO(data), *options)

    def _put_filename(self, *args: Any) -> object:
        """``(key, path[, options])``: store the caller's file and leave it alone."""
        key, path, *options = args
        with open(path, "rb") as file:
            return self._put_file(key, file, *options)

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> object:
        """Store the caller's file and consume it; on a failure leave it as it was."""
        source = os.lstat(path)
        self._call_writing(self._put_filename, key, path, options)
        remove_source(path, source, key, self)
        return None

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        """A `Writer`; its ``key`` may also be set as late as before ``commit``."""

        def publish(final_key: str, file: IO[bytes]) -> None:
            self._call_writing(self._put_file, final_key, file, options)

        return SpoolWriter(key, publish)

    def _call_writing(
        self, hook: Callable[..., object], key: str, value: object, options: WriteOptions
    ) -> object:
        """Call a writing hook in the form that this store declares."""
        if self._hooks_take_options or self._declared.takes_options:
            return hook(key, value, options)
        return hook(key, value)

    # Removing, copying

    def _delete_if_match(self, key: str, etag: str) -> object:
        """Remove the version with this etag; else, or if missing, `PreconditionFailed`."""
        raise Unsupported("delete takes no if_match here", key=key, store=self)

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> object:
        self._copy_through(source, dest, if_absent)
        return None

    def _move(self, source: str, dest: str, *, if_absent: bool) -> object:
        """Copy, then delete the version that was copied: a newer one put meanwhile stays."""
        copied = self._copy_through(source, dest, if_absent)
        if copied.etag is None or not self.capabilities.delete_if_match:
            return self._delete(source)
        try:
            return self._delete_if_match(source, copied.etag)
        except PreconditionFailed:
            return None

    def _copy_through(self, source: str, dest: str, if_absent: bool) -> Stat:
        """Copy by reading and writing; expiry and content type go along."""
        with self._reader(source) as reader:
            found = reader.stat
            options = WriteOptions(
                ttl_secs=found.remaining_secs(),
                if_absent=if_absent,
                content_type=found.content_type,
            )
            self._call_writing(self._put_file, dest, reader, options)
        return found

    def _touch(self, key: str, ttl_secs: TtlSecs) -> object:
        """Give a value a new time to live; `KeyNotFound` if it is missing."""
        raise Unsupported("values here have no time to live", key=key, store=self)

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        """Compare and swap until it holds."""
        can = self.capabilities
        if not (can.if_absent and can.if_match):
            raise Unsupported("increment needs if_absent and if_match", key=key, store=self)
        refused = PreconditionFailed(key=key, store=self)
        for _ in range(_INCREMENT_TRIES):
            try:
                data, found = self._fetch(key)
            except KeyNotFound:
                value, options = by, WriteOptions(ttl_secs, if_absent=True)
            else:
                value = self._added(key, data, by)
                options = WriteOptions(
                    found.remaining_secs(), if_match=found.etag, content_type=found.content_type
                )
            try:
                self._put(key, b"%d" % value, options)
            except PreconditionFailed as error:
                refused = error
                time.sleep(0)  # let the writer that won go on
            else:
                return value
        if isinstance(refused, KeyExists) and not self._has_key(key):
            raise refused  # something else bars the key
        raise StoreError(
            f"other writers changed the counter {_INCREMENT_TRIES} times; try again later",
            key=key,
            store=self,
        )

    def _added(self, key: str, data: bytes, by: int) -> int:
        """The counter in ``data`` plus ``by``, as every store counts: decimal, 64 bits, signed."""
        try:
            value = int(data) if len(data) <= _INT64_DIGITS else None
        except ValueError:
            value = None
        # int() also takes "+1", "1_000" and " 1 ", as no server that counts does.
        if value is None or b"%d" % value != data or value not in _INT64:
            raise StoreError("the value is not a decimal integer", key=key, store=self)
        if value + by not in _INT64:
            raise StoreError("the counter would leave 64 bits", key=key, store=self)
        return value + by

    # Listing

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        seen: set[str] = set()
        for key in self.iter_keys(prefix):
            end = key.find(delimiter, len(prefix))
            name = key if end < 0 else key[: end + len(delimiter)]
            if name not in seen:
                seen.add(name)
                yield name

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        for key in self.iter_keys(prefix):
            try:
                found = self._stat(key)
            except KeyNotFound:
                continue  # deleted while we listed
            yield key, found

    def _iter_sizes(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        """As `_iter_stats`, but without what takes reading the values, such as a hash as etag."""
        return self._iter_stats(prefix)

    def _fingerprint(self, size: int) -> Fingerprint | None:
        """For a value of so many bytes, if a `Stat` of this store tells what bytes it is of.

        By an etag that is a hash, as a rule. Who copies then knows without reading a value whether
        it is there.
        """
        return None

    def _etag_of(self, data: bytes) -> str | None:
        """The etag that a value of these bytes has, where it depends on them alone."""
        return None

    # Addresses

    def _url_for(self, key: str, options: UrlOptions) -> str:
        raise Unsupported("this store makes no URLs", key=key, store=self)

    def _presign_put(self, key: str, options: UrlOptions) -> PresignedPut:
        return PresignedPut(self._url_for(key, options), {})

    def _presign_post(self, key: str, options: PostOptions) -> PresignedPost:
        raise Unsupported("this store takes no uploads by a form", key=key, store=self)

    def _local_path(self, key: str) -> str:
        raise Unsupported("this store has no local files", key=key, store=self)

    # Life

    def _close(self) -> object:
        """Let go of what this store opened itself."""
        return None

    def _sweep(self, older_than_secs: float) -> int | None:
        """Remove what killed writers left unfinished, if nobody has worked on it for so long.

        Returns how much, or ``None`` from a store that leaves nothing behind.
        """
        return None

    def _advice(self, key: str) -> str | None:
        """Try at ``key``, where nothing is, what the place can do, and leave nothing there.

        Returns a sentence on which options would make more of it, or ``None``; raises `StoreError`
        if options promise what the place does not hold. For ``kvcore check --write``.
        """
        return None

    def _place(self) -> tuple[object, str]:
        """Where the values are: equal for stores that share them; and what goes before the keys.

        For those who copy between stores. The second part is for places that may lie inside one
        another, such as folders: together with a key it is the address of a value.
        """
        return self._url().partition("?")[0] or self, ""

    @classmethod
    def _space(cls, name: str) -> KeySpace:
        """The key space of this name as this store bounds it."""
        if name == "any":
            raise ValueError("keys='any' is for stores of objects; here are 'strict' and 'path'")
        return KeySpace(name)

    def _url(self) -> str:
        """The URL of this store without secrets, for its ``repr``."""
        return ""
