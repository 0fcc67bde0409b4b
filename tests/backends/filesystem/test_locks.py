"""Locks: free again after every error, not inherited by forks, and never waited for without end."""

import os
from collections.abc import Callable

import pytest

from kvcore import FilesystemStore, PreconditionFailed, StoreTimeout
from kvcore.backends.filesystem import locks
from tests.backends.filesystem.variants import STORES, open_descriptors
from tests.faults.children import run
from tests.soak import count

FORKS = "tests.backends.filesystem.forks"
every_store = pytest.mark.parametrize("name", STORES)


@every_store
def test_fork_while_threads_work(name: str) -> None:
    """A child forked while threads replace values neither hangs nor disturbs them."""
    found = run(f"{FORKS}:fork_while_threads_work", name, count(40, 5_000))
    assert found["wrong"] == []
    assert found["done"] > 0


@every_store
def test_forked_child_keeps_no_lock(name: str) -> None:
    """A lock that a thread held at the time of a fork ends with the thread, not with the child."""
    assert run(f"{FORKS}:fork_while_locked", name)["outcome"] == "free"


@every_store
def test_stopped_holder_is_waited_for_in_vain(name: str) -> None:
    """While a stopped process holds the lock, who needs it gets a `StoreTimeout`, and no change.

    Creating and reading need none; when the holder is killed all goes on.
    """
    found = run(f"{FORKS}:stopped_holder", name)
    assert found["wrong"] == []
    assert set(found["raised"].values()) == {"StoreTimeout"}


def test_lock_is_free_after_an_error(store: FilesystemStore) -> None:
    """A refused condition leaves neither a lock nor a descriptor behind."""
    store.put("dir/key", b"1")
    store.put("key", b"1")
    before = open_descriptors()
    for key in ("key", "dir/key", "missing", "dir/missing"):
        for refused in (
            lambda key=key: store.put(key, b"2", if_match="1-2-3"),
            lambda key=key: store.delete(key, if_match="1-2-3"),
        ):
            with pytest.raises(PreconditionFailed):
                refused()
    assert open_descriptors() == before
    store.put("dir/key", b"2", if_match=store.stat("dir/key").etag)
    assert not locks._held


def test_move_that_gets_one_of_two_locks_lets_go_of_it(
    make: Callable[..., FilesystemStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the second lock of a move times out, the first is free at once."""
    store = make()
    for key in ("a/key", "b/key", "key"):
        store.put(key, b"old")
    before = open_descriptors()
    for locked, moves in (
        ("a/key", [("b/key", "a/new"), ("key", "a/new"), ("a/key", "b/new"), ("a/key", "new")]),
        ("b/key", [("a/key", "b/new"), ("b/key", "a/new")]),
        ("key", [("a/key", "new"), ("key", "a/new")]),
    ):
        folder, _ = store._tree.folder_of(locked)
        held = folder.lock()
        monkeypatch.setattr(locks, "TIMEOUT_SECS", 0.01)
        for source, dest in moves:
            with pytest.raises(StoreTimeout):
                store.move(source, dest)
        held.close()
        for key in ("a/key", "b/key", "key"):
            store.put(key, b"old")  # would time out
    assert open_descriptors() == before


def test_time_out_names_the_reason(store: FilesystemStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that a lock is held, and for how long it was waited for."""
    store.put("key", b"1")
    folder, _ = store._tree.folder_of("key")
    held = folder.lock()
    monkeypatch.setattr(locks, "TIMEOUT_SECS", 0.01)
    with pytest.raises(StoreTimeout, match="held a lock") as caught:
        store.delete("key")
    held.close()
    assert caught.value.key == "key"
    assert isinstance(caught.value, TimeoutError)
    assert os.path.exists(store.local_path("key"))
