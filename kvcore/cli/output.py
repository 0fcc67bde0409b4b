"""What is written: text for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from kvcore.contract import Stat

EXTRA = "cli"


def plain(text: str) -> str:
    r"""``text`` without characters that a terminal might obey; line ends stay.

    >>> plain("a" + chr(27) + "[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def shown(key: str) -> str:
    """A key for standard output: as it is for a program, without control characters for people."""
    return plain(key) if sys.stdout.isatty() else key


def write_json(value: Mapping[str, object]) -> None:
    """One line of JSON on standard output, in ASCII."""
    click.echo(json.dumps(value))


def stat_json(stat: Stat) -> dict[str, Any]:
    """A `Stat` for JSON; what the store does not know is left out."""
    known = {name: value for name, value in stat._asdict().items() if value is not None}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in known.items()
    }


def bytes_text(size: float) -> str:
    """A size for people.

    >>> bytes_text(999), bytes_text(1536), bytes_text(5 * 2**30)
    ('999 bytes', '1.5 KiB', '5.0 GiB')
    """
    if size < 1024:
        return f"{size:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str | float) -> float:
    """The seconds that an option means: a number, or one with s, m, h or d.

    >>> duration("90"), duration("1.5h")
    (90.0, 5400.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(text))
    if found is None:
        raise click.BadParameter(f"{text!r} is no duration; write seconds, or 30m, 12h, 7d")
    return float(found[1]) * _UNITS[found[2]]
