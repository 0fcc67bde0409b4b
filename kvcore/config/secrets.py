"""`SecretSource`: where a secret comes from; its value is fetched late and never shown."""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Literal

from kvcore.errors import ConfigError
from kvcore.recipe import absolute_path

_MAX_BYTES = 64 * 1024  # no secret is longer; /dev/zero is endless
_REFERENCE = re.compile(r"(?s)env:[A-Za-z_][A-Za-z0-9_]*|file:.+")


def is_reference(text: str) -> bool:
    """Whether a configured text names a secret instead of being one.

    >>> is_reference("env:SIGNING_KEY"), is_reference("hunter2")
    (True, False)
    """
    return bool(_REFERENCE.fullmatch(text))


class SecretSource:
    """A secret: ``env:NAME``, ``file:PATH``, or the value itself.

    Shows itself by its reference or as ``***``. A pickle holds a value that was given itself.
    """

    __slots__ = ("_place", "_value")

    _place: Literal["", "env", "file"]
    _value: str | bytes

    def __init__(self, configured: object) -> None:
        """Raises ``ValueError`` for what is neither text nor bytes."""
        if not isinstance(configured, str | bytes) or not configured:
            raise ValueError("takes text, 'env:NAME' or 'file:PATH'")
        place, value = "", configured
        if isinstance(configured, str) and configured.startswith(("env:", "file:")):
            place, _, value = configured.partition(":")
            if not is_reference(configured):
                raise ValueError("takes 'env:' and the name of an environment variable")
            if place == "file":
                value = absolute_path(value)
        set_ = object.__setattr__
        set_(self, "_place", place)
        set_(self, "_value", value)

    def fetch(self) -> str | bytes:
        """The value now. Raises `ConfigError` for what is missing or empty."""
        if self._place == "env":
            name = str(self._value)
            value = os.environ.get(name)
            if not value:
                state = "empty" if name in os.environ else "not set"
                raise ConfigError(f"takes a secret, but the environment variable {name} is {state}")
            return value
        if self._place == "file":
            return _content(str(self._value))
        return self._value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a SecretSource is frozen")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretSource):
            return NotImplemented
        return (self._place, self._value) == (other._place, other._value)

    def __hash__(self) -> int:
        return hash((self._place, self._value))

    def __reduce__(self) -> tuple[Any, ...]:
        return _secret, (self._place, self._value)

    def __repr__(self) -> str:
        return f"{self._place}:{self._value!s}" if self._place else "***"


def _secret(place: str, value: str | bytes) -> SecretSource:
    secret = object.__new__(SecretSource)
    object.__setattr__(secret, "_place", place)
    object.__setattr__(secret, "_value", value)
    return secret


def _content(path: str) -> bytes:
    """A secret file, less the newline that editors put at its end."""
    problem = ""
    try:
        # Looked at before it is opened: opening a pipe waits for its writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            problem = "is no regular file"
        else:
            with open(path, "rb") as file:
                data = file.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                problem = f"has more than {_MAX_BYTES} bytes"
            elif data := data.removesuffix(b"\r\n").removesuffix(b"\n"):
                return data
            else:
                problem = "is empty"
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    raise ConfigError(f"takes a secret, but the file {path[:200]} {problem}")
