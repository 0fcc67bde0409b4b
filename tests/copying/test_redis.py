"""Copies to and from a server: in few round trips, and not waiting for one that hangs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kvcore import (
    CopyReport,
    DictStore,
    KeyValueStore,
    StoreDecorator,
    StoreError,
    StoreTimeout,
    copy_store,
    store_from_url,
)
from tests.redis_servers import RedisServer, running


@pytest.fixture
def server_store(empty_valkey: RedisServer) -> Iterator[KeyValueStore]:
    """An empty store on the server."""
    with store_from_url(empty_valkey.url()) as store:
        yield store


class Counter:
    """What the server did since it was made."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._begin = self._now()

    def _now(self) -> dict[str, int]:
        found: dict[str, int] = self._server.direct.info("stats")
        return found

    def since(self, name: str) -> int:
        """By how much the number has grown."""
        return self._now()[name] - self._begin[name]


@pytest.mark.parametrize("skip_existing", [False, True])
@pytest.mark.parametrize("expiring", [False, True])
def test_many_values_in_few_round_trips(
    server_store: KeyValueStore, empty_valkey: RedisServer, skip_existing: bool, expiring: bool
) -> None:
    """To the server and from it, also if each value expires at its own time."""
    source, back = DictStore(), DictStore()
    for number in range(3000):
        source.put(f"key{number}", b"%d" % number, 10_000 + 10 * number if expiring else None)
    server_store.put("key7", b"theirs")
    for here, there in ((source, server_store), (server_store, back)):
        counter = Counter(empty_valkey)
        report = copy_store(here, there, skip_existing=skip_existing)
        assert report.ok
        assert counter.since("total_reads_processed") < 300
    assert back.get("key7") == (b"theirs" if skip_existing else b"7")
    assert len(back.d) == 3000
    if expiring:
        assert 39_900 < (back.stat("key2999").remaining_secs() or 0) < 40_000


def test_large_values_are_not_fetched_to_be_listed(
    server_store: KeyValueStore, empty_valkey: RedisServer
) -> None:
    """Neither by a dry run to there, nor where all is skipped, nor for one new value."""
    values = {f"large{n}": os.urandom(200_000) for n in range(20)}
    server_store.put_many(values)
    counter = Counter(empty_valkey)
    assert copy_store(DictStore(values), server_store, skip_existing=True).skipped == 20
    assert copy_store(DictStore({"new": b"1"}), server_store, dry_run=True).copied == 1
    assert copy_store(DictStore({"new": b"1"}), server_store).copied == 1
    assert counter.since("total_net_output_bytes") < 100_000


class Failing(StoreDecorator):
    """Counts the calls that the store inside fails."""

    def __init__(self, store: KeyValueStore) -> None:
        super().__init__(store)
        self.failed = 0

    def _through(self, *args: Any, **kwargs: Any) -> Any:
        with self._counted():
            return super()._through(*args, **kwargs)

    def _through_all(self, *args: Any, **kwargs: Any) -> Any:
        with self._counted():
            return super()._through_all(*args, **kwargs)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            self.failed += 1
            raise


@pytest.mark.parametrize("skip_existing", [False, True])
@pytest.mark.parametrize("size", [100, 200_000])
@pytest.mark.parametrize("expiring", [False, True])
def test_a_server_that_hangs_ends_the_copy(skip_existing: bool, size: int, expiring: bool) -> None:
    """After a time-out and a question, not one for each of the keys."""
    source = DictStore()
    for number in range(5000 if size == 100 else 40):
        source.put(f"key{number}", bytes(size), 1000 + number if expiring else None)
    with running("valkey") as server, store_from_url(server.url(deadline=0.2)) as inner:
        dest, hung = Failing(inner), False

        def hang(report: CopyReport) -> None:
            nonlocal hung
            if report.copied and not hung:
                hung = True
                server.send_signal(signal.SIGSTOP)

        try:
            with pytest.raises(StoreTimeout):
                copy_store(source, dest, workers=1, skip_existing=skip_existing, on_progress=hang)
        finally:
            server.send_signal(signal.SIGCONT)
        assert 0 < dest.failed < 5
