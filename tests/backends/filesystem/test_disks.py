"""Full disks, read-only ones, and users without rights: clear errors, and nothing lost."""

import pytest

from tests.backends.filesystem.variants import STORES
from tests.faults.children import run
from tests.faults.mounts import may_mount, run_mounting
from tests.faults.shim import run_preloaded

DISKS = "tests.backends.filesystem.disks"
every_store = pytest.mark.parametrize("store", STORES)


@every_store
def test_full_disk_keeps_old_values(store: str) -> None:
    """A put that does not fit raises, keeps the old value, leaks no space; a small one then works.

    On a small file system in memory or, where nobody may mount one, on one that pretends.
    """
    if may_mount():
        wrong = run_mounting(f"{DISKS}:fill_real", store)
    else:
        wrong = run_preloaded(f"{DISKS}:fill_pretended", store)
    assert wrong == []


def test_disk_that_pretends_to_be_full() -> None:
    """The same holds where the disk is only said to be full, which needs no right to mount."""
    assert run_preloaded(f"{DISKS}:fill_pretended", "nameless") == []


@every_store
def test_read_only_disk_refuses_clearly(store: str) -> None:
    """What writes raises `StoreError` and says why, what reads works, and nothing is lost."""
    if not may_mount():
        pytest.skip("nobody may mount a file system here")
    assert run_mounting(f"{DISKS}:refuse_read_only", store) == []


@every_store
def test_directory_of_another_user_refuses_clearly(store: str) -> None:
    """Without the right to write there is a clear `StoreError`, and nothing is lost."""
    assert run(f"{DISKS}:refuse_nobody", store) == []


@every_store
def test_unprivileged_user_can_do_everything(store: str) -> None:
    """No verb needs a privilege, not even where links to files of others are forbidden."""
    assert run(f"{DISKS}:work_as_nobody", store) == {
        "a": "3",
        "dir/a": "1",
        "dir/c": "source",
        "h/i": "source",
    }
