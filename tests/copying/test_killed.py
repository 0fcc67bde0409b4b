"""A copy that is killed: what it leaves is whole, and the next one completes it."""

from tests.faults.children import run
from tests.soak import count


def test_killed_copies_leave_whole_values_and_are_completed() -> None:
    """Killed with `kill -9` at random moments, large values under way."""
    kills = count(8, 500)
    found = run("tests.copying.killed:kill_copies", kills, 1)
    assert found["wrong"] == []
    assert found["unfinished"] > kills // 2
