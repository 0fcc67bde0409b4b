"""Running the command line in this process, with stores by name."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kvcore import DictStore, FilesystemStore, Stores
from kvcore.cli import command_line

Run = Callable[..., Result]
"""``run("ls", "default", code=0)``: the outcome of a command, whose exit code is as given."""


@pytest.fixture
def memory() -> DictStore:
    """The store named ``default``."""
    return DictStore(keys="path")


@pytest.fixture
def folder(tmp_path: Path) -> FilesystemStore:
    """The store named ``files``."""
    return FilesystemStore(tmp_path / "files", keys="path", durability="atomic")


@pytest.fixture
def run(memory: DictStore, folder: FilesystemStore) -> Iterator[Run]:
    """As a front end has it: two named stores."""
    stores = Stores({"default": memory, "files": folder})
    group = command_line(stores.__getitem__)

    def run(*arguments: object, code: int = 0, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(group, [str(one) for one in arguments], input=stdin)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    yield run
    stores.close()


def lines(result: Result) -> list[Any]:
    """What was written to standard output: JSON, line by line."""
    return [json.loads(line) for line in result.stdout.splitlines()]
