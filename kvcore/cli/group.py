"""`StoreGroup`: what all subcommands share: naming stores, and telling errors by exit codes."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from kvcore._version import __version__
from kvcore.cli.output import plain
from kvcore.config import StorePlan
from kvcore.contract import KeyValueStore
from kvcore.errors import (
    ConfigError,
    KvcoreError,
    MissingDependency,
    StoreError,
    Unsupported,
)

if TYPE_CHECKING:
    from kvcore.sessions import Sessions

EXTRA = "cli"

_F = TypeVar("_F", bound=Callable[..., Any])

DONE, KEYS_FAILED, USAGE, NO_STORE = 0, 1, 2, 3
INTERRUPTED, PIPE_CLOSED = 128 + 2, 128 + 13  # as a shell tells SIGINT and SIGPIPE

_HELP = """Look into key-value stores, put and get values, copy them from store to store.

A STORE is the URL of one, such as fs:///srv/media or redis://localhost/0; env:NAME, for a URL in
the environment variable NAME, where nobody sees its password; or a name {names}. Keys may hold "/"
in all of them, unless the URL says keys=strict.

\b
  {prog} ls fs://media -l                       what is there?
  {prog} put fs://media cat.png pets/cat.png    store a file
  {prog} get fs://media pets/cat.png cat.png    get it back
  {prog} cp fs://media redis://localhost/0      take everything along
  {prog} check redis://localhost/0 --write      does it work?

Exit codes: 0 done; 1 some keys failed or were not there, or nothing was there to copy; 2 wrong
usage; 3 the store cannot be reached, or is configured wrongly.
"""


class StoreGroup(click.Group):
    """The group of a front end; ``named`` gives a store by its name in the settings there.

    ``sessions`` gives those of the application, if the front end belongs to one.
    """

    def __init__(
        self,
        named: Callable[[str], KeyValueStore],
        prog_name: str,
        sessions: Callable[[], Sessions] | None = None,
    ) -> None:
        names = "from KVCORE_STORES, in your settings or the environment"
        super().__init__(
            "kvcore",
            help=_HELP.format(prog=prog_name, names=names),
            short_help="Look into kvcore's stores, copy them, check them.",
            params=[
                click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
            ],
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        )
        self._named = named
        self._sessions = sessions
        click.version_option(__version__, prog_name="kvcore", message="%(prog)s %(version)s")(self)

    def _table(self) -> dict[str, click.Command]:
        # Loaded when it is asked for: a web process of Flask has this group, too, and never does.
        from kvcore.cli.commands import COMMANDS

        table = {command.name or "": command for command in COMMANDS}
        if self._sessions is not None:
            from kvcore.cli.sessions import session_commands

            table["sessions"] = session_commands(self._sessions)
        return table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(self._table())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of this name."""
        return self._table().get(cmd_name)

    def store(self, text: str, ctx: click.Context) -> KeyValueStore:
        """The store that an argument names. One that was made for it is closed at the end."""
        if text.startswith("env:"):
            name = text.removeprefix("env:")
            text = os.environ.get(name, "")
            if not text:
                raise ConfigError(f"the environment variable {name} is not set")
        elif "://" not in text:
            return self._named(text)
        plan = StorePlan.from_config(text)
        store = plan.build()
        ctx.call_on_close(store.close)
        return store if "keys" in plan.options else store.with_keys("path")

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; errors that have a name are told in a line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _end(ctx, "interrupted", INTERRUPTED)
        except KvcoreError as error:
            if isinstance(error, Unsupported):
                code = USAGE
            elif isinstance(error, StoreError | ConfigError | MissingDependency):
                code = NO_STORE
            else:
                code = KEYS_FAILED
            _end(ctx, str(error), code)
        except BrokenPipeError:
            # Nobody reads any more, as with `| head`. Python would complain once more at its end.
            _forget_output()
            ctx.exit(PIPE_CLOSED)
        except OSError as error:  # of a file of the caller
            name = f"{error.filename}: " if error.filename else ""
            _end(ctx, f"{name}{error.strerror or error}", KEYS_FAILED)


def _end(ctx: click.Context, message: str, code: int) -> NoReturn:
    if ctx.params.get("debug"):
        traceback.print_exc()
    click.echo(f"kvcore: {plain(message)}", err=True)
    ctx.exit(code)


def _forget_output() -> None:
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def usage_errors() -> Iterator[None]:
    """Tell a ``ValueError`` of a verb, which is about its arguments, as wrong usage."""
    try:
        yield
    except KvcoreError:
        raise
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def store_argument(name: str = "store", metavar: str = "STORE") -> Callable[[_F], _F]:
    """The argument of a subcommand that names a store; the function gets the store itself."""
    return click.argument(name, metavar=metavar, callback=_open)


def _open(ctx: click.Context, _param: click.Parameter, text: str) -> KeyValueStore:
    assert ctx.parent is not None
    group = ctx.parent.command
    assert isinstance(group, StoreGroup)
    # Of the group: that of the subcommand is not closed where one of its arguments is wrong.
    with ctx.parent.scope(cleanup=False):
        return group.store(text, ctx.parent)
