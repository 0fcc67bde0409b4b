"""Configured options into constructor arguments: read by their kinds, secrets fetched last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kvcore.config.secrets import SecretSource
from kvcore.contract import KeyValueStore
from kvcore.errors import ConfigError, KvcoreError, Unsupported
from kvcore.recipe import Option, nearest

_SHOWN_CHARS = 60


def read_arguments(
    options: Mapping[str, Option], given: Iterable[tuple[str, object]]
) -> dict[str, Any]:
    """Check what was configured against what there is; a secret stays a `SecretSource`.

    Raises `ConfigError` for an unknown, repeated, missing or mistyped option, and for a secret that
    cannot be fetched.
    """
    arguments: dict[str, Any] = {}
    last_secret = ""
    for name, value in given:
        option = options.get(name)
        if option is None:
            if last_secret:  # this may be the rest of it, and is not to be shown
                raise ConfigError(
                    f"there is an unknown option after {last_secret!r}"
                    " (in a URL '&' in a value is written '%26')"
                )
            raise ConfigError(f"there is no option {name[:_SHOWN_CHARS]!r}{nearest(name, options)}")
        if name in arguments:
            raise ConfigError(f"option {name!r} is given twice")
        if option.secret:
            last_secret = name
            arguments[name] = _read_secret(name, option, value)
        else:
            arguments[name] = _read(name, option, value)
    for name, option in options.items():
        if option.required and name not in arguments:
            raise ConfigError(f"option {name!r} is missing: {option.about}")
    return arguments


def _read(name: str, option: Option, value: object) -> object:
    try:
        return option.read(value)
    except (ValueError, TypeError) as error:
        problem = str(error)
    raise ConfigError(f"option {name!r} {problem}, not {_described(value)}")


def _read_secret(
    name: str, option: Option, value: object
) -> SecretSource | tuple[SecretSource, ...]:
    try:
        if option.many and isinstance(value, list | tuple) and value:
            found: SecretSource | tuple[SecretSource, ...] = tuple(
                SecretSource(one) for one in value
            )
        else:
            found = SecretSource(value)
    except ValueError as error:
        problem = str(error)
    else:
        fetched({name: option}, {name: found})
        return found
    raise ConfigError(f"option {name!r} {problem}")


def fetched(options: Mapping[str, Option], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with secrets in their place. Raises `ConfigError` for one that is missing."""
    return {name: _fetched(name, options, value) for name, value in arguments.items()}


def _fetched(name: str, options: Mapping[str, Option], value: object) -> object:
    if isinstance(value, tuple) and value and isinstance(value[0], SecretSource):
        return [_fetched(name, options, one) for one in value]
    if not isinstance(value, SecretSource):
        return value
    secret: str | bytes = b""
    try:
        secret = value.fetch()
        return options[name].read(secret)
    except (ValueError, TypeError) as error:
        problem = error.message if isinstance(error, ConfigError) else str(error)
    # Raised here, not above: a chained exception might quote the secret.
    raise ConfigError(f"option {name!r} {_without([secret], problem)}")


def construct(
    call: Callable[..., KeyValueStore],
    options: Mapping[str, Option],
    arguments: Mapping[str, Any],
    **more: object,
) -> KeyValueStore:
    """Call a constructor. What it says against its arguments becomes a `ConfigError`."""
    final = fetched(options, arguments)
    secrets = [final[name] for name in final if name in options and options[name].secret]
    try:
        return call(**final, **more)
    except (ValueError, TypeError, Unsupported) as error:
        problem = error.message if isinstance(error, KvcoreError) else str(error)
        reason = None if secrets else error
    raise ConfigError(_without(secrets, problem)) from reason


def shown(options: Mapping[str, Option], arguments: Mapping[str, Any]) -> dict[str, str]:
    """Arguments as they are written in a URL; a secret as its reference or ``***``."""
    return {
        name: ",".join(map(repr, value if isinstance(value, tuple) else (value,)))
        if options[name].secret
        else options[name].show(value)
        for name, value in arguments.items()
    }


def _without(secrets: Iterable[object], text: str) -> str:
    for secret in secrets:
        if isinstance(secret, list):
            text = _without(secret, text)
        elif isinstance(secret, str | bytes) and secret:
            plain = secret if isinstance(secret, str) else secret.decode("utf-8", "replace")
            text = text.replace(plain, "***").replace(repr(secret)[1:-1].lstrip("'"), "***")
    return text


def _described(value: object) -> str:
    """A value that is no secret, for an error message."""
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN_CHARS else f"{value[:_SHOWN_CHARS]}...")
    if isinstance(value, int) and abs(value) < 10**_SHOWN_CHARS:
        return repr(value)
    return f"a value of type {type(value).__name__}"
