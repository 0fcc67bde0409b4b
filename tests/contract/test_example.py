"""The suite on the example backend of docs/writing-a-backend.md, as its readers copy it."""

import importlib.util
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

from kvcore import HMACDecorator, KeyValueStore, PrefixDecorator
from kvcore.testing import StoreContract
from tests.contract.stacks import SECRET, innermost

PAGE = Path(__file__).resolve().parents[2] / "docs" / "writing-a-backend.md"
NAME = "backend_of_the_documentation"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The classes of the page, as a module of their own, so that they pickle."""
    blocks = [str(e.parsed) for e in Sybil([PythonCodeBlockParser()]).parse(PAGE).examples()]
    path = tmp_path_factory.mktemp("page") / f"{NAME}.py"
    path.write_text("\n".join(block for block in blocks if "\nclass " in block))
    spec = importlib.util.spec_from_file_location(NAME, path)
    module = sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[NAME]


class Example(StoreContract):
    name = "SQLiteStore"
    keys = "strict"

    @pytest.fixture(autouse=True)
    def unsynced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Surviving a power cut is SQLite's business, and would take most of the time here."""
        connect = sqlite3.connect

        def connect_unsynced(*args: Any, **options: Any) -> sqlite3.Connection:
            database = connect(*args, **options)
            database.execute("PRAGMA synchronous = OFF")
            return database

        monkeypatch.setattr(sqlite3, "connect", connect_unsynced)

    @pytest.fixture
    def store(self, page: ModuleType, tmp_path: Path) -> KeyValueStore:
        """An empty store."""
        self.page = page
        return self.open(str(tmp_path / "blobs.sqlite3"))

    def open(self, path: str) -> KeyValueStore:
        """The store of this file."""
        return getattr(self.page, self.name)(path, keys=self.keys)

    def reopen(self, store: KeyValueStore) -> KeyValueStore:
        """Another store over the same file."""
        return self.open(innermost(store).path)

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        """A row that somebody else wrote."""
        with innermost(store)._database() as database:
            database.execute("INSERT INTO blobs (value, key) VALUES (?, ?)", [data, name])


class TestExample(Example):
    pass


class TestExampleWithConditions(Example):
    name = "ConditionalSQLiteStore"
    keys = "path"


class TestExampleInAStack(Example):
    increments = False
    secrets = (SECRET,)

    def open(self, path: str) -> KeyValueStore:
        return HMACDecorator(SECRET, PrefixDecorator("signed-", super().open(path)))
