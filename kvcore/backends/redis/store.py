"""`RedisStore`: values as strings of a Redis or Valkey server."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, Any, ClassVar

from kvcore.backends.redis.clients import Client, Connector, connector_of
from kvcore.backends.redis.errors import is_wrong_type, told
from kvcore.backends.redis.links import Command, Word
from kvcore.backends.redis.listing import Found, pattern_of
from kvcore.backends.redis.objects import Answer
from kvcore.backends.redis.scripts import (
    COPY,
    DELETE_MATCH,
    FETCH,
    INCREMENT,
    MOVE,
    STAT,
    SWAP,
    Script,
)
from kvcore.backends.redis.urls import RECIPES
from kvcore.contract import (
    PLAIN,
    Capabilities,
    CopyMixin,
    Fetched,
    Reader,
    Stat,
    TimeToLiveMixin,
    WriteOptions,
)
from kvcore.contract.streams import read_blocks, write_all
from kvcore.contract.values import expiring_in
from kvcore.errors import KeyExists, KeyNotFound, KvcoreError, PreconditionFailed, StoreError
from kvcore.recipe import StoreRecipe
from kvcore.ttl import TtlSecs

_SCANNED = 2000  # names a SCAN: half a millisecond of the server's time
_KEYS_AT_ONCE = 500
_BYTES_AT_ONCE = 1024 * 1024
_HASHED_BYTES = 32 * 1024  # what `stat` has hashed in the server: a tenth of a millisecond
_NOTHING_HASHED = -1
_LAST = 2**62  # an offset behind every value
_ENDLESS_SECS = 10**12  # beyond all calendars


class RedisStore(TimeToLiveMixin, CopyMixin):
    """Keeps values in a Redis (6.0 or newer) or Valkey server, each as a string under its key.

    ``redis`` is a client of redis-py: ``Redis``, ``RedisCluster``, or what ``Sentinel.master_for``
    gives. It is never closed here, and its time-outs are its own; of `store_from_url` the store
    gets a client whose calls end within ``deadline`` seconds. A client that decodes what it reads
    is refused with a ``ValueError``: values are bytes.

    Values have at most 512 MiB, or what the server is set to (``proto-max-bulk-len``).
    """

    _recipe: ClassVar[Mapping[str, StoreRecipe]] = RECIPES
    _declared = Capabilities(
        if_absent=True, if_present=True, if_match=True, delete_if_match=True, touch=True
    )

    def __init__(self, redis: Client | Connector, *, keys: str = "strict") -> None:
        self._connector = redis if isinstance(redis, Connector) else connector_of(redis)
        self._server = self._connector.server
        self._declared = self._declared._replace(
            copy=not self._server.is_spread, native_async=self._server.can_wait
        )
        self._use_keyspace(self._space(keys))

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_server"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._server = self._connector.server

    # What goes to the server, and errors back.

    def _ask(
        self, key: str, *command: Word, reads: bool = False, since: float | None = None
    ) -> Answer:
        try:
            return self._server.send(command, reads=reads, since=since)
        except self._server.errors.all as error:
            raise told(error, key, self, reads=reads) from error

    def _run(
        self,
        key: str,
        script: Script,
        *words: Word,
        reads: bool = False,
        since: float | None = None,
    ) -> Answer:
        try:
            return self._server.run(script, (key.encode(),), *words, reads=reads, since=since)
        except self._server.errors.all as error:
            raise told(error, key, self, reads=reads) from error

    def _check_size(self, key: str, size: int, since: float | None = None) -> None:
        """Raise before a value is sent that the server would not take."""
        try:
            limit = self._server.largest_value(size, since)
        except self._server.errors.all as error:
            raise told(error, key, self, reads=True) from error
        if size > limit:
            raise StoreError(
                f"a value has at most {limit} bytes here (proto-max-bulk-len of the server)",
                key=key,
                store=self,
            )

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
        return Fetched(data, _stat(len(data), ms, self._server.etag_of(data)))

    def _open(self, key: str) -> Reader:
        return Reader.of_bytes(*self._fetch(key))

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        write_all(file, self._get(key))

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        first, data, since = min(start, _LAST), b"", time.monotonic()
        if length != 0:
            last = -1 if length is None else min(first + length, _LAST) - 1
            data = self._ask(key, "GETRANGE", key.encode(), first, last, reads=True, since=since)
        if not data and not self._is_there(key, since):  # a missing value is as empty
            raise KeyNotFound(key=key, store=self)
        return data

    def _has_key(self, key: str) -> bool:
        return self._is_there(key, None)

    def _is_there(self, key: str, since: float | None) -> bool:
        return bool(self._ask(key, "EXISTS", key.encode(), reads=True, since=since))

    def _stat(self, key: str) -> Stat:
        found = self._run(key, STAT, _HASHED_BYTES, reads=True)
        return self._stat_from(key, found)

    def _stat_from(self, key: str, found: Sequence[Answer] | None) -> Stat:
        if found is None:
            raise KeyNotFound(key=key, store=self)
        size, ms, etag = found
        if not etag:  # so large that it is cheaper for all to hash it here
            return self._fetch(key).stat
        return _stat(size, ms, etag.decode())

    # Writing

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        if len(data) > _BYTES_AT_ONCE:
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
            ms = _milliseconds(options.ttl_secs)
            words = (options.if_match, data, "" if ms is None else ms)
            self._check_swapped(key, self._run(key, SWAP, *words, since=since))
        elif not self._ask(key, *_set(key, data, options), since=since):
            raise (KeyExists if options.if_absent else PreconditionFailed)(key=key, store=self)

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        blocks, size = [], 0
        for block in read_blocks(file):
            blocks.append(block)
            size += len(block)
            if size > _BYTES_AT_ONCE:
                self._check_size(key, size)
        data = b"".join(blocks)
        del blocks
        self._put(key, data, options)

    def _check_swapped(self, key: str, found: Answer) -> None:
        if found != 1:
            current = None if found is None else self._fetched(found)
            raise PreconditionFailed(key=key, store=self, current=current)

    def _touch(self, key: str, ttl_secs: TtlSecs) -> None:
        name, ms, since = key.encode(), _milliseconds(ttl_secs), time.monotonic()
        if ms is not None:
            found = self._ask(key, "PEXPIRE", name, ms)
        else:
            found = self._ask(key, "PERSIST", name, since=since) or self._is_there(key, since)
        if not found:
            raise KeyNotFound(key=key, store=self)

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        ms = _milliseconds(ttl_secs)
        if ms is None:
            return int(self._ask(key, "INCRBY", key.encode(), by))
        return int(self._run(key, INCREMENT, by, ms))

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
            done = self._server.run(script, keys, int(if_absent))
        except self._server.errors.all as error:
            raise told(error, source, self) from error
        if done == -1:
            raise KeyNotFound(key=source, store=self)
        if done == 0:
            raise KeyExists(key=dest, store=self)

    # Many

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        found = {}
        for block in _blocks(keys, _KEYS_AT_ONCE):
            names = [key.encode() for key in block]
            if self._server.is_spread:
                gets = [("GET", name) for name in names]
                answers = self._told(self._server.send_all, gets, reads=True)
            else:
                answers = self._told(self._server.send, ("MGET", *names), reads=True)
            for key, answer in zip(block, answers, strict=True):
                if isinstance(answer, bytes):
                    found[key] = answer
                elif isinstance(answer, Exception) and not is_wrong_type(answer):
                    raise told(answer, key, self) from answer
        return found

    def _fetch_many(self, keys: Iterable[str]) -> dict[str, Fetched]:
        found = {}
        for key, answer in self._answers(keys, FETCH):
            if isinstance(answer, Exception):
                if not is_wrong_type(answer):
                    raise told(answer, key, self) from answer
            elif answer is not None:
                data, ms = answer
                found[key] = Fetched(data, _stat(len(data), ms))
        return found

    def _answers(
        self, keys: Iterable[str], script: Script, *words: Word
    ) -> Iterator[tuple[str, Answer]]:
        """What a script that only reads answers for each key."""
        for block in _blocks(keys, _KEYS_AT_ONCE):
            names = [key.encode() for key in block]
            answers = self._told(self._server.run_for_each, script, names, *words)
            yield from zip(block, answers, strict=True)

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        self._put_each({key: (data, options) for key, data in items.items()})

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        errors: dict[str, KvcoreError] = {}

        def commands() -> Iterator[tuple[str, Command]]:
            for key, (data, options) in items.items():
                try:
                    self._check_size(key, len(data))
                except StoreError as error:
                    errors[key] = error
                else:
                    yield key, _set(key, data, options)

        for key, answer in self._send_each(commands(), errors):
            if not answer:
                options = items[key][1]
                errors[key] = _refusal(options)(key=key, store=self)
        self._report(errors, "put")

    def _delete_many(self, keys: Iterable[str]) -> None:
        errors: dict[str, KvcoreError] = {}
        deque(self._send_each(((key, ("UNLINK", key.encode())) for key in keys), errors), 0)
        self._report(errors, "deleted")

    def _send_each(
        self, commands: Iterable[tuple[str, Command]], errors: dict[str, KvcoreError]
    ) -> Iterator[tuple[str, Answer]]:
        """Send a command for each key; gives the answers, and notes what goes wrong."""
        broken: Exception | None = None
        for block in _bounded(commands):
            answers: Sequence[object] = ()
            if broken is None:
                try:
                    answers = self._server.send_all([command for _, command in block])
                except self._server.errors.all as error:
                    broken = error  # the next would not fare better, and wait as long
                    self._server.forget_limit()
            for (key, _), answer in zip(block, answers or [broken] * len(block), strict=True):
                if isinstance(answer, Exception):
                    errors[key] = told(answer, key, self)
                else:
                    yield key, answer

    # Listing

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``, as the server's table has them."""
        return self._iter_keys(prefix)

    def _iter_keys(self, prefix: str) -> Iterator[str]:
        try:
            start = prefix.encode()
        except UnicodeEncodeError:  # a lone surrogate, which no key has
            return
        found = Found(self._keyspace)
        pattern: Command = ("MATCH", pattern_of(start)) if start else ()
        # TYPE: queues and hashes of other programs are no values.
        rest: Command = (*pattern, "COUNT", _SCANNED, "TYPE", "string")
        for node in self._told(self._server.nodes):
            cursor = 0
            while True:
                command = ("SCAN", cursor, *rest)
                cursor, names = self._told(self._server.scan, command, node, found.read)
                yield from found.keys
                found.names = names
                if not cursor:
                    break
        found.read()
        yield from found.keys

    def _told(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Answer:
        """Make a call that concerns no single key."""
        try:
            return call(*args, **kwargs)
        except self._server.errors.all as error:
            raise told(error, None, self, reads=True) from error

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        for key, found in self._answers(self._iter_keys(prefix), STAT, _HASHED_BYTES):
            if isinstance(found, Exception):
                raise told(found, key, self) from found
            try:
                stat = self._stat_from(key, found)
            except KeyNotFound:
                continue  # deleted while we listed
            yield key, stat

    def _iter_sizes(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        for key, found in self._answers(self._iter_keys(prefix), STAT, _NOTHING_HASHED):
            if isinstance(found, Exception):
                raise told(found, key, self) from found
            if found is not None:
                size, ms, _ = found
                yield key, _stat(size, ms)

    # Life

    def _close(self) -> None:
        self._server.close()

    def _place(self) -> tuple[object, str]:
        # One server has many addresses: names, numbers, sockets, users.
        identity = self._told(self._server.identity) or self._connector.address()[1]
        return ("redis", identity, self._connector.db), ""

    def _url(self) -> str:
        return self._connector.url(self._keyspace.name, self._default_ttl_secs)


def _set(key: str, data: bytes, options: WriteOptions) -> Command:
    command: list[Word] = ["SET", key.encode(), data]
    ms = _milliseconds(options.ttl_secs)
    if ms is not None:
        command += ["PX", ms]
    if options.if_absent:
        command.append("NX")
    elif options.if_present:
        command.append("XX")
    return tuple(command)


def _milliseconds(ttl_secs: TtlSecs) -> int | None:
    """How long a value lives, at least a millisecond; ``None`` for ever."""
    if ttl_secs is None or isinstance(ttl_secs, str) or ttl_secs >= _ENDLESS_SECS:
        return None
    return math.ceil(ttl_secs * 1000)


def _refusal(options: WriteOptions) -> type[PreconditionFailed]:
    return KeyExists if options.if_absent else PreconditionFailed


def _stat(size: int, ms: int, etag: str | None = None) -> Stat:
    return Stat(size, etag=etag, expires=expiring_in(ms / 1000) if ms >= 0 else None)


def _bounded(commands: Iterable[tuple[str, Command]]) -> Iterator[list[tuple[str, Command]]]:
    """Commands in blocks, bounded in number and bytes."""
    block, size = [], 0
    for key, command in commands:
        block.append((key, command))
        size += sum(len(word) for word in command if isinstance(word, bytes))
        if size >= _BYTES_AT_ONCE or len(block) == _KEYS_AT_ONCE:
            yield block
            block, size = [], 0
    if block:
        yield block


def _blocks(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    keys = iter(keys)
    while block := list(islice(keys, size)):
        yield block
