"""Calls that are broken off from outside: an answer on its way reaches nobody else."""

import random
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from kvcore import KvcoreError, store_from_url
from kvcore.backends.redis.links import PoolLink
from kvcore.backends.redis.packing import Command
from tests.faults.proxy import Proxy
from tests.redis_servers import HOST, RedisServer
from tests.soak import count

NAMES = [f"key-{number}" for number in range(100)]
TRIES = count(200, 4000)


class Interrupted(BaseException):
    """What a signal handler, a time limit or a debugger raises anywhere."""


@pytest.fixture
def proxy(empty_valkey: RedisServer) -> Iterator[Proxy]:
    """A network where answers can be made to take a moment."""
    with Proxy(HOST, empty_valkey.port) as proxy:
        yield proxy


@pytest.fixture
def store(proxy: Proxy) -> Iterator[Any]:
    """A store whose values tell their keys."""
    with store_from_url(f"redis://{HOST}:{proxy.port}?deadline=20") as store:
        store.put_many({name: name.encode() for name in NAMES})
        proxy.delay_secs = 0.002
        yield store


def check(store: Any) -> None:
    """Everybody gets what they asked for."""
    for name in NAMES[:3]:
        assert store.get(name) == name.encode()
    assert len(store.keys()) == len(NAMES)


def test_between_question_and_answer(store: Any) -> None:
    """Work that fails while the server scans."""

    def fails() -> None:
        raise Interrupted

    link: PoolLink = store._server._link
    command: Command = ("SCAN", "0", "COUNT", "1000")
    for _ in range(3):
        with pytest.raises(Interrupted):
            link.scan(command, None, fails)
        check(store)


def test_between_two_answers(proxy: Proxy, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a pipeline's answers."""
    proxy.dribble_bytes, proxy.delay_secs = 5, 0.05
    store.put("key-0", b"key-0")  # the proxy waits for an answer as it was set before
    link: Any = store._server._link
    answer = link._answer
    answers: list[object] = []

    def fails(connection: object) -> object:
        if len(answers) == 2:
            raise Interrupted
        answers.append(answer(connection))
        return answers[-1]

    with monkeypatch.context() as patch:
        patch.setattr(link, "_answer", fails)
        with pytest.raises(Interrupted):
            store.put_many({name: name.encode() for name in NAMES[:5]})
    proxy.dribble_bytes, proxy.delay_secs = 0, 0.002
    check(store)


# One that comes in a finaliser reaches nobody.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_by_a_signal(store: Any) -> None:
    """Wherever it comes in."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    rng = random.Random(7)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(TRIES):
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.000_02, 0.008))
                store.delete_many(["other", "another"])
                store.get(NAMES[0])
                store.keys()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except (Interrupted, KvcoreError):
                signal.setitimer(signal.ITIMER_REAL, 0)
            name = rng.choice(NAMES)
            assert store.get(name) == name.encode()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
