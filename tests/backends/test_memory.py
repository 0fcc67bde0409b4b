"""`DictStore` beyond the suite: the caller's dict, its memory, its copies, its lock."""

import pickle
import threading

import pytest

from kvcore import DictStore, InvalidValue, KeyNotFound
from kvcore.testing import Clock
from kvcore.testing.contract.fixtures import in_threads


@pytest.mark.parametrize("d", [{}, {"key": b"value"}])
def test_the_callers_dict_is_used(d: dict[str, bytes]) -> None:
    """The very object, an empty one too; values stand in it as bytes."""
    store = DictStore(d)
    assert store.d is d
    store.put("new", bytearray(b"1"))
    assert d["new"] == b"1"
    assert type(d["new"]) is bytes
    store.delete("new")
    assert "new" not in d


def test_each_store_has_its_own_dict() -> None:
    """Nothing is shared unless it is given."""
    DictStore().put("key", b"value")
    assert DictStore().keys() == []


def test_values_put_past_the_store_are_seen() -> None:
    """With a stat of their own, new for each."""
    store = DictStore()
    store.d["key"] = b"one"
    first = store.fetch("key")
    assert first.data == b"one"
    assert first.stat.etag == store.stat("key").etag
    store.d["key"] = b"two"
    assert store.stat("key").etag != first.stat.etag
    assert store.get("key") == b"two"
    del store.d["key"]
    with pytest.raises(KeyNotFound):
        store.get("key")


def test_a_value_put_past_the_store_does_not_inherit() -> None:
    """Neither time to live nor content type of the value that it replaces."""
    clock = Clock()
    store = DictStore(clock=clock)
    store.put("key", b"short", 10, content_type="image/png")
    store.d["key"] = b"long"
    assert store.stat("key").content_type is None
    clock.advance(20)
    assert store.get("key") == b"long"


def test_a_mutable_value_put_past_the_store_is_copied() -> None:
    """What is read is bytes that stay."""
    store = DictStore()
    buffer = bytearray(b"value")
    store.d["key"] = buffer  # type: ignore[assignment]
    found = store.get("key")
    buffer[:] = b"other"
    assert found == b"value"
    assert type(found) is bytes
    store.d["key"] = "text"  # type: ignore[assignment]
    with pytest.raises(InvalidValue):
        store.get("key")


def test_what_is_no_key_of_the_dict_is_not_listed() -> None:
    """Nor any other type of key."""
    store = DictStore({"key": b"1", "a/b": b"2", "": b"3", 7: b"4", None: b"5"})  # type: ignore[dict-item]
    assert store.keys() == ["key"]
    assert sorted(store.with_keys("path")) == ["a/b", "key"]


def test_expired_values_leave_the_memory_by_themselves() -> None:
    """Nobody may ever ask for an old session: the next put removes it."""
    clock = Clock()
    store = DictStore(clock=clock)
    for number in range(100):
        store.put(f"session-{number}", b"...", ttl_secs=10 + number)
    clock.advance(60)
    store.put("another", b"...", ttl_secs=10)
    assert len(store.d) == 100 - 50 + 1 - 1
    clock.advance(1000)
    store.put("plain", b"")
    assert list(store.d) == ["plain"]


@pytest.mark.parametrize("verb", ["put", "touch"])
def test_values_that_are_put_again_and_again_take_no_memory(verb: str) -> None:
    """A session that is saved with every request does not pile up expiries."""
    store = DictStore(clock=Clock())
    store.put("stays", b"", 3600)
    for _ in range(2000):
        if verb == "put":
            store.put("session", b"...", 3600)
        else:
            store.touch("stays", 3600)
    assert len(store._shelf.expiring) < 200


def test_a_thinned_out_list_of_expiries_still_works() -> None:
    """Each value expires at its last time, and only then."""
    clock = Clock()
    store = DictStore(clock=clock)
    for turn in range(300):
        store.put(f"key{turn % 3}", b"", 10 + turn % 3 * 10 + turn / 1000)
    for left in [["key1", "key2"], ["key2"], []]:
        clock.advance(10.5)
        store.put("tick", b"")
        assert sorted(set(store.d) - {"tick"}) == left


def test_a_copy_by_pickle_is_a_store_of_its_own() -> None:
    """With the values, etags and expiries of then; later puts go apart."""
    clock = Clock()
    store = DictStore(clock=clock, keys="path")
    store.put("a/b", b"value", 60, content_type="image/png")
    copy = pickle.loads(pickle.dumps(store))
    assert copy.fetch("a/b").data == b"value"
    assert copy.stat("a/b").etag == store.stat("a/b").etag
    assert copy.stat("a/b").content_type == "image/png"
    copy.put("new", b"1")
    assert "new" not in store
    clock.advance(100)
    assert "a/b" not in store
    assert "a/b" in copy  # its clock was copied, too


def test_a_child_process_does_not_inherit_a_held_lock() -> None:
    """After a fork the lock is a new one, whoever held the old one."""
    store = DictStore({"key": b"value"})
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store._shelf.lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    store._shelf._after_fork()  # what kvcore.forking calls in the child
    assert store.get("key") == b"value"
    release.set()
    thread.join(30)


def test_views_share_everything() -> None:
    """Values, etags, lock: ``with_keys`` is another look at one store."""
    store = DictStore()
    view = store.with_keys("path")
    view.put("a/b", b"1")
    store.put("key", b"2", if_absent=True)
    assert view.stat("key") == store.stat("key")
    assert store.d is view.d
    assert [store.increment("n"), view.increment("n")] == [1, 2]


def test_many_threads_expire_values_together() -> None:
    """Sweeping by one thread disturbs no other."""
    clock = Clock()
    store = DictStore(clock=clock)

    def work(number: int) -> None:
        for turn in range(200):
            store.put(f"key-{number}-{turn}", b"", 5)
            if turn % 10 == 0:
                clock.advance(1)
            store.keys()

    in_threads(4, work)
    clock.advance(10)
    assert store.keys() == []


def test_a_counter_keeps_what_it_has() -> None:
    """``increment`` changes the number alone: expiry and content type stay as they were."""
    times = [0.0]
    store = DictStore(clock=lambda: times[-1])
    store.put("hits", b"1", ttl_secs=10, content_type="text/plain")
    for secs in (3.0, 6.0, 9.0):
        times.append(secs)
        store.increment("hits")
    assert store.stat("hits").content_type == "text/plain"
    times.append(10.0)
    assert "hits" not in store


def test_values_put_again_and_again_leave_nothing() -> None:
    """A key that is put many times with a time to live is remembered a few times, not each time."""
    store = DictStore()
    for _ in range(10_000):
        store.put("key", b"1", ttl_secs=1000)
    assert len(store._shelf.expiring) < 1000
