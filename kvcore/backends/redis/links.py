"""Links by synchronous clients: how commands get to the server and answers back."""

from __future__ import annotations

import inspect
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

from kvcore.backends.redis import timing
from kvcore.backends.redis.objects import Answer, AnyClient, Connection, Library, Node, Pool
from kvcore.backends.redis.packing import Command, pack, pieces
from kvcore.forking import tell_after_fork


def getter_of(pool: Pool) -> Callable[[], Connection]:
    """How the pool is asked for a connection; up to redis-py 5.2 it wants the name of a command."""
    name = inspect.signature(pool.get_connection).parameters.get("command_name")
    if name is not None and name.default is name.empty:
        return partial(pool.get_connection, "_")
    get: Callable[[], Connection] = pool.get_connection
    return get


class Errors:
    """The exceptions of a client's package, ``redis`` as a rule."""

    def __init__(self, library: Library) -> None:
        exceptions = library.exceptions
        base = exceptions.ResponseError.__base__  # RedisError; valkey has its own name for it
        self.all: tuple[type[Exception], ...] = (base, OSError)
        """What a link raises."""
        self.refused: type[Exception] = exceptions.ResponseError
        """What a server answers to a command that it does not carry out."""
        self.no_script: type[Exception] = exceptions.NoScriptError
        self.lost: type[Exception] = exceptions.ConnectionError

    def is_lost(self, error: BaseException) -> bool:
        """Whether a connection broke, so that another one may do."""
        # The exact class: its subclasses say that the server has answered, or was not asked.
        return type(error) is self.lost


class Link(ABC):
    """Takes commands to the server.

    A command is sent a second time where the connection was lost before all of it had gone out, as
    then the server cannot have run it; and if it only ``reads``, also where the answer was lost. A
    write whose answer was lost is never sent again: it may have been run, and another client may
    have written since.

    ``since``: when the call began (``time.monotonic``) that this is a part of; by default now.
    """

    is_spread = False
    """Whether keys lie on several nodes (a cluster)."""
    is_direct = False
    """Whether connections are used without the client's own methods."""

    def __init__(self, errors: Errors) -> None:
        self.errors = errors

    @abstractmethod
    def send(
        self, command: Command, *, reads: bool, since: float | None = None, node: Node = None
    ) -> Answer:
        """Send a command; returns the answer."""

    @abstractmethod
    def send_all(
        self, commands: Sequence[Command], *, reads: bool, since: float | None = None
    ) -> list[Answer]:
        """Send commands in one go; returns the answers, refusals among them as exceptions."""

    def scan(self, command: Command, node: Node, work: Callable[[], object]) -> Answer:
        """Send a command that only reads; ``work`` is done once, best while the server works."""
        work()
        return self.send(command, reads=True, node=node)

    def nodes(self) -> Sequence[Node]:
        """What has to be scanned to see all keys."""
        return (None,)

    def are_together(self, one: bytes, other: bytes) -> bool:
        """Whether one script may have both keys."""
        return True

    def close(self) -> None:
        """Let go of what this link opened itself; it may be used again."""


class PoolLink(Link):
    """Takes connections from redis-py's pool, and commands to them without a detour.

    redis-py's own ``execute_command`` sends a command again when no answer came, be it one that
    counts or asks for ``if_absent``, and waits out the time-out each time.
    """

    is_direct = True

    def __init__(
        self,
        errors: Errors,
        make_pool: Callable[[], Pool],
        *,
        deadline_secs: float | None,
        owned: bool,
    ) -> None:
        super().__init__(errors)
        self._deadline_secs = deadline_secs
        self._make_pool = make_pool
        self._owned = owned
        self._pool: tuple[Pool, Callable[[], Connection]] | None = None
        self._lock = threading.Lock()
        self._inherited: object = None
        tell_after_fork(self)

    def _after_fork(self) -> None:
        # A pool makes itself anew after a fork, unless a thread of the parent held its lock.
        self._lock = threading.Lock()
        self._inherited, self._pool = (self._inherited, self._pool), None

    def _new_pool(self) -> tuple[Pool, Callable[[], Connection]]:
        with self._lock:
            if self._pool is None:
                pool = self._make_pool()
                self._pool = pool, getter_of(pool)
            return self._pool

    # No `finally` gives a connection back: one that a second interruption hits between is lost to
    # the pool rather than handed to the next caller with an answer on its way.

    def send(
        self,
        command: Command,
        *,
        reads: bool,
        since: float | None = None,
        node: Node = None,
        work: Callable[[], object] | None = None,
    ) -> Answer:
        """Send a command, do the work, return the answer."""
        pool, get_connection = self._pool or self._new_pool()
        end, packed = timing.begin(self._deadline_secs, since), pack((command,))
        connection = get_connection()
        may_retry = True
        while True:
            is_sent = False
            try:
                if timing.is_late(end, self._deadline_secs):
                    timing.send_late(connection, pieces(packed), end)
                else:
                    connection.send_packed_command(pieces(packed))
                is_sent = True
                now, work = work, None  # once
                if now is not None:
                    now()
                answer = connection.read_response()
            except self.errors.refused:  # the whole answer
                pool.release(connection)
                raise
            except BaseException as error:
                connection.disconnect()
                if not (may_retry and (reads or not is_sent) and self.errors.is_lost(error)):
                    pool.release(connection)
                    raise
                may_retry = False
                self._connect(pool, connection)
            else:
                pool.release(connection)
                return answer

    def send_all(
        self, commands: Sequence[Command], *, reads: bool, since: float | None = None
    ) -> list[Answer]:
        """Send commands in one go; returns the answers, refusals among them as exceptions."""
        pool, get_connection = self._pool or self._new_pool()
        end, packed = timing.begin(self._deadline_secs, since), pack(commands)
        connection = get_connection()
        may_retry = reads  # of what was sent in part, the first commands may have been run
        while True:
            try:
                if timing.is_late(end, self._deadline_secs):
                    timing.send_late(connection, pieces(packed), end)
                else:
                    connection.send_packed_command(pieces(packed))
                answers = [self._answer(connection) for _ in commands]
            except BaseException as error:
                connection.disconnect()
                if not (may_retry and self.errors.is_lost(error)):
                    pool.release(connection)
                    raise
                may_retry = False
                self._connect(pool, connection)
            else:
                pool.release(connection)
                return answers

    def _connect(self, pool: Pool, connection: Connection) -> None:
        """Connect again: the pool may have no other connection."""
        try:
            connection.connect()
        except BaseException:
            pool.release(connection)
            raise

    def _answer(self, connection: Connection) -> Answer:
        try:
            return connection.read_response()
        except self.errors.refused as refusal:
            return refusal

    def scan(self, command: Command, node: Node, work: Callable[[], object]) -> Answer:
        """Send a command that only reads, and do the work until there is an answer."""
        return self.send(command, reads=True, node=node, work=work)

    def close(self) -> None:
        """Close the connections of a pool of our own."""
        if self._owned:
            with self._lock:
                pool, self._pool = self._pool, None
            if pool is not None:
                pool[0].disconnect()


class ClientLink(Link):
    """Leaves all to a client: one for a cluster, or of a class that does things its own way."""

    def __init__(self, errors: Errors, client: AnyClient) -> None:
        super().__init__(errors)
        self._client = client
        self.is_spread: bool = hasattr(client, "keyslot")

    def send(
        self, command: Command, *, reads: bool, since: float | None = None, node: Node = None
    ) -> Answer:
        """Send a command; how often and how long, is up to the client."""
        if node is None:
            return self._client.execute_command(*command)
        return self._client.execute_command(*command, target_nodes=node)

    def send_all(
        self, commands: Sequence[Command], *, reads: bool, since: float | None = None
    ) -> list[Answer]:
        """Send commands in one go; returns the answers, refusals among them as exceptions."""
        options = {} if self.is_spread else {"transaction": False}
        with self._client.pipeline(**options) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Answer] = pipeline.execute(raise_on_error=False)
            return answers

    def nodes(self) -> Sequence[Node]:
        """The primaries of a cluster."""
        return self._client.get_primaries() if self.is_spread else (None,)

    def are_together(self, one: bytes, other: bytes) -> bool:
        """Whether both keys have one slot."""
        return not self.is_spread or self._client.keyslot(one) == self._client.keyslot(other)
