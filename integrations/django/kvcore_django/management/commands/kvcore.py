"""``manage.py kvcore``: kvcore's command line, with the stores of the settings by name."""

from __future__ import annotations

import sys
from argparse import REMAINDER, ArgumentParser
from contextlib import redirect_stderr, redirect_stdout
from typing import IO, Any, Literal, cast

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    handle_default_options,
)

from kvcore import MissingDependency
from kvcore.cli import command_line
from kvcore_django.sessions import current_sessions
from kvcore_django.stores import current_store


class Command(BaseCommand):
    """Hands the rest of the command line on; options of Django alone are its own."""

    help = "Look into kvcore's stores, copy them, check them: manage.py kvcore --help."
    # One of ours may be what is looked for.
    requires_system_checks: list[str] | tuple[str, ...] | Literal["__all__"] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Of ``call_command``: all that follows."""
        parser.add_argument("arguments", nargs=REMAINDER)

    def run_from_argv(self, argv: list[str]) -> None:
        """Of the command line: ``--help`` and ``--version`` are kvcore's, too."""
        parser = ArgumentParser(add_help=False, allow_abbrev=False)
        for option in ("--settings", "--pythonpath"):
            parser.add_argument(option)
        # What every command of Django takes; nothing is written here that they would change.
        parser.add_argument("-v", "--verbosity", choices=("0", "1", "2", "3"))
        for option in ("--no-color", "--force-color", "--skip-checks"):
            parser.add_argument(option, action="store_true")
        parser.add_argument("--traceback", action="store_true")
        own, rest = parser.parse_known_args(argv[2:])
        handle_default_options(own)
        sys.exit(self._run(["--debug", *rest] if own.traceback else rest))

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """Of ``manage.py help kvcore``."""
        self._run(["--help"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Run for ``call_command``; an exit code other than 0 is a ``CommandError``."""
        self.stdout.ending = self.stderr.ending = ""  # else each empty text would end a line
        out, err = cast("IO[str]", self.stdout), cast("IO[str]", self.stderr)
        with redirect_stdout(out), redirect_stderr(err):
            code = self._run([*args, *options["arguments"]])
        if code:
            raise CommandError(f"kvcore ended with exit code {code}", returncode=code)

    def _run(self, arguments: list[str]) -> int:
        name = "manage.py kvcore"
        try:
            group = command_line(current_store, name, current_sessions)
        except MissingDependency as error:
            sys.stderr.write(f"kvcore: {error}\n")
            return 3
        try:
            group.main(arguments, prog_name=name)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        return 0
