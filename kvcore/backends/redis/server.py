"""`Server`: what the store speaks with; each call goes by the link that fits its caller."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from kvcore.aio.native.bridge import can_wait, current_bridge
from kvcore.backends.redis.links import Errors, Link
from kvcore.backends.redis.objects import Answer, Node
from kvcore.backends.redis.packing import Command, Word
from kvcore.backends.redis.scripts import FETCH, Script, etag_of

if TYPE_CHECKING:
    from kvcore.backends.redis.awaited import AwaitedLink

_LIMIT_BYTES = 512 * 1024 * 1024  # Redis: "proto-max-bulk-len", unless it is configured
_LEAST_LIMIT_BYTES = 1024 * 1024  # what it may be set to
_HASHED_AT_ONCE_BYTES = 1024 * 1024  # a few milliseconds
_GONE = -2  # PTTL of what is missing
_RUN_ID = re.compile(rb"^run_id:(\w+)", re.MULTILINE)
_MISSING = (None, _GONE)


class Server:
    """A server, or a cluster of them.

    Called in an event loop by a `kvcore.aio.native` store, it waits without blocking the loop, by
    the awaited link; called otherwise, by the synchronous one.
    """

    def __init__(self, link: Link, awaited: AwaitedLink | None) -> None:
        self._link = link
        self._awaited = awaited
        self._limit_bytes: int | None = None
        self.errors: Errors = link.errors
        self.is_spread: bool = link.is_spread
        self.are_together: Callable[[bytes, bytes], bool] = link.are_together
        self.nodes: Callable[[], Sequence[Node]] = link.nodes

    @property
    def can_wait(self) -> bool:
        """Whether a call can wait in an event loop."""
        return self._awaited is not None and can_wait()

    def send(self, command: Command, *, reads: bool = False, since: float | None = None) -> Answer:
        """Send a command; see `Link`."""
        bridge = current_bridge()
        if bridge is None or self._awaited is None:
            return self._link.send(command, reads=reads, since=since)
        return bridge.wait(self._awaited.send(command, reads=reads, since=since))

    def send_all(
        self, commands: Sequence[Command], *, reads: bool = False, since: float | None = None
    ) -> list[Answer]:
        """Send commands in one go; see `Link`."""
        bridge = current_bridge()
        if bridge is None or self._awaited is None:
            return self._link.send_all(commands, reads=reads, since=since)
        return bridge.wait(self._awaited.send_all(commands, reads=reads, since=since))

    def scan(
        self, command: Command, node: Node, work: Callable[[], object]
    ) -> tuple[bytes, Sequence[bytes]]:
        """Send a SCAN; ``work`` is done meanwhile, or before. Returns the next cursor and names."""
        bridge = current_bridge()
        if bridge is None or self._awaited is None:
            cursor, names = self._link.scan(command, node, work)
        else:
            work()
            cursor, names = bridge.wait(self._awaited.send(command, reads=True))
        if isinstance(cursor, dict):  # clients of a cluster tell one for each node that was asked
            (cursor,) = cursor.values()
        return b"%d" % int(cursor), names

    def run(
        self,
        script: Script,
        keys: Iterable[bytes],
        *words: Word,
        reads: bool = False,
        since: float | None = None,
    ) -> Answer:
        """Run a script."""
        keys = tuple(keys)
        rest = (str(len(keys)), *keys, *words)
        since = time.monotonic() if since is None else since
        try:
            return self.send(("EVALSHA", script.sha, *rest), reads=reads, since=since)
        except self.errors.no_script:  # the server has not seen it since its start
            return self.send(("EVAL", script.text, *rest), reads=reads, since=since)

    def run_for_each(self, script: Script, keys: Sequence[bytes], *words: Word) -> list[Answer]:
        """Run a script that only reads for each of the keys, in one go."""
        since = time.monotonic()
        answers = self.send_all(
            [("EVALSHA", script.sha, "1", key, *words) for key in keys], reads=True, since=since
        )
        if any(isinstance(answer, self.errors.no_script) for answer in answers):
            texts: list[Command] = [("EVAL", script.text, "1", key, *words) for key in keys]
            answers = self.send_all(texts, reads=True, since=since)
        return answers

    def fetch(self, key: bytes, since: float | None = None) -> tuple[bytes, int] | None:
        """A value and its milliseconds to live, of one moment; ``None`` if it is missing."""
        if self.is_spread:  # its clients take transactions their own way
            return _fetched(*(self.run(FETCH, (key,), reads=True, since=since) or _MISSING))
        # No script: it would copy the value twice, and keep the server busy with that.
        return _fetched(*self._at_once([("GET", key), ("PTTL", key)], since))

    def fetch_all(self, keys: Sequence[bytes]) -> Sequence[tuple[bytes, int] | Exception | None]:
        """The same for several keys. A cluster may answer for one that it refuses."""
        if self.is_spread:
            answers = self.run_for_each(FETCH, keys)
            return [
                answer if isinstance(answer, Exception) else _fetched(*(answer or _MISSING))
                for answer in answers
            ]
        ends: list[Command] = [("PTTL", key) for key in keys]
        values, *ms = self._at_once([("MGET", *keys), *ends])
        return list(map(_fetched, values, ms))

    def _at_once(self, commands: Sequence[Command], since: float | None = None) -> list[Answer]:
        """The answers to commands that only read, between which nobody writes."""
        answers = self.send_all([("MULTI",), *commands, ("EXEC",)], reads=True, since=since)
        _raise_refusal(answers)
        found: list[Answer] = answers[-1]
        _raise_refusal(found)
        return found

    def etag_of(self, data: bytes) -> str:
        """The etag of a value; an event loop goes on meanwhile if it is a large one."""
        bridge = current_bridge()
        if bridge is None or len(data) <= _HASHED_AT_ONCE_BYTES:
            return etag_of(data)
        return bridge.wait(asyncio.to_thread(etag_of, data))

    def identity(self) -> str | None:
        """What the server calls itself until it ends; ``None`` if it does not say."""
        try:
            if self.is_spread:
                nodes = self.send(("CLUSTER NODES",), reads=True)
                return str(min(node["node_id"] for node in nodes.values()))
            answer = self.send(("INFO", "server"), reads=True)
        except self.errors.refused:  # many a hosted server forbids it
            return None
        found = _RUN_ID.search(answer if isinstance(answer, bytes) else b"")
        return found[1].decode() if found else None

    def largest_value(self, size: int, since: float | None = None) -> int:
        """The limit of the server for a value of ``size`` bytes, asked for when it matters."""
        if size <= _LEAST_LIMIT_BYTES:
            return _LEAST_LIMIT_BYTES
        # Asked again before a value is refused: the server may have been set otherwise.
        if self._limit_bytes is None or size > self._limit_bytes:
            self._limit_bytes = self._configured_limit(since)
        return self._limit_bytes

    def forget_limit(self) -> None:
        """Ask again for the limit: a large value was not taken."""
        self._limit_bytes = None

    def _configured_limit(self, since: float | None) -> int:
        if self.is_spread:
            return _LIMIT_BYTES
        try:
            answer = self.send(("CONFIG", "GET", "proto-max-bulk-len"), reads=True, since=since)
        except self.errors.refused:  # many a hosted server forbids it
            return _LIMIT_BYTES
        return int(answer[1]) if isinstance(answer, list) and len(answer) == 2 else _LIMIT_BYTES

    def close(self) -> None:
        """Let go of what was opened here, in an event loop of what was opened in that one."""
        bridge = current_bridge()
        if bridge is not None and self._awaited is not None:
            bridge.wait(self._awaited.aclose())
        self._link.close()


def _fetched(data: bytes | None, ms: int) -> tuple[bytes, int] | None:
    return None if data is None or ms == _GONE else (data, ms)


def _raise_refusal(answers: Iterable[Answer]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
