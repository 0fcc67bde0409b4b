"""`RedisStore`: values as strings of a Redis or Valkey server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import IO, ClassVar

from kvcore.backends.redis.asking import HASHED_BYTES
from kvcore.backends.redis.errors import told
from kvcore.backends.redis.many import ManyVerbs
from kvcore.backends.redis.objects import Answer
from kvcore.backends.redis.scripts import (
    COPY,
    DELETE_MATCH,
    INCREMENT,
    MOVE,
    STAT,
    SWAP,
    Script,
    etag_of,
)
from kvcore.backends.redis.urls import RECIPES
from kvcore.backends.redis.words import milliseconds, set_command, stat_of
from kvcore.contract import PLAIN, Fetched, Reader, Stat, WriteOptions
from kvcore.contract.streams import read_blocks, write_all
from kvcore.errors import KeyExists, KeyNotFound, PreconditionFailed, StoreError
from kvcore.recipe import StoreRecipe
from kvcore.ttl import TtlSecs

_CHECKED_BYTES = 1024 * 1024  # what a server can be set to refuse
_LAST = 2**62  # an offset behind every value


class RedisStore(ManyVerbs):
    """Keeps values in a Redis (6.0 or newer) or Valkey server, each as a string under its key.

    ``redis`` is a client of redis-py: ``Redis``, ``RedisCluster``, or what ``Sentinel.master_for``
    gives. It is never closed here, and its time-outs are its own; of `store_from_url` the store
    gets a client whose calls end within ``deadline`` seconds. A client that decodes what it reads
    is refused with a ``ValueError``: values are bytes.

    Values have at most 512 MiB, or what the server is set to (``proto-max-bulk-len``).
    """

    _recipe: ClassVar[Mapping[str, StoreRecipe]] = RECIPES

    # Reading

    def _get(self, key: str) -> bytes:
        data: bytes | None = self._ask(key, "GET", key.encode(), reads=True)
        if data is None:
            raise KeyNotFound(key=key, store=self)
        return data

    def _fetch(self, key: str) -> Fetched:
        return self._fetch_since(key, None)

    def _fetch_since(self, key: str, since: float | None) -> Fetched:
        try:
            found = self._server.fetch(key.encode(), since)
        except self._server.errors.all as error:
            raise told(error, key, self, reads=True) from error
        if found is None:
            raise KeyNotFound(key=key, store=self)
        return self._fetched(found)

    def _fetched(self, found: Sequence[Answer]) -> Fetched:
        data, ms = found
        return Fetched(data, stat_of(len(data), ms, self._server.etag_of(data)))

    def _etag_of(self, data: bytes) -> str:
        return etag_of(data)

    def _open(self, key: str) -> Reader:
        return Reader.of_bytes(*self._fetch(key))

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        write_all(file, self._get(key))

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        first, data, since = min(start, _LAST), b"", time.monotonic()
        if length != 0:
            last = -1 if length is None else min(first + length, _LAST) - 1
            command = ("GETRANGE", key.encode(), str(first), str(last))
            data = self._ask(key, *command, reads=True, since=since)
        if not data and not self._is_there(key, since):  # a missing value is as empty
            raise KeyNotFound(key=key, store=self)
        return data

    def _has_key(self, key: str) -> bool:
        return self._is_there(key, None)

    def _is_there(self, key: str, since: float | None) -> bool:
        return bool(self._ask(key, "EXISTS", key.encode(), reads=True, since=since))

    def _stat(self, key: str) -> Stat:
        found = self._run(key, STAT, str(HASHED_BYTES), reads=True)
        return self._stat_from(key, found)

    # Writing

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        if len(data) > _CHECKED_BYTES:
            self._put_large(key, data, options)
        else:
            self._put_checked(key, data, options, None)

    def _put_large(self, key: str, data: bytes, options: WriteOptions) -> None:
        since = time.monotonic()
        self._check_size(key, len(data), since)
        try:
            self._put_checked(key, data, options, since)
        except StoreError:
            self._server.forget_limit()  # it may have been lowered
            raise

    def _put_checked(
        self, key: str, data: bytes, options: WriteOptions, since: float | None
    ) -> None:
        if options is PLAIN:
            self._ask(key, "SET", key.encode(), data, since=since)
        elif options.if_match is not None:
            ms = milliseconds(options.ttl_secs)
            words = (options.if_match, data, "" if ms is None else ms)
            self._check_swapped(key, self._run(key, SWAP, *words, since=since))
        elif not self._ask(key, *set_command(key, data, options), since=since):
            raise (KeyExists if options.if_absent else PreconditionFailed)(key=key, store=self)

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        blocks, size = [], 0
        for block in read_blocks(file):
            blocks.append(block)
            size += len(block)
            if size > _CHECKED_BYTES:
                self._check_size(key, size)
        data = b"".join(blocks)
        del blocks
        self._put(key, data, options)

    def _check_swapped(self, key: str, found: Answer) -> None:
        if found != 1:
            current = None if found is None else self._fetched(found)
            raise PreconditionFailed(key=key, store=self, current=current)

    def _touch(self, key: str, ttl_secs: TtlSecs) -> None:
        name, ms, since = key.encode(), milliseconds(ttl_secs), time.monotonic()
        if ms is not None:
            found = self._ask(key, "PEXPIRE", name, ms)
        else:
            found = self._ask(key, "PERSIST", name, since=since) or self._is_there(key, since)
        if not found:
            raise KeyNotFound(key=key, store=self)

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        ms = milliseconds(ttl_secs)
        if ms is None:
            return int(self._ask(key, "INCRBY", key.encode(), str(by)))
        return int(self._run(key, INCREMENT, str(by), ms))

    # Removing, copying

    def _delete(self, key: str) -> None:
        self._ask(key, "UNLINK", key.encode())

    def _delete_if_match(self, key: str, etag: str) -> None:
        self._check_swapped(key, self._run(key, DELETE_MATCH, etag))

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        if self._server.are_together(source.encode(), dest.encode()):
            self._run_on_both(COPY, source, dest, if_absent)
        else:
            super()._copy(source, dest, if_absent=if_absent)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        if self._server.are_together(source.encode(), dest.encode()):
            self._run_on_both(MOVE, source, dest, if_absent)
        else:
            super()._move(source, dest, if_absent=if_absent)

    def _run_on_both(self, script: Script, source: str, dest: str, if_absent: bool) -> None:
        keys = (source.encode(), dest.encode())
        try:
            done = self._server.run(script, keys, "1" if if_absent else "0")
        except self._server.errors.all as error:
            raise told(error, source, self) from error
        if done == -1:
            raise KeyNotFound(key=source, store=self)
        if done == 0:
            raise KeyExists(key=dest, store=self)
