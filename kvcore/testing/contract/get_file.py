"""``get_file``: into a file object, to a path all or nothing, to pipes and devices."""

from __future__ import annotations

import io
import os
import stat
import threading
from pathlib import Path

import pytest

from kvcore.contract import KeyValueStore
from kvcore.errors import KeyNotFound, KvcoreError
from kvcore.testing.contract.fixtures import StoreFixtures, blob


class _NarrowFile(io.RawIOBase):
    """A raw file that takes at most a few bytes at a time, as a socket does."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # all that is used
        self.taken += bytes(data[:700])
        return min(len(data), 700)


class _MuteFile:
    """Just a ``write`` that returns nothing."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: bytes, /) -> None:
        self.taken += data


class _FullFile:
    """A file whose disk is full."""

    def write(self, data: bytes, /) -> int:
        raise OSError(28, "no space left for this test")


class GetFileTests(StoreFixtures):
    """The caller's file gets the value, or stays what it was."""

    def test_it_returns_the_key(self, store: KeyValueStore, folder: Path) -> None:
        """As ``put`` does, for a path (str or PathLike) and for a file."""
        self.fill(store, "key", b"value")
        assert store.get_file("key", folder / "one") == "key"
        assert store.get_file("key", str(folder / "two")) == "key"
        assert store.get_file("key", io.BytesIO()) == "key"
        assert (folder / "one").read_bytes() == (folder / "two").read_bytes() == b"value"

    def test_a_file_object_is_written_where_it_stands_and_left_open(
        self, store: KeyValueStore
    ) -> None:
        """What is before stays, and the caller can write on."""
        self.fill(store, "key", b"value")
        file = io.BytesIO(b"<....")
        file.seek(1)
        store.get_file("key", file)
        file.write(b">")
        assert file.getvalue() == b"<value>"

    def test_a_file_that_takes_little_at_a_time_gets_all(self, store: KeyValueStore) -> None:
        """A short write is continued; a ``write`` that tells nothing took all."""
        data = blob(65537) if self.fits(65537) else self.large
        self.fill(store, "key", data)
        for file in (_NarrowFile(), _MuteFile()):
            store.get_file("key", file)
            assert file.taken == data

    def test_an_error_of_the_file_is_passed_on(self, store: KeyValueStore) -> None:
        """The caller's own file fails with its own error, not with one of ours."""
        self.fill(store, "key", b"value")
        with pytest.raises(OSError, match="no space left for this test") as caught:
            store.get_file("key", _FullFile())
        assert not isinstance(caught.value, KvcoreError)

    def test_only_paths_and_files_are_taken(self, store: KeyValueStore) -> None:
        """Anything else is a TypeError that names what it was."""
        self.fill(store, "key", b"value")
        for target in [None, 7, b"path", object()]:
            with pytest.raises(TypeError, match=type(target).__name__):
                store.get_file("key", target)  # type: ignore[arg-type]

    def test_an_existing_file_is_replaced_whole(self, store: KeyValueStore, folder: Path) -> None:
        """A longer old file leaves no rest behind the value."""
        self.fill(store, "key", b"value")
        path = folder / "file"
        path.write_bytes(b"something longer")
        store.get_file("key", path)
        assert path.read_bytes() == b"value"
        assert os.listdir(folder) == ["file"]

    def test_a_missing_key_leaves_the_file(self, store: KeyValueStore, folder: Path) -> None:
        """Nothing is emptied, created or left beside before the value is known to be there."""
        path = folder / "file"
        path.write_bytes(b"precious")
        for target in (path, folder / "new"):
            with pytest.raises(KeyNotFound):
                store.get_file("missing", target)
        assert path.read_bytes() == b"precious"
        assert os.listdir(folder) == ["file"]
        file = io.BytesIO(b"precious")
        with pytest.raises(KeyNotFound):
            store.get_file("missing", file)
        assert file.getvalue() == b"precious"

    def test_an_impossible_path_is_the_callers_error(
        self, store: KeyValueStore, folder: Path
    ) -> None:
        """A path in no directory is FileNotFoundError; a directory is not replaced."""
        self.fill(store, "key", b"value")
        with pytest.raises(FileNotFoundError):
            store.get_file("key", folder / "no" / "file")
        (folder / "directory").mkdir()
        with pytest.raises(OSError) as caught:  # noqa: PT011  # which one depends on the system
            store.get_file("key", folder / "directory")
        assert not isinstance(caught.value, KeyNotFound)
        assert os.listdir(folder) == ["directory"]
        assert os.listdir(folder / "directory") == []

    if os.name == "posix":

        def test_modes_of_files(self, store: KeyValueStore, folder: Path) -> None:
            """A new file has the mode that ``open`` gives; an existing one keeps its own."""
            self.fill(store, "key", b"value")
            usual, new, private = (folder / name for name in ["usual", "new", "private"])
            usual.touch()
            private.touch(mode=0o600)
            store.get_file("key", new)
            store.get_file("key", private)
            assert new.stat().st_mode == usual.stat().st_mode
            assert stat.S_IMODE(private.stat().st_mode) == 0o600

        def test_a_symbolic_link_stays_one(self, store: KeyValueStore, folder: Path) -> None:
            """The file that a link names is replaced, not the link; also one yet to be made."""
            self.fill(store, "key", b"value")
            (folder / "real").write_bytes(b"old")
            for name in ["real", "dangling"]:
                link = folder / f"link-to-{name}"
                link.symlink_to(name)
                store.get_file("key", link)
                assert link.is_symlink()
                assert (folder / name).read_bytes() == b"value"
            assert len(os.listdir(folder)) == 4

        def test_a_pipe_is_written_directly(self, store: KeyValueStore, folder: Path) -> None:
            """A named pipe delivers every byte to its reader and stays a pipe."""
            data = self.large
            self.fill(store, "key", data)
            path = folder / "pipe"
            os.mkfifo(path)
            received: list[bytes] = []
            read = lambda: received.append(path.read_bytes())  # noqa: E731  # for a thread
            reader = threading.Thread(target=read, daemon=True)
            reader.start()
            store.get_file("key", path)
            reader.join(30)
            assert received == [data]
            assert stat.S_ISFIFO(path.stat().st_mode)

        def test_a_device_is_written_directly(self, store: KeyValueStore) -> None:
            """A terminal shows the value and stays a terminal."""
            self.fill(store, "key", b"value")
            master, terminal = os.openpty()
            try:
                path = os.ttyname(terminal)
                store.get_file("key", path)
                assert os.read(master, 100) == b"value"
                assert stat.S_ISCHR(os.stat(path).st_mode)
            finally:
                os.close(master)
                os.close(terminal)
