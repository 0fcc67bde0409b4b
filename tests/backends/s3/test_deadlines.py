"""How long a request may take, and what is sent again within that time."""

from __future__ import annotations

from typing import Any

import pytest

from kvcore import StoreTimeout, store_from_url
from kvcore.backends.s3.retrying import Retries
from tests.backends.s3.scripted import ScriptedS3, hang

MIB = 1024 * 1024


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Response:
    """An answer with a status alone."""

    def __init__(self, status: int) -> None:
        self.status_code = status


def asked_again(
    retries: Retries,
    clock: Clock,
    status: int,
    code: str = "",
    *,
    method: str = "PUT",
    each_secs: float = 0.0,
    **headers: str,
) -> int:
    """How often a request is sent that is answered so each time, after ``each_secs``."""
    request: dict[str, Any] = {"method": method, "headers": headers, "body": b"", "context": {}}
    retries.begin(params=request)
    answer = Response(status), {"Error": {"Code": code}}
    for attempt in range(1, 100):
        clock.now += each_secs
        delay = retries.needs_retry(attempt, None, request, response=answer)
        if delay is None:
            return attempt
        clock.now += delay
    raise AssertionError("it is sent for ever")


def test_retries_end_with_the_deadline() -> None:
    """However many are left."""
    clock = Clock()
    retries = Retries(50, 10, 1, clock=clock)
    assert asked_again(retries, clock, 503, each_secs=4) == 3
    assert asked_again(retries, clock, 503, each_secs=11) == 1
    assert asked_again(Retries(3, 1000, 5, clock=clock), clock, 503) == 4
    started = clock.now
    assert asked_again(retries, clock, 503, "SlowDown", each_secs=0.01) < 50
    assert clock.now - started <= 10


@pytest.mark.parametrize(
    ("status", "code", "conditional", "again"),
    [
        (503, "SlowDown", False, True),
        (503, "SlowDown", True, True),
        (429, "", True, True),
        (400, "RequestTimeout", True, True),
        (500, "InternalError", False, True),
        (500, "InternalError", True, False),
        (409, "ConditionalRequestConflict", True, True),
        (403, "AccessDenied", False, False),
        (404, "NoSuchKey", False, False),
        (412, "PreconditionFailed", True, False),
    ],
)
def test_what_is_sent_again(status: int, code: str, conditional: bool, again: bool) -> None:
    """What the service has not done; and what it may have done, unless it was on a condition."""
    clock = Clock()
    retries = Retries(1, 10, 5, clock=clock)
    headers = {"If-None-Match": "*"} if conditional else {}

    class Put:
        name = "PutObject"

    request: dict[str, Any] = {"method": "PUT", "headers": headers, "body": b"", "context": {}}
    retries.begin(params=request)
    answer = Response(status), {"Error": {"Code": code}}
    assert (retries.needs_retry(1, Put, request, response=answer) is not None) == again


def test_a_service_that_hangs(server: ScriptedS3) -> None:
    """Every verb ends in `StoreTimeout` within its deadline, its retries included."""
    server.keep("key", b"value")
    server.fail(".*", hang)
    with store_from_url(server.url(deadline=0.4, retries=5)) as store:
        for verb in (store.get, store.stat, store.delete, lambda key: store.put(key, b"x")):
            with pytest.raises(StoreTimeout):
                verb("key")
    assert len(server.asked) <= 12


def test_a_large_body_may_take_longer_than_the_deadline() -> None:
    """As long as it moves; then the clock starts anew."""
    clock = Clock()
    retries = Retries(1, 10, 5, clock=clock)

    class Body:
        moved = 1100.0
        error = None

    request: dict[str, Any] = {"method": "PUT", "headers": {}, "body": Body, "context": {}}
    retries.begin(params=request)
    clock.now = 1101.0
    answer = Response(503), {"Error": {}}
    assert retries.needs_retry(1, None, request, response=answer) is not None
