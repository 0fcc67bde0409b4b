"""The table of subcommands, in the order in which the help shows them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kvcore.cli.checking import check, gc
from kvcore.cli.copying import cp
from kvcore.cli.values import get, ls, put, rm

EXTRA = "cli"

COMMANDS: Sequence[click.Command] = (ls, get, put, rm, cp, check, gc)
