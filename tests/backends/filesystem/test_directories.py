"""Directories of the filesystem store: their modes, what lies in their way, what they hide."""

import errno
import os
import stat
from collections.abc import Callable

import pytest

from kvcore import FilesystemStore, KeyExists, StoreError
from tests.backends.filesystem.variants import open_descriptors


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_setgid_is_inherited_with_perm(make: Callable[..., FilesystemStore]) -> None:
    """A root with setgid passes it on to directories that are made with a mode of our own."""
    store = make(perm=0o664)
    os.makedirs(store.root, exist_ok=True)
    os.chmod(store.root, 0o2775)
    store.put("a/b/key", b"1")
    assert mode_of(f"{store.root}/a") == 0o2775
    assert mode_of(f"{store.root}/a/b") == 0o2775


def test_the_owner_can_work_in_directories(make: Callable[..., FilesystemStore]) -> None:
    """Files that nobody may write to lie in directories that the store can write to."""
    store = make(perm=0o440)
    store.put("a/key", b"1")
    assert mode_of(f"{store.root}/a") == 0o750
    assert mode_of(f"{store.root}/a/key") == 0o440


def test_a_dead_link_as_root_is_named(make: Callable[..., FilesystemStore]) -> None:
    """A root that is a symbolic link to nothing is an error that says so."""
    store = make()
    if os.path.isdir(store.root):
        os.rmdir(store.root)
    os.makedirs(os.path.dirname(store.root), exist_ok=True)
    os.symlink(f"{store.root}-nowhere", store.root)
    with pytest.raises(StoreError, match="dead link"):
        store.put("key", b"1")


def test_endless_empty_directories_bar_a_key(make: Callable[..., FilesystemStore]) -> None:
    """Foreign directories nested without end are `KeyExists`, and no descriptor stays open."""
    store = make()
    path = f"{store.root}/key"
    for _ in range(100):
        os.makedirs(path)
        path += "/d"
    before = open_descriptors()
    with pytest.raises(KeyExists):
        store.put("key", b"1")
    assert open_descriptors() == before


def test_a_counter_above_other_keys(make: Callable[..., FilesystemStore]) -> None:
    """A counter where a directory stands is `KeyExists`, told as for a put."""
    store = make(keys="path")
    store.put("a/b", b"1")
    with pytest.raises(KeyExists, match="keys below"):
        store.increment("a")
    assert store.keys() == ["a/b"]


def test_a_file_from_beyond_the_calendar(make: Callable[..., FilesystemStore]) -> None:
    """A foreign file whose time is in no calendar has no ``modified``, and is read and listed."""
    store = make()
    store.put("key", b"1")
    far = 2**33  # the year 2242: as far as every file system goes
    os.utime(f"{store.root}/key", (far, far))
    assert store.stat("key").modified is not None
    from kvcore.backends.filesystem import store as module

    class Beyond:
        st_size, st_mtime, st_mtime_ns, st_ino = 1, 4e11, 4 * 10**20, 7

    assert module._stat_of(Beyond()).modified is None  # type: ignore[arg-type]


def test_a_new_directory_with_an_old_inode_is_synced(
    make: Callable[..., FilesystemStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that this process makes is synced, whatever was synced under its inode before."""
    store = make(durability="full")
    directories = store._tree._directories
    store.put("a/key", b"1")
    monkeypatch.setattr(directories, "_synced", _EveryInode())
    synced = []
    above = type(store._tree.root)
    sync = above.sync
    monkeypatch.setattr(above, "sync", lambda self: (synced.append(self.path), sync(self))[1])
    store.put("b/key", b"1")
    assert store._tree.root.path in synced


class _EveryInode(dict):  # type: ignore[type-arg]
    """As if every directory had been synced, and none above had changed since."""

    def get(self, key: object, default: object = None) -> object:
        return _Same()


class _Same:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


@pytest.mark.parametrize("name", ["lost+found", "private"])
def test_what_may_not_be_read(
    make: Callable[..., FilesystemStore], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """ext4's ``lost+found`` is passed over; another unreadable directory is named in the error."""
    store = make()
    store.put("a/key", b"1")
    os.mkdir(f"{store.root}/{name}")
    folder = type(store._tree.root)
    walk = folder.walk

    def guarded(self: object, segments: list[str]) -> object:
        if segments == [name]:
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return walk(self, segments)

    monkeypatch.setattr(folder, "walk", guarded)
    for listing in (store.keys, lambda: list(store.iter_prefixes("/")), store.sweep):
        if name == "lost+found":
            listing()
        else:
            with pytest.raises(StoreError, match=f"{store.root}/private"):
                listing()
