"""The verbs of `RedisStore` for many keys: a round trip for some hundred of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from kvcore.backends.redis.asking import HASHED_BYTES, AskingStore
from kvcore.backends.redis.errors import is_wrong_type, told
from kvcore.backends.redis.listing import Found, pattern_of
from kvcore.backends.redis.objects import Answer
from kvcore.backends.redis.packing import Command
from kvcore.backends.redis.scripts import STAT
from kvcore.backends.redis.words import refusal_of, set_command, stat_of
from kvcore.contract import Fetched, Stat, WriteOptions
from kvcore.errors import KeyNotFound, KvcoreError, StoreError

_SCANNED = "2000"  # names a SCAN: half a millisecond of the server's time, two of an old one's
_KEYS_AT_ONCE = 500
_BYTES_AT_ONCE = 1024 * 1024
_NOTHING_HASHED = -1


class ManyVerbs(AskingStore):
    """Many keys at a time, and which there are."""

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
        for block in _blocks(keys, _KEYS_AT_ONCE):
            names = [key.encode() for key in block]
            answers = self._told(self._server.fetch_all, names)
            for key, answer in zip(block, answers, strict=True):
                if isinstance(answer, Exception):
                    if not is_wrong_type(answer):
                        raise told(answer, key, self) from answer
                elif answer is not None:
                    data, ms = answer
                    found[key] = Fetched(data, stat_of(len(data), ms))
        return found

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
                    yield key, set_command(key, data, options)

        for key, answer in self._send_each(commands(), errors):
            if not answer:
                options = items[key][1]
                errors[key] = refusal_of(options)(key=key, store=self)
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
        return chain.from_iterable(self._blocks_of_keys(prefix))

    def _blocks_of_keys(self, prefix: str) -> Iterator[Sequence[str]]:
        try:
            start = prefix.encode()
        except UnicodeEncodeError:  # a lone surrogate, which no key has
            return
        found = Found(self._keyspace)
        pattern: Command = ("MATCH", pattern_of(start)) if start else ()
        # TYPE: queues and hashes of other programs are no values.
        rest: Command = (*pattern, "COUNT", _SCANNED, "TYPE", "string")
        for node in self._told(self._server.nodes):
            cursor = b"0"
            while True:
                command = ("SCAN", cursor, *rest)
                cursor, names = self._told(self._server.scan, command, node, found.read)
                yield found.keys
                found.names = names
                if cursor == b"0":
                    break
        found.read()
        yield found.keys

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        for key, found in self._stats(self.iter_keys(prefix), HASHED_BYTES):
            try:
                stat = self._stat_from(key, found)
            except KeyNotFound:
                continue  # deleted while we listed
            yield key, stat

    def _iter_sizes(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        for key, found in self._stats(self.iter_keys(prefix), _NOTHING_HASHED):
            if found is not None:
                size, ms, _ = found
                yield key, stat_of(size, ms)

    def _stats(
        self, keys: Iterable[str], hashed_bytes: int
    ) -> Iterator[tuple[str, Sequence[Answer] | None]]:
        """What `STAT` answers for each key."""
        for block in _blocks(keys, _KEYS_AT_ONCE):
            names = [key.encode() for key in block]
            answers = self._told(self._server.run_for_each, STAT, names, str(hashed_bytes))
            for key, answer in zip(block, answers, strict=True):
                if isinstance(answer, Exception):
                    raise told(answer, key, self) from answer
                yield key, answer


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
