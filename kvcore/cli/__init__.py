"""The command line: one table of subcommands for ``kvcore``, ``flask`` and ``manage.py``.

It needs the extra ``cli`` (click; rich for the progress bar).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from kvcore.errors import ConfigError, MissingDependency
from kvcore.registry import load_library

if TYPE_CHECKING:
    import click

    from kvcore.contract import KeyValueStore
    from kvcore.sessions import Sessions

EXTRA = "cli"


def command_line(
    named: Callable[[str], KeyValueStore],
    prog_name: str = "kvcore",
    sessions: Callable[[], Sessions] | None = None,
) -> click.Group:
    """The subcommands, as a click group for any front end.

    ``named`` gives the store of a name, and raises `ConfigError` where there is none; URLs and
    ``env:NAME`` are understood besides. ``sessions`` gives the sessions of an application, for the
    subcommand of that name. Raises `MissingDependency` without click.
    """
    load_library("click", f"kvcore[{EXTRA}]")
    from kvcore.cli.group import StoreGroup

    return StoreGroup(named, prog_name, sessions)


def main() -> None:
    """The console script ``kvcore``: stores by URL, or by name from ``KVCORE_STORES``."""
    try:
        group = command_line(_from_environment)
    except MissingDependency as error:
        sys.stderr.write(f"kvcore: {error}\n")
        sys.exit(3)
    group.main(prog_name="kvcore")


def _from_environment(name: str) -> KeyValueStore:
    import os

    from kvcore.config import Stores

    if "KVCORE_STORES" not in os.environ:
        raise ConfigError(
            f"{name[:60]!r} is not the URL of a store, such as fs:///srv/media, and there is no"
            " KVCORE_STORES in the environment to name one"
        )
    return Stores.from_env(keys="path")[name]
