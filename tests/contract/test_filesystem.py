"""The suite on the stores of folders: both implementations, both key spaces, both durabilities."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kvcore import (
    FilesystemStore,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    URLEncodeKeysDecorator,
    WebFilesystemStore,
)
from kvcore.backends.filesystem.portable import PortableFolder
from kvcore.testing import StoreContract
from tests.contract.stacks import SECRET, innermost


class PortableFilesystemStore(FilesystemStore):
    """Files by paths alone, as on a system without calls relative to a directory."""

    _folder_class = PortableFolder


class PortableWebFilesystemStore(WebFilesystemStore):
    _folder_class = PortableFolder


class Folder(StoreContract):
    """Subclasses say which class, which keys, how durable."""

    make: Callable[..., FilesystemStore] = FilesystemStore
    keys = "strict"
    durability = "atomic"

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Where the store lives; it is made by the store."""
        return tmp_path / "deep" / "root"

    @pytest.fixture
    def store(self, root: Path) -> KeyValueStore:
        """An empty store."""
        return self.open(root)

    def open(self, root: str | Path) -> KeyValueStore:
        """A store over this folder."""
        return type(self).make(root, keys=self.keys, durability=self.durability)

    def reopen(self, store: KeyValueStore) -> KeyValueStore:
        """Another store over the same folder."""
        return self.open(innermost(store).root)

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        """A foreign file in the folder, and one in a foreign directory."""
        path = Path(innermost(store).root, name)
        path.write_bytes(data)
        foreign = Path(innermost(store).root, ".kvcore-foreign")
        foreign.mkdir(exist_ok=True)
        (foreign / name).write_bytes(data)


class TestFiles(Folder):
    pass


class TestFilesOfPaths(Folder):
    keys = "path"


class TestDurableFiles(Folder):
    durability = "full"


class TestDurableFilesOfPaths(Folder):
    durability = "full"
    keys = "path"


class TestPortableFiles(Folder):
    make = PortableFilesystemStore


class TestPortableFilesOfPaths(Folder):
    make = PortableFilesystemStore
    keys = "path"


class TestDurablePortableFiles(Folder):
    make = PortableFilesystemStore
    durability = "full"


class TestDurablePortableFilesOfPaths(Folder):
    make = PortableFilesystemStore
    durability = "full"
    keys = "path"


class WebFolder(Folder):
    def open(self, root: str | Path) -> KeyValueStore:
        return type(self).make(root, "https://media.example/", keys=self.keys, durability="atomic")


class TestWebFilesOfPaths(WebFolder):
    make = WebFilesystemStore
    keys = "path"


class TestPortableWebFiles(WebFolder):
    make = PortableWebFilesystemStore


class TestPrefixOverFiles(Folder):
    keys = "path"

    def open(self, root: str | Path) -> KeyValueStore:
        return PrefixDecorator("media/", super().open(root))


class TestSignedFiles(Folder):
    increments = False
    secrets = (SECRET,)

    def open(self, root: str | Path) -> KeyValueStore:
        return URLEncodeKeysDecorator(HMACDecorator(SECRET, super().open(root)))


def test_both_implementations_run() -> None:
    """Where the system has calls relative to a directory, both were tried above."""
    ours = FilesystemStore._folder_class
    assert (ours is PortableFolder) == (os.open not in os.supports_dir_fd)
