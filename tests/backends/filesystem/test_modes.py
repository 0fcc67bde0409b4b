"""Modes of files and directories: by the umask or as asked for, and settled before they show."""

import functools
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvcore import FilesystemStore
from tests.backends.filesystem.variants import STORES
from tests.faults.shim import run_preloaded


@pytest.fixture(params=[0o077, 0o022, 0o002])
def umask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A umask of the process, which the store must not touch."""
    set_umask = os.umask
    before = set_umask(request.param)

    def refuse(mask: int) -> int:
        raise AssertionError("the umask belongs to the process")

    monkeypatch.setattr(os, "umask", refuse)
    yield request.param
    monkeypatch.undo()
    assert set_umask(before) == request.param


def write_all_ways(store: FilesystemStore, tmp_path: Path) -> None:
    """Values that came to be in every way, two of them in a new directory each."""
    source = tmp_path / "source"

    def new_source() -> Path:
        source.write_bytes(b"source")
        source.chmod(0o604)
        return source

    store.put("put", b"1")
    store.put("over", b"1")
    store.put("over", b"2")
    store.put("dir/matched", b"1")
    store.put("dir/matched", b"2", if_match=store.stat("dir/matched").etag)
    store.put("dir/deep/created", b"1", if_absent=True)
    store.put_file("streamed", iter([b"1"]))
    store.put_file("path", new_source())
    store.put_file("moved-in", new_source(), move=True)
    store.put_file("moved/in", new_source(), move=True)
    store.put_file("over-moved", iter([b"1"]))
    store.put_file("over-moved", new_source(), move=True)
    with store.open_write("written") as writer:
        writer.write(b"1")
    store.copy("put", "copied")
    store.move("copied", "else/where")


def modes_below(root: str) -> tuple[set[int], set[int]]:
    """The modes of files and of directories, that of the root included."""
    files, folders = set(), set()
    for folder, _, names in os.walk(root):
        folders.add(stat.S_IMODE(os.stat(folder).st_mode))
        files |= {
            stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
            for name in names
            if name != ".kvcore-lock"
        }
    return files, folders


def test_umask_decides(make: Callable[..., FilesystemStore], tmp_path: Path, umask: int) -> None:
    """Without ``perm`` files and directories get what the umask leaves, adopted ones included."""
    store = make()
    write_all_ways(store, tmp_path)
    assert modes_below(store.root) == ({0o666 & ~umask}, {0o777 & ~umask})


@pytest.mark.parametrize(
    ("perm", "folder_perm"), [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o666, 0o777)]
)
def test_perm_decides(
    make: Callable[..., FilesystemStore],
    tmp_path: Path,
    umask: int,
    perm: int,
    folder_perm: int,
) -> None:
    """With ``perm`` files have exactly that mode, and directories the search bits to match."""
    store = make(perm=perm)
    write_all_ways(store, tmp_path)
    assert modes_below(store.root) == ({perm}, {folder_perm})


@functools.cache
def journals(name: str) -> dict[str, list[tuple[str, str]]]:
    """The calls that each verb makes on this form of the store."""
    found = run_preloaded("tests.backends.filesystem.orders:journals", name)
    return {verb: [(kind, path) for kind, path in calls] for verb, calls in found.items()}


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize(
    "verb", ["put", "put over", "put nested", "put_file", "put_file move", "copy"]
)
def test_file_is_settled_before_it_shows(name: str, verb: str) -> None:
    """Content, time, mode and sync come before the file gets its name, the directory's sync after.

    And each directory that was made is synced into the one above.
    """
    calls = journals(name)[verb]
    key = {"put over": "root/a/old", "put nested": "root/b/c/new"}.get(verb, "root/a/new")
    shown = max(n for n, (kind, path) in enumerate(calls) if kind in ("link", "rename"))
    settling = ("write", "copy", "sendfile", "utime", "chmod")
    unseen = [
        n
        for n, (kind, path) in enumerate(calls)
        if path in ("draft", "source") or ".kvcore-tmp-" in path
    ]
    done = {calls[n][0] for n in unseen if n < shown}
    assert {"utime", "chmod", "sync"} <= done
    assert not [call for call in calls[shown + 1 :] if call[0] in settling]
    synced = max(n for n in unseen if calls[n][0] == "sync")
    assert not [n for n in unseen if n > synced and calls[n][0] in settling]
    after = [path for kind, path in calls[shown + 1 :] if kind == "sync"]
    assert os.path.dirname(key) in after


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("put", {"root/a"}),
        ("put nested", {"root", "root/b", "root/b/c"}),
        # Made anew, often as the inodes that it had before.
        ("put again", {"root", "root/b", "root/b/c"}),
        # Whoever made the directories may have died before it synced them.
        ("put after another", {"root", "root/b", "root/b/c"}),
        ("put root", {".", "new", "new/site", "new/site/b", "new/site/b/c"}),
        ("delete", {"root/a"}),
        ("move", {"root", "root/a", "root/b"}),
    ],
)
def test_directories_are_synced(name: str, verb: str, expected: set[str]) -> None:
    """Each directory with a new entry is synced before a verb returns, up to what is known."""
    calls = journals(name)[verb]
    changing = ("unlink",) if verb == "delete" else ("link", "rename")
    changed = min(n for n, (kind, _) in enumerate(calls) if kind in changing)
    synced = {path for kind, path in calls if kind == "sync"}
    late = {path for n, (kind, path) in enumerate(calls) if kind == "sync" and n > changed}
    assert synced >= expected
    assert late & expected


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root on Linux")
def test_adopted_file_gets_the_group_of_the_folder(
    make: Callable[..., FilesystemStore], tmp_path: Path
) -> None:
    """In a folder that hands its group on, a file that is moved in gets it, too."""
    store = make()
    os.makedirs(store.root)
    os.chown(store.root, 0, 12345)
    os.chmod(store.root, 0o2775)
    source = tmp_path / "source"
    source.write_bytes(b"source")
    store.put_file("key", source, move=True)
    assert os.stat(store.local_path("key")).st_gid == 12345
    assert not source.exists()


def test_import_leaves_the_umask_alone() -> None:
    """Loading the store asks the system for nothing that other threads could feel."""
    code = (
        "import os\n"
        "def refuse(mask): raise SystemExit('umask was called')\n"
        "os.umask = refuse\n"
        "from kvcore import FilesystemStore\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
