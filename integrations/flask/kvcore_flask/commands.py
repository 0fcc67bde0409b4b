"""``flask kvcore``: the command line, for an app with stores, or with sessions in one."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app
from flask.cli import with_appcontext

from kvcore import ConfigError, KeyValueStore, Sessions
from kvcore.cli import command_line
from kvcore_flask.stores import current_store


def add_commands(app: Flask, sessions: Callable[[], Sessions]) -> None:
    """Give the app its commands, unless it has them; ``sessions`` are those of the current app."""
    if "kvcore" not in app.cli.commands:
        app.cli.add_command(
            command_line(with_appcontext(_named), "flask kvcore", with_appcontext(sessions))
        )


def _named(name: str) -> KeyValueStore:
    if "kvcore" not in current_app.extensions:
        raise ConfigError(
            f"this app has no store {name[:60]!r}: use KVCore(app) to have stores by name, or give"
            " the URL of one, such as fs:///srv/media"
        )
    return current_store(name)
