"""What is sent again, what is not, and how a lost answer is told."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from kvcore import GoogleCloudStore
from kvcore.backends.gcs import errors
from kvcore.backends.gcs.retrying import Pace
from kvcore.errors import KeyExists, PreconditionFailed, StoreError, StoreTimeout
from tests.backends.gcs.conftest import Place
from tests.backends.gcs.front import Answer, Cut, Request, Reset, Send, error

Verb = Callable[[GoogleCloudStore], object]


def lose(
    place: Place, how: str = "reset", then: Callable[[], object] = lambda: None
) -> Callable[[Request, Send], Answer | Cut | None]:
    """A fault: the first write is carried out, and its answer lost; `then` something happens."""
    lost = False

    def fault(request: Request, send: Send) -> Answer | None:
        nonlocal lost
        if lost or request.method == "GET":
            return None
        lost = True
        send(request)
        then()
        if how == "reset":
            raise Reset
        return error(int(how))

    return fault


@pytest.mark.parametrize("how", ["reset", "500", "502", "503", "504", "408"])
@pytest.mark.parametrize("condition", ["if_absent", "if_present", "if_match"])
def test_the_answer_to_a_put_is_lost(
    how: str, condition: str, store: GoogleCloudStore, place: Place
) -> None:
    """It is known as ours by its mark, so who won is told so: not that somebody was first."""
    options: dict[str, Any] = {condition: True}
    if condition != "if_absent":
        store.put("key", b"old")
        if condition == "if_match":
            options = {condition: store.stat("key").etag}
    place.front.counted()
    with place.front.failing(lose(place, how)):
        store.put("key", b"ours", **options)
    assert store.get("key") == b"ours"
    expected = ["POST multipart", "POST multipart"]
    if condition != "if_present":  # there is a value, so the second try is a put like any other
        expected.append("GET object")
    assert place.front.counted() == [*expected, "GET media"]


@pytest.mark.parametrize("theirs", [b"theirs", b"ours"])
def test_another_value_came_after_the_lost_answer(
    theirs: bytes, store: GoogleCloudStore, place: Place
) -> None:
    """Nobody can tell who was first, also if the bytes are the same: that is what is said."""
    overwrite = lose(place, then=lambda: place.bucket.put("key", theirs))
    with place.front.failing(overwrite), pytest.raises(StoreError, match="is not known") as caught:
        store.put("key", b"ours", if_absent=True)
    assert not isinstance(caught.value, PreconditionFailed)
    assert store.get("key") == theirs


def test_who_is_second_is_told_so(store: GoogleCloudStore, place: Place) -> None:
    """A refusal of a first try, or after one that was not carried out, is clear."""
    store.put("key", b"theirs")
    with pytest.raises(KeyExists):
        store.put("key", b"ours", if_absent=True)
    tries = 0

    def busy(request: Request, send: Send) -> Answer | None:
        nonlocal tries
        tries += 1
        return error(429) if tries < 3 else None

    with place.front.failing(busy), pytest.raises(KeyExists):
        store.put("key", b"ours", if_absent=True)
    assert tries == 3


def test_a_plain_put_bears_no_mark(store: GoogleCloudStore, place: Place) -> None:
    """Only what is put under a condition does."""
    bucket = place.bucket.direct.bucket(place.bucket.name)
    store.put("plain", b"")
    store.put("marked", b"", if_absent=True)
    found = {blob.name: blob.metadata for blob in bucket.list_blobs()}
    assert found["plain"] is None
    assert list(found["marked"]) == ["kvcore-put"]


def test_the_answer_to_a_plain_put_is_lost(store: GoogleCloudStore, place: Place) -> None:
    """It is sent again: twice is as good as once."""
    with place.front.failing(lose(place)):
        store.put("key", b"ours")
    assert store.get("key") == b"ours"


def test_the_answer_to_a_delete_is_lost(store: GoogleCloudStore, place: Place) -> None:
    """A plain one is done; under a condition, nobody can tell who did it."""
    store.put("key", b"value")
    with place.front.failing(lose(place)):
        store.delete("key")
    assert "key" not in store
    store.put("key", b"value")
    etag = store.stat("key").etag
    with place.front.failing(lose(place)), pytest.raises(StoreError, match="is not known"):
        store.delete("key", if_match=etag)


def test_the_answer_to_a_copy_is_lost(store: GoogleCloudStore, place: Place) -> None:
    """A plain one is done again; one that is to create says what is not known."""
    store.put("key", b"value")
    with place.front.failing(lose(place)):
        store.copy("key", "plain")
    with place.front.failing(lose(place)), pytest.raises(StoreError, match="is not known"):
        store.copy("key", "created", if_absent=True)
    assert store.get("plain") == store.get("created") == b"value"


def test_a_long_copy_goes_on(store: GoogleCloudStore, place: Place) -> None:
    """Until the service says that it is done."""
    store.put("key", b"value")
    place.front.counted()

    def fault(request: Request, send: Send) -> Answer | None:
        if request.query.get("rewriteToken") != "more/ + ü":
            content = {"done": False, "rewriteToken": "more/ + ü"}
            return Answer(200, {}, json.dumps(content).encode())
        return send(request._replace(query={}))

    with place.front.failing(fault):
        store.copy("key", "dest")
    assert place.front.counted() == ["POST rewrite"] * 2
    assert store.get("dest") == b"value"


class Time:
    """A clock that moves with sleeps alone."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, secs: float) -> None:
        self.slept.append(secs)
        self.now += secs


def paced(time: Time, **options: Any) -> Pace:
    given = {"deadline_secs": 10.0, "connect_secs": 3.0, "retries": 4, **options}
    return Pace(clock=time, sleep=time.sleep, **given)


def test_pauses_double_and_are_bounded() -> None:
    """As the service asks for, and no more tries than were said."""
    time = Time()

    def work(_: object) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        paced(time).call(work)
    for delay, most in zip(time.slept, [0.2, 0.4, 0.8, 1.6], strict=True):
        assert most / 2 <= delay <= most


def test_one_deadline_for_all_tries() -> None:
    """Each try gets what is left, and none begins that could not end in time."""
    time = Time()
    given: list[tuple[float, float]] = []

    def work(timeout: tuple[float, float]) -> None:
        given.append(timeout)
        time.now += min(1.5, timeout[1])
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        paced(time, retries=99).call(work)
    assert time.now <= 110
    assert given[0] == (3.0, 10.0)
    assert all(connect <= read <= 110 - 100 for connect, read in given)
    assert given[-1][1] < 5


def test_a_part_of_a_call_has_what_is_left() -> None:
    """``since`` counts."""
    time = Time()
    assert paced(time).call(lambda timeout: timeout, since=95.0) == (3.0, 5.0)
    assert paced(time).call(lambda timeout: timeout, since=10.0)[1] < 0.1


def test_what_is_no_error_of_the_client_passes() -> None:
    """An interruption ends a call at once."""

    def work(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paced(Time()).call(work)


def test_answers_that_are_no_json_are_not_asked_for_again() -> None:
    """What the client makes of them is one error of ours."""
    for reason in (ValueError, KeyError, TypeError, AttributeError):
        time = Time()

        def work(_: object, reason: type[Exception] = reason) -> None:
            raise reason("x")

        with pytest.raises(errors.Unreadable):
            paced(time).call(work)
        assert time.slept == []


def test_a_service_that_hangs(place: Place) -> None:
    """A call ends with its deadline, also where the answer stalls."""
    place.bucket.put("key", bytes(500_000))
    with place.store(deadline=0.4, connect_timeout=0.2) as store:
        assert "key" in store

        def silent(request: Request, send: Send) -> Answer | Cut | None:
            return Cut(send(request), 0, stall=True)

        place.front.released.clear()
        with place.front.failing(silent):
            for call in (store.get, store.open, lambda key: store.get_range(key, 5)):
                with pytest.raises(StoreTimeout, match="'key'"):
                    call("key")
        place.front.released.set()
