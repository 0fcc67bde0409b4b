"""Directories that turn into links, roots that are switched or removed, while the store works."""

from pathlib import Path
from typing import Any

import pytest

from kvcore.backends.filesystem import locks
from kvcore.backends.filesystem.posix import PosixFolder
from tests.backends.filesystem.variants import files_below, new_store
from tests.faults.children import run
from tests.soak import count

SWAPS = "tests.backends.filesystem.swaps"
by_descriptor = pytest.mark.parametrize("store", ["nameless", "named"])  # paths cannot promise it


@by_descriptor
def test_swapped_directory_leads_nowhere(store: str, record_property: Any) -> None:
    """While a directory is exchanged with a link out of the root, nothing outside is touched.

    Nothing is read, written or deleted there, by any verb.
    """
    found = run(f"{SWAPS}:swap_for_link", store, count(100, 10_000))
    record_property("done", found["done"])
    assert found["escaped"] == 0
    assert found["changed"] == []
    assert all(found["done"].values()), f"a verb never got through: {found['done']}"


@by_descriptor
def test_switched_root_keeps_working(store: str) -> None:
    """A root that is a link, switched between two directories, never makes a verb fail."""
    found = run(f"{SWAPS}:switch_root", store, count(150, 10_000))
    assert (found["wrong"], found["refused"]) == ([], 0)
    assert found["found"] > 0


@by_descriptor
def test_root_switched_in_the_middle_of_a_move(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A move sees one root from beginning to end, and never waits for a lock of its own."""
    root = tmp_path / "root"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    root.symlink_to("one")
    handle = new_store(store, root)
    handle.put("key", b"value")
    lock_identity = PosixFolder.lock_identity

    def switch(folder: PosixFolder) -> tuple[int, int]:
        found = lock_identity(folder)
        spare = tmp_path / "spare"
        spare.symlink_to("two" if root.readlink() == Path("one") else "one")
        spare.rename(root)
        return found

    monkeypatch.setattr(PosixFolder, "lock_identity", switch)
    monkeypatch.setattr(locks, "TIMEOUT_SECS", 0.01)
    handle.move("key", "moved")
    assert (tmp_path / "one" / "moved").read_bytes() == b"value"
    assert files_below(tmp_path / "two") == set()


def test_removed_root_is_made_anew() -> None:
    """A root that is removed again and again with all that is in it comes back with each put."""
    found = run(f"{SWAPS}:remake_root", "nameless", count(100, 10_000))
    # Between its link and its rename a replacement has a name, which may go with the root.
    assert all("the unfinished file was removed" in error for error in found["wrong"])
    assert found["refused"] <= found["found"] / 20
    assert found["found"] > 0
