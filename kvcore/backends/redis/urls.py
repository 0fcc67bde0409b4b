"""How the store is made from ``redis://``, ``rediss://`` and ``redis+socket://`` URLs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kvcore.backends.redis.clients import Configured, Settings
from kvcore.errors import ConfigError
from kvcore.recipe import (
    KEYS,
    Address,
    Option,
    StoreRecipe,
    absolute_path,
    integer,
    seconds,
    secret_text,
    text,
)

if TYPE_CHECKING:
    from kvcore.contract import KeyValueStore

_DB = integer(0, 1_000_000)


def _read_server(address: Address) -> dict[str, object]:
    server = address.server()
    if server.host is None:
        raise ConfigError("a host is missing: redis://127.0.0.1:6379/0")
    if server.user is not None and server.password is None:
        raise ConfigError("a password stands behind a colon: redis://user:password@host")
    if not re.fullmatch("[0-9]{0,6}", server.path or ""):
        raise ConfigError("the number of a database stands behind the host: redis://127.0.0.1/0")
    found = {
        "host": server.host,
        "port": server.port or 6379,
        "db": int(server.path or "0"),
        "username": server.user,
        "password": server.password,
    }
    return {name: value for name, value in found.items() if value is not None}


def _file(value: object) -> str:
    """The path of a file, absolute from now on."""
    return absolute_path(text(value))


def _read_tls_server(address: Address) -> dict[str, object]:
    return {**_read_server(address), "tls": True}


def _read_path(address: Address) -> dict[str, object]:
    return {"path": absolute_path(address.path())}


def _build(
    cls: Callable[..., KeyValueStore], *, keys: str = "strict", **settings: Any
) -> KeyValueStore:
    return cls(Configured(Settings(**settings)), keys=keys)


_OPTIONS = {
    "connect_timeout": Option(seconds, "seconds until a connection must stand (default 2)"),
    "deadline": Option(seconds, "seconds until an answer must begin or go on (default 5)"),
    "keys": KEYS,
    "max_connections": Option(
        integer(1, 100_000), "the most connections; who needs another waits (default: no limit)"
    ),
    "password": Option(secret_text, "the password", secret=True),
    "username": Option(text, "the user (default: that of servers without users)"),
}
_REDIS = StoreRecipe(
    options=_OPTIONS, address=_read_server, requires={"redis": "kvcore[redis]"}, build=_build
)

RECIPES: Mapping[str, StoreRecipe] = {
    "redis": _REDIS,
    "redis+socket": _REDIS._replace(
        options={**_OPTIONS, "db": Option(_DB, "the number of the database (default 0)")},
        address=_read_path,
        path_address=True,
    ),
    "rediss": _REDIS._replace(
        options={
            **_OPTIONS,
            "ca_file": Option(
                text, "who signs the server's certificate (default: who the system trusts)"
            ),
            "cert_file": Option(_file, "our certificate, for a server that asks for one"),
            "key_file": Option(_file, "the key of our certificate, if it is not in `cert_file`"),
        },
        address=_read_tls_server,
    ),
}
"""Scheme → how its URLs are read."""
