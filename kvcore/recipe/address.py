"""What stands in a store URL between ``://`` and ``?``, and percent-encoding both ways.

Nothing of ``urllib.parse`` is used: it lower-cases what it takes for a host (``fs://Media`` would
be another folder), drops tabs and newlines without a word, repairs broken escapes silently, and
costs 9 ms of import.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from kvcore.errors import ConfigError

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DRIVE = re.compile("/[A-Za-z]:(?:/|$)")


def percent_decoded(text: str) -> str:
    """``text`` with its ``%XX`` read as UTF-8; ``+`` stays ``+`` (RFC 3986 §2.2).

    Raises `ConfigError`, without the text, for broken escapes and for control characters.

    >>> percent_decoded("caf%C3%A9+bar")
    'café+bar'
    """
    if _BROKEN_ESCAPE.search(text):
        raise ConfigError("'%' begins an escape of two hexadecimal digits; '%' itself is '%25'")
    try:
        decoded = _ESCAPES.sub(_character, text)
    except UnicodeDecodeError:
        decoded = "\0"
    if _UNFIT.search(decoded):
        raise ConfigError("what is percent-encoded is UTF-8, without control characters")
    return decoded


def _character(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode()


def _percent_encoded(text: str, reserved: str) -> str:
    """``text`` so that `percent_decoded` gives it back; readable where it may be."""
    if text.isascii() and text.isalnum():
        return text
    return "".join(
        char
        if char.isprintable() and char != " " and char not in reserved
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in text
    )


def absolute_path(path: str) -> str:
    """``path`` from the current directory, now: a later ``chdir`` must not move a store.

    Raises `ConfigError` where the current directory has been removed.
    """
    try:
        return os.path.abspath(path)
    except OSError as error:
        raise ConfigError("the current directory is gone: write an absolute path") from error


def url_text(scheme: str, address: str, options: Mapping[str, str]) -> str:
    """The URL of a store, for its ``_url`` hook; ``options`` without secrets and defaults.

    >>> url_text("fs", "/srv/my media", {"keys": "path"})
    'fs:///srv/my%20media?keys=path'
    """
    return f"{scheme}://{_percent_encoded(address, '%?#')}{query_text(options)}"


def query_text(options: Mapping[str, str]) -> str:
    """Options as they follow the address, ``?name=value&…``; nothing for none."""
    pairs = (f"{name}={_percent_encoded(text, '%&#')}" for name, text in options.items())
    return f"?{'&'.join(pairs)}" if options else ""


class Server(NamedTuple):
    """An address of the form ``user:password@host:port/path``, decoded; absent parts are ``None``.

    ``path`` is what follows the first ``/``.
    """

    user: str | None
    password: str | None
    host: str | None
    port: int | None
    path: str | None


class Address:
    """What stands between ``://`` and ``?``, still percent-encoded; a recipe reads it in one form.

    >>> Address("Media/caf%C3%A9").path()
    'Media/café'
    >>> Address("user:p%40ss@cache.example:6379/0").server().password
    'p@ss'
    """

    __slots__ = ("_encoded",)

    def __init__(self, encoded: str) -> None:
        self._encoded = encoded

    def text(self) -> str:
        """The whole address, decoded."""
        return percent_decoded(self._encoded)

    def path(self) -> str:
        """A path of this machine: ``rel/path``, ``/abs/path``, on Windows ``/C:/path``.

        Its case is kept. Raises `ConfigError` for an empty one, for the root of the file system,
        for ``..`` (however it is encoded) and for ``~``, which nobody would expand.
        """
        path = self.text()
        segments = re.split(r"[/\\]", path)
        if ".." in segments:
            raise ConfigError("'..' is not allowed in a path: write the folder that is meant")
        if not path.strip("/\\"):
            raise ConfigError("a path is missing: fs://relative/path or fs:///absolute/path")
        if segments[0] == "~":
            raise ConfigError("'~' is not expanded: write the absolute path")
        return path[1:] if os.name == "nt" and _DRIVE.match(path) else path

    def server(self) -> Server:
        """User, password, host, port and path. Raises `ConfigError`, never showing them."""
        authority, slash, path = self._encoded.partition("/")
        login, _, place = authority.rpartition("@")
        user, colon, password = login.partition(":")
        bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::([^:]*))?", place)  # an IPv6 address
        if bracketed:
            host, port = bracketed[1], bracketed[2]
        else:
            host, port_colon, rest = place.partition(":")
            port = rest if port_colon else None
        if port is not None and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536):
            raise ConfigError(
                "the port is a number from 1 to 65535"
                " ('/', '?', '#' and '@' in user and password are percent-encoded)"
            )
        return Server(
            user=percent_decoded(user) if user else None,
            password=percent_decoded(password) if colon else None,
            host=percent_decoded(host) if host else None,
            port=None if port is None else int(port),
            path=percent_decoded(path) if slash else None,
        )
