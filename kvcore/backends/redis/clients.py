"""Who makes connections: a client that was passed in, or settings from which we make one.

redis-py is imported here alone, when a store is made.
"""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from kvcore.backends.redis import timing, twins
from kvcore.backends.redis.links import ClientLink, Errors, Link, PoolLink
from kvcore.backends.redis.objects import AnyClient, Library, Pool
from kvcore.backends.redis.server import Server
from kvcore.errors import ConfigError
from kvcore.recipe import url_text
from kvcore.registry import load_library
from kvcore.ttl import NOT_SET, TtlSecs

if TYPE_CHECKING:
    from kvcore.backends.redis.awaited import AwaitedLink

EXTRA = "redis"

_UNLIMITED = 2**31
_SOON_SECS = 1.0  # what an event loop may be kept waiting where a local server hangs


class Client(Protocol):
    """A synchronous client of redis-py."""

    def execute_command(self, *args: Any, **options: Any) -> object:
        """Send a command."""


class Connector(ABC):
    """Where the connections of a store come from; shared by its views."""

    server: Server
    db: int
    """The number of the database."""

    is_local: bool = False
    """Whether the server is on this machine, and a call there can be given a short deadline."""

    @abstractmethod
    def address(self) -> tuple[str, str, dict[str, str]]:
        """Scheme, address and options of the URL, without secrets."""

    def with_deadline(self, secs: float) -> Connector:
        """The same, with calls that end within ``secs`` if they did not."""
        return self

    def close(self) -> None:
        """Close what was opened here; it may be used again."""
        self.server.close()

    def url(self, keys: str, ttl_secs: TtlSecs) -> str:
        """The URL of a store, for its ``repr``."""
        scheme, address, options = self.address()
        if keys != "strict":
            options["keys"] = keys
        if ttl_secs != NOT_SET:
            options["default_ttl_secs"] = str(ttl_secs)
        return url_text(scheme, address, options)


class Settings(NamedTuple):
    """What a URL says."""

    host: str = ""
    port: int = 0
    path: str = ""
    """Of a socket; then there is no host."""
    db: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    connect_timeout: float = 2.0
    deadline: float = 5.0
    max_connections: int | None = None

    def __repr__(self) -> str:
        return f"Settings({self.path or self.host!r}, ...)"  # not the password


class Configured(Connector):
    """Makes clients from settings; nothing is connected before it is used. Pickles."""

    def __init__(self, settings: Settings) -> None:
        if settings.username is not None and settings.password is None:
            raise ConfigError("the user has no password: give both")
        self._settings = settings
        self._quicker: dict[float, Configured] = {}
        self.db: int = settings.db
        self.is_local: bool = bool(settings.path) or _is_loopback(settings.host)
        library = load_library("redis", f"kvcore[{EXTRA}]")
        errors = Errors(library)
        self.server: Server = Server(
            PoolLink(errors, self._make_pool, deadline_secs=settings.deadline, owned=True),
            self._awaited_link(errors),
        )

    def __reduce__(self) -> tuple[type[Configured], tuple[Settings]]:
        return Configured, (self._settings,)

    def with_deadline(self, secs: float) -> Configured:
        """The same server, by a pool of its own: time-outs belong to connections."""
        given = self._settings
        if given.deadline <= secs:
            return self
        return self._quicker.setdefault(secs, Configured(given._replace(deadline=secs)))

    def close(self) -> None:
        """Close all connections, those of the quicker ones as well."""
        try:
            super().close()
        finally:
            for quicker in list(self._quicker.values()):
                quicker.close()

    def _awaited_link(self, errors: Errors) -> AwaitedLink | None:
        if not twins.can_wait():
            return None
        from kvcore.backends.redis.awaited import AwaitedLink

        given = self._settings
        return AwaitedLink(
            errors,
            self._make_awaited_pool,
            deadline_secs=given.deadline,
            max_connections=given.max_connections or twins.MOST_CONNECTIONS,
            close_pool=twins.close_pool,
        )

    def _make_pool(self) -> Pool:
        library = import_module("redis")
        given = self._settings
        options = self._connection_options(library, timing.InTime)
        options["socket_timeout"] = given.deadline
        if given.max_connections is None:
            return library.ConnectionPool(max_connections=_UNLIMITED, **options)
        return library.BlockingConnectionPool(
            max_connections=given.max_connections, timeout=given.deadline, **options
        )

    def _make_awaited_pool(self) -> Pool:
        library = import_module("redis.asyncio")
        # The deadline is that of the link: one clock for a call, not one for each of its steps.
        options = self._connection_options(library, timing.Moving)
        options["socket_timeout"] = None
        return library.ConnectionPool(max_connections=_UNLIMITED, **options)

    def _connection_options(self, library: Library, mixin: type) -> dict[str, Any]:
        given = self._settings
        retry = library.retry.Retry
        options: dict[str, Any] = {
            "db": given.db,
            "username": given.username,
            "password": given.password,
            # A lost connection is our business: see `PoolLink`.
            "retry": retry(import_module("redis.backoff").NoBackoff(), 0),
            "protocol": 2,  # one step less to connect, and nothing of the third is used
        }
        if given.path:
            return {
                **options,
                "connection_class": timing.mixed(mixin, library.UnixDomainSocketConnection),
                "path": given.path,
            }
        options |= {
            "connection_class": timing.mixed(mixin, library.Connection),
            "host": given.host,
            "port": given.port,
            "socket_connect_timeout": min(given.connect_timeout, given.deadline),
            "socket_keepalive": True,
        }
        if not given.tls:
            return options
        return {
            **options,
            "connection_class": timing.mixed(mixin, library.SSLConnection),
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_ca_certs": given.ca_file,
            "ssl_certfile": given.cert_file,
            "ssl_keyfile": given.key_file,
        }

    def address(self) -> tuple[str, str, dict[str, str]]:
        """Scheme, address and options of the URL, without user, password and files."""
        given, default = self._settings, Settings()
        options = {
            name: f"{getattr(given, name):g}"
            for name in ("connect_timeout", "deadline", "max_connections")
            if getattr(given, name) != getattr(default, name)
        }
        if given.path:
            db = {"db": str(given.db)} if given.db else {}
            return "redis+socket", given.path, {**db, **options}
        place = f"[{given.host}]" if ":" in given.host else given.host
        scheme = "rediss" if given.tls else "redis"
        return scheme, f"{place}:{given.port}/{given.db}", options


class Given(Connector):
    """Uses a client that was passed in."""

    def __init__(self, client: AnyClient, library: Library) -> None:
        errors = Errors(library)
        link: Link
        if _is_plain(client, library):
            link = PoolLink(
                errors,
                lambda: client.connection_pool,
                deadline_secs=twins.time_out_of(client, library),
                owned=False,
            )
        else:
            link = ClientLink(errors, client)
        self._options = twins.options_of(client)
        self.db: int = self._options.get("db", 0) or 0
        host, secs = self._options.get("host"), twins.time_out_of(client, library)
        self.is_local: bool = (
            ("path" in self._options or (isinstance(host, str) and _is_loopback(host)))
            # its time-outs are its own
            and secs is not None
            and secs <= _SOON_SECS
        )
        self.server: Server = Server(link, twins.awaited_link(client, library, errors, link))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a RedisStore around a client does not pickle; one from a URL does")

    def address(self) -> tuple[str, str, dict[str, str]]:
        """Scheme and address of the URL."""
        given: Mapping[str, Any] = self._options
        if "path" in given:
            return "redis+socket", str(given["path"]), {}
        scheme = "rediss" if any(name.startswith("ssl_") for name in given) else "redis"
        place = f"{given.get('host', 'localhost')}:{given.get('port', 6379)}"
        return scheme, f"{place}/{self.db}", {}


def connector_of(client: AnyClient) -> Given:
    """A connector for a client of redis-py; warns if it may wait for ever."""
    library = _library_of(client)
    if library is None or not hasattr(client, "get_encoder"):
        raise TypeError(f"RedisStore takes a client of redis-py, not {type(client).__name__}")
    if twins.is_async(client):
        raise TypeError(
            "RedisStore takes a synchronous client; kvcore.async_store makes an async store of it"
        )
    if client.get_encoder().decode_responses:
        raise ValueError(
            "this client decodes what it reads, and values are bytes:"
            " make it with decode_responses=False"
        )
    connector = Given(client, library)
    if twins.time_out_of(client, library) is None:
        warnings.warn(
            "this client has no socket_timeout: where the server hangs, a call waits for ever;"
            " make it with one, or the store with store_from_url",
            RuntimeWarning,
            stacklevel=3,
        )
    return connector


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None


def _library_of(client: object) -> Library:
    """redis, or a package that was made from it: where the client's class, or a base, is from."""
    for kind in type(client).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in {"redis", "valkey"}:
            return import_module(name)
    return None


def _is_plain(client: AnyClient, library: Library) -> bool:
    """Whether nothing but redis-py's own way stands between the client and its pool."""
    return (
        type(client) is getattr(library, "Redis", None)
        or type(client) is getattr(library, "Valkey", None)
    ) and (client.connection is None and getattr(client.connection_pool, "cache", None) is None)
