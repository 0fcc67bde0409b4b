"""JSON from the environment, read strictly: what is given twice is an error, not the last one."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from kvcore.errors import ConfigError


def read_json(content: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    """The value of a JSON text. Raises `ConfigError`, which never shows it."""
    try:
        return json.loads(content, object_pairs_hook=_no_twins, parse_constant=_no_number)
    except ConfigError as error:
        problem = error.message
    except json.JSONDecodeError as error:
        problem = f"{error.msg} in line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):  # a number of too many digits, too deep a nesting
        problem = "it is too large"
    # Raised here, not above: the exceptions there hold the text.
    raise ConfigError(f'this is no JSON such as {{"default": "fs:///srv/media"}}: {problem}')


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ConfigError(f"{name[:60]!r} is given twice")
        found[name] = value
    return found


def _no_number(constant: str) -> NoReturn:
    raise ConfigError(f"{constant} is no number")
