"""Processes on one root: readers see whole values, conditions hold, nothing is lost."""

from typing import Any

import pytest

from tests.backends.filesystem.variants import STORES
from tests.faults.children import run
from tests.soak import SOAK, count

RACES = "tests.backends.filesystem.races"
every_store = pytest.mark.parametrize("store", STORES)
usual_stores = pytest.mark.parametrize("store", STORES if SOAK else ["nameless"])


@every_store
def test_readers_see_whole_values(store: str, record_property: Any) -> None:
    """While writers replace it, a value is never torn, mixed or missing, however it is read."""
    found = run(f"{RACES}:read_and_write", store, count(150, 10_000))
    record_property("reads", found["reads"])
    assert found["wrong"] == []
    assert found["reads"] > 0


@every_store
def test_if_absent_has_one_winner(store: str) -> None:
    """Of 4 processes that create a key, one wins, and its value is the one that stays."""
    keys = count(250, 10_000)
    found = run(f"{RACES}:create", store, keys)
    assert found == {"wrong": [], "won": keys, "listed": keys}


@every_store
def test_if_match_counts_exactly(store: str, record_property: Any) -> None:
    """No addition of 4 processes to one counter is lost."""
    steps = count(60, 1_000)
    found = run(f"{RACES}:count_up", store, steps)
    record_property("retries", found.pop("retries"))
    assert found == {"counter": 4 * steps, "incremented": 4 * steps}


@every_store
def test_if_match_undoes_no_plain_put_or_delete(store: str, record_property: Any) -> None:
    """What a plain put or delete did is not undone by an if_match that looked before it."""
    rounds = count(60, 2_000)
    found = run(f"{RACES}:write_past_conditions", store, rounds)
    record_property("replaced", found["replaced"])
    assert (found["overwritten"], found["resurrected"]) == (0, 0)
    assert found["replaced"] > 0


@every_store
def test_if_present_resurrects_nothing(store: str, record_property: Any) -> None:
    """A session that was deleted is not brought back by one that saves what is still present."""
    rounds = count(100, 10_000)
    found = run(f"{RACES}:delete_past_if_present", store, rounds)
    record_property("saved", found["saved"])
    assert found["resurrected"] == 0
    assert found["saved"] > 0


@every_store
def test_directories_come_and_go(store: str) -> None:
    """Puts beside deletes that prune never fail, lose nothing and end without directories."""
    found = run(f"{RACES}:prune", store, count(100, 20_000))
    assert found == {"wrong": [], "files": [], "folders": []}


@every_store
def test_keys_bar_longer_keys(store: str, record_property: Any) -> None:
    """Of ``a`` and ``a/b`` one bars the other, at any moment, and neither is lost."""
    found = run(f"{RACES}:bar", store, count(100, 10_000))
    record_property("barred", (found["put"], found["barred"]))
    assert found["wrong"] == []
    assert found["left"] == []
    assert found["put"] > 0


@every_store
def test_moves_lose_nothing(store: str, record_property: Any) -> None:
    """However many processes move a file to and fro, it is there once, whole."""
    found = run(f"{RACES}:move", store, 12, count(300, 20_000))
    assert found.pop("moved") > 0
    assert found == {"wrong": [], "lost": [], "twice": [], "leftovers": []}


@usual_stores
def test_crossing_moves_do_not_deadlock(store: str) -> None:
    """Movers from A to B and from B to A all come to an end, and so do the values."""
    found = run(f"{RACES}:cross", store, 2 * count(150, 10_000))
    assert found == ["a/0", "a/2", "b/1", "b/3"]
