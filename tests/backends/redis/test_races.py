"""Many at once: exactly one winner, no lost update, in threads and in processes."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from kvcore import KeyExists, PreconditionFailed, RedisStore, store_from_url
from kvcore.testing.contract.fixtures import in_threads
from tests.redis_servers import RedisServer
from tests.soak import count

ROUNDS = count(50, 5000)


@pytest.fixture(params=["url", "client", "native"])
def store(request: pytest.FixtureRequest, empty_valkey: RedisServer) -> Iterator[Any]:
    """An empty store, by each way to the server."""
    if request.param == "client":
        with empty_valkey.client() as client:
            yield RedisStore(client)
        return
    with store_from_url(empty_valkey.url()) as store:
        if request.param == "native":
            from kvcore.aio.native import NativeStore
            from kvcore.testing import BlockingStore

            yield BlockingStore(NativeStore(store))
        else:
            yield store


def test_one_winner_creates(store: Any) -> None:
    """Of eight that create a key, one does, and its value is there."""

    def create(number: int) -> list[int]:
        won = []
        for turn in range(ROUNDS):
            try:
                store.put(f"key-{turn}", b"%d" % number, 60, if_absent=True)
            except KeyExists:
                continue
            won.append(turn)
        return won

    winners = in_threads(8, create)
    turns = Counter(turn for won in winners for turn in won)
    assert turns == dict.fromkeys(range(ROUNDS), 1)
    for number, won in enumerate(winners):
        assert all(store.get(f"key-{turn}") == b"%d" % number for turn in won)


def test_no_update_is_lost(store: Any) -> None:
    """Eight that read, add and swap, merging what a refusal brings."""
    store.put("key", b"0")

    def add(_: int) -> None:
        current = store.fetch("key")
        for _turn in range(ROUNDS):
            while True:
                try:
                    new = b"%d" % (int(current.data) + 1)
                    store.put("key", new, if_match=current.stat.etag)
                except PreconditionFailed as refused:
                    assert refused.current is not None
                    current = refused.current
                else:
                    current = store.fetch("key")
                    break

    in_threads(8, add)
    assert store.get("key") == b"%d" % (8 * ROUNDS)


def test_one_winner_deletes(store: Any) -> None:
    """Of eight that delete a version, one does."""
    for turn in range(ROUNDS // 5):
        store.put("key", b"%d" % turn)
        etag = store.stat("key").etag

        def delete(_: int, etag: str = etag) -> bool:
            try:
                store.delete("key", if_match=etag)
            except PreconditionFailed:
                return False
            return True

        assert sum(in_threads(8, delete)) == 1


def test_one_winner_moves(store: Any) -> None:
    """Of eight that move one value to a place of their own, one does."""
    for turn in range(ROUNDS // 5):
        store.put("source", b"%d" % turn)

        def move(number: int, turn: int = turn) -> bool:
            try:
                store.move("source", f"dest-{turn}-{number}", if_absent=True)
            except KeyError:
                return False
            return True

        assert sum(in_threads(8, move)) == 1
        assert len(store.keys(f"dest-{turn}-")) == 1


def _count(url: str, turns: int) -> None:
    with store_from_url(url) as store:
        for _ in range(turns):
            store.increment("count", ttl_secs=600)


def test_processes_count_together(empty_valkey: RedisServer) -> None:
    """Four processes, each with a store of its own."""
    context = multiprocessing.get_context("spawn")
    url = empty_valkey.url()
    workers = [context.Process(target=_count, args=(url, ROUNDS)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with store_from_url(url) as store:
        assert store.get("count") == b"%d" % (4 * ROUNDS)
