"""What all verbs of `RedisStore` share: a server that is asked, and errors in our words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from kvcore.backends.redis.clients import Client, Connector, connector_of
from kvcore.backends.redis.errors import told
from kvcore.backends.redis.objects import Answer
from kvcore.backends.redis.packing import Word
from kvcore.backends.redis.scripts import Script
from kvcore.backends.redis.words import stat_of
from kvcore.contract import Capabilities, CopyMixin, Stat, TimeToLiveMixin
from kvcore.errors import KeyNotFound, StoreError

HASHED_BYTES = 32 * 1024
"""What `stat` has hashed in the server: a tenth of a millisecond."""


class AskingStore(TimeToLiveMixin, CopyMixin):
    """A store with a server behind it."""

    _declared = Capabilities(
        if_absent=True, if_present=True, if_match=True, delete_if_match=True, touch=True
    )

    def __init__(self, redis: Client | Connector, *, keys: str = "strict") -> None:
        self._connector = redis if isinstance(redis, Connector) else connector_of(redis)
        self._server = self._connector.server
        self._declared = self._declared._replace(
            copy=not self._server.is_spread,
            native_async=self._server.can_wait,
            local=self._connector.is_local and not self._server.is_spread,
        )
        self._use_keyspace(self._space(keys))

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_server"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._server = self._connector.server

    # What goes to the server, and errors back

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

    def _told(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Answer:
        """Make a call that concerns no single key."""
        try:
            return call(*args, **kwargs)
        except self._server.errors.all as error:
            raise told(error, None, self, reads=True) from error

    def _stat_from(self, key: str, found: Sequence[Answer] | None) -> Stat:
        if found is None:
            raise KeyNotFound(key=key, store=self)
        size, ms, etag = found
        if not etag:  # so large that it is cheaper for all to hash it here
            return self._fetch(key).stat
        return stat_of(size, ms, etag.decode())

    # Life

    def with_deadline(self, secs: float) -> Self:
        """A view of this store, with connections of its own, whose calls end within ``secs``."""
        connector = self._connector.with_deadline(secs)
        if connector is self._connector:
            return self
        view = object.__new__(type(self))
        view.__setstate__({**self.__getstate__(), "_connector": connector})
        return view

    def _close(self) -> None:
        self._connector.close()

    def _place(self) -> tuple[object, str]:
        # One server has many addresses: names, numbers, sockets, users.
        identity = self._told(self._server.identity) or self._connector.address()[1]
        return ("redis", identity, self._connector.db), ""

    def _url(self) -> str:
        return self._connector.url(self._keyspace.name, self._default_ttl_secs)
