"""Etags tell versions apart, by a time stamp that the store sets itself."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import Any

import pytest

from kvcore import FilesystemStore, PreconditionFailed
from tests.backends.filesystem.variants import fast_folder, new_store
from tests.soak import count

WAYS: dict[str, Callable[[FilesystemStore, Path, bytes], object]] = {
    "put": lambda store, path, data: store.put("key", data),
    "put_file": lambda store, path, data: store.put_file("key", iter([data])),
    "put_file move": lambda store, path, data: (
        path.write_bytes(data),
        store.put_file("key", path, move=True),
    ),
    "delete and put": lambda store, path, data: (store.delete("key"), store.put("key", data)),
    "copy": lambda store, path, data: (store.put("other", data), store.copy("other", "key")),
}


@pytest.fixture
def coarse_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that stamps all files alike, unless somebody stamps them himself, on one inode.

    Kernels before 6.13 stamp by a clock that ticks every 4 ms; newer ones hide what that does.
    Inodes are used again at once, on some file systems.
    """
    stamped: set[tuple[int, int]] = set()
    utime, fstat, stat = os.utime, os.fstat, os.stat

    def own_stamp(path: Any, *args: Any, **kwargs: Any) -> None:
        utime(path, *args, **kwargs)
        found = fstat(path) if isinstance(path, int) else stat(path)
        stamped.add((found.st_ino, found.st_mtime_ns))

    def coarse(found: os.stat_result) -> Any:
        time_ns = found.st_mtime_ns if (found.st_ino, found.st_mtime_ns) in stamped else 0
        inode = 1 if S_ISREG(found.st_mode) else found.st_ino
        return os.stat_result((found.st_mode, inode, *found[2:]), {"st_mtime_ns": time_ns})

    monkeypatch.setattr(os, "utime", own_stamp)
    monkeypatch.setattr(os, "fstat", lambda fd: coarse(fstat(fd)))
    monkeypatch.setattr(os, "stat", lambda *args, **kwargs: coarse(stat(*args, **kwargs)))


@pytest.fixture
def fast_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kvcore-etags-", dir=fast_folder()) as path:
        yield Path(path)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("coarse_clock")
def test_every_replacement_changes_the_etag(variant: str, fast_path: Path, way: str) -> None:
    """A-B-A-B … of one size gives as many etags as puts, even if the clock of files is coarse."""
    store = new_store(variant, fast_path / "root")
    etags = set()
    rounds = count(5_000 if way == "put" and variant == "nameless" else 300, 20_000)
    for number in range(rounds):
        WAYS[way](store, fast_path / "source", b"AB"[number % 2 : number % 2 + 1])
        etags.add(store.stat("key").etag)
    assert len(etags) == rounds


def test_etags_agree(store: FilesystemStore) -> None:
    """All verbs that give a stat give the same etag for one version."""
    store.put("dir/key", b"value")
    etag = store.stat("dir/key").etag
    with store.open("dir/key") as reader:
        assert reader.stat.etag == etag
    assert store.fetch("dir/key").stat.etag == etag
    assert dict(store.iter_stats())["dir/key"].etag == etag
    assert store.stat("dir/key").etag == etag


def test_reader_keeps_the_stat_of_its_version(store: FilesystemStore) -> None:
    """A reader tells of, and reads, the version that it opened, also after the next put."""
    store.put("key", b"old")
    with store.open("key") as reader:
        store.put("key", b"newer")
        assert (reader.stat.size, reader.read()) == (3, b"old")
        with pytest.raises(PreconditionFailed):
            store.put("key", b"x", if_match=reader.stat.etag)
        store.delete("key")
        reader.seek(1)
        assert reader.read() == b"ld"


def test_etag_moves_with_the_value(store: FilesystemStore) -> None:
    """A moved value keeps its etag, one that it replaces does not live on in it."""
    store.put("a", b"1")
    store.put("b", b"2")
    etag, replaced = store.stat("a").etag, store.stat("b").etag
    store.move("a", "b")
    assert store.stat("b").etag == etag != replaced
    with pytest.raises(PreconditionFailed):
        store.put("b", b"3", if_match=replaced)
