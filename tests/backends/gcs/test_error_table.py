"""Every verb against everything that goes wrong: an error of ours, with key and store, or success.

No exception of google, requests or urllib3 ever comes through, and no connection stays behind.
"""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from kvcore import GoogleCloudStore
from kvcore.errors import KeyNotFound, KvcoreError, PartialFailure, StoreError, StoreTimeout
from tests.backends.gcs.conftest import PART, Place
from tests.backends.gcs.front import Answer, Cut, Fault, Request, Reset, Send, error

Verb = Callable[[GoogleCloudStore], object]

DATA = bytes(range(256)) * 4096  # four parts, four windows


def write(store: GoogleCloudStore) -> None:
    with store.open_write("new") as writer:
        writer.write(DATA)


READS: dict[str, Verb] = {
    "get": lambda store: store.get("key"),
    "get small": lambda store: store.get("small"),
    "fetch": lambda store: store.fetch("key"),
    "get_range": lambda store: store.get_range("key", 10, 300_000),
    "get_file": lambda store: store.get_file("key", io.BytesIO()),
    "open": lambda store: store.open("key").read(),
    "open small": lambda store: store.open("small").read(),
}
LOOKS: dict[str, Verb] = {
    "stat": lambda store: store.stat("key"),
    "in": lambda store: "key" in store,
    "keys": lambda store: store.keys(),
    "iter_stats": lambda store: list(store.iter_stats()),
    "iter_prefixes": lambda store: list(store.iter_prefixes("/")),
}
WRITES: dict[str, Verb] = {
    "put": lambda store: store.put("new", b"value"),
    "put if_absent": lambda store: store.put("new", b"value", if_absent=True),
    "put large": lambda store: store.put("new", DATA),
    "put_file": lambda store: store.put_file("new", io.BytesIO(DATA)),
    "open_write": write,
    "delete": lambda store: store.delete("key"),
    "delete if_match": lambda store: store.delete("key", if_match="5"),
    "copy": lambda store: store.copy("key", "new"),
    "move": lambda store: store.move("key", "new"),
    "delete_many": lambda store: store.delete_many(["key", "small"]),
    "put_many": lambda store: store.put_many({"new": b"", "newer": b""}),
    "get_many": lambda store: store.get_many(["key", "small"]),
    "increment": lambda store: store.increment("counter"),
}
VERBS = {**READS, **LOOKS, **WRITES}


def always(answer: Answer) -> Fault:
    return lambda request, send: answer


def reset(request: Request, send: Send) -> Answer:
    raise Reset


HTML = Answer(200, {"Content-Type": "text/html"}, b"<html>a proxy's page</html>")
ERROR = error(500)._replace(status=200)
FAULTS: dict[str, tuple[Fault, str]] = {
    "no bucket": (
        always(error(404, "The specified bucket does not exist.")),
        "there is no such bucket",
    ),
    "401": (always(error(401, "Invalid Credentials")), "does not know these credentials"),
    "403": (always(error(403, "x has no access")), "does not allow it.*x has no access"),
    "400": (always(error(400, "Bad thing")), "does not understand the request"),
    "429": (always(error(429, "slow down")), "too many requests"),
    "500": (always(error(500)), r"the service failed \(500\)"),
    "503": (always(error(503)), r"the service failed \(503\)"),
    "redirect": (
        always(Answer(302, {"Location": "http://127.0.0.1:1/"}, b"")),
        r"the service failed \(302\)|not understood",
    ),
    "text": (always(Answer(503, {}, b"\xff<no json>" * 1000)), r"the service failed \(503\)"),
    "reset": (reset, "the connection broke"),
}


def check(verb: Verb, store: GoogleCloudStore, kind: type[KvcoreError], message: str) -> None:
    """That the verb raises an error of ours that tells all."""
    with pytest.raises((kind, PartialFailure)) as caught:
        verb(store)
    found: Any = caught.value
    if isinstance(found, PartialFailure):
        assert len(found.errors) == 2
        found = found.errors[min(found.errors)]
    assert type(found) is kind or kind is KvcoreError
    assert re.search(message, str(found)), str(found)
    assert repr(store) in str(found)
    assert "upload_id" not in str(found)
    assert len(str(found)) < 1000


@pytest.fixture
def filled(store: GoogleCloudStore, place: Place) -> GoogleCloudStore:
    place.bucket.put("key", DATA)
    place.bucket.put("small", b"value")
    return store


@pytest.mark.parametrize("verb", VERBS)
def test_errors(verb: str, filled: GoogleCloudStore, place: Place) -> None:
    """Of every verb, for every fault; and nothing has changed."""
    for failing, message in FAULTS.values():
        place.front.counted()
        with place.front.failing(failing):
            check(VERBS[verb], filled, StoreError, message)
        assert len(place.front.requests) <= 20
        filled.stat("small")  # and it goes on
    assert filled.keys() == ["key", "small"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_service_that_cannot_be_reached(verb: str, place: Place) -> None:
    """It is told in time, by every verb."""
    options: dict[str, Any] = {"retries": 1, "part_size": PART}
    with GoogleCloudStore("bucket", endpoint="http://127.0.0.1:1", keys="path", **options) as store:
        check(VERBS[verb], store, StoreError, "could not be reached")


@pytest.mark.parametrize("verb", VERBS)
def test_a_service_that_does_not_answer(verb: str, place: Place) -> None:
    """It is a time-out, by every verb."""

    def silent(request: Request, send: Send) -> Answer:
        place.front.released.wait(30)
        raise Reset

    place.front.released.clear()
    options: dict[str, Any] = {"keys": "path", "deadline": 0.3, "part_size": PART}
    with place.store(**options) as store, place.front.failing(silent):
        check(VERBS[verb], store, StoreTimeout, "did not answer in time")
        place.front.released.set()


# A delete is answered with nothing that could be looked at.
@pytest.mark.parametrize("verb", [verb for verb in VERBS if "delete" not in verb])
def test_an_answer_of_another_program(verb: str, store: GoogleCloudStore, place: Place) -> None:
    """A proxy's page, or an error, with a 200: no value, no empty listing, no put done."""
    for answer in (HTML, ERROR):
        with place.front.failing(always(answer)):
            check(VERBS[verb], store, StoreError, "not understood")


@pytest.mark.parametrize("verb", [*LOOKS, "copy", "move"])
def test_json_of_another_kind(verb: str, store: GoogleCloudStore, place: Place) -> None:
    """It is an error of ours, or nothing was found."""
    for body in [b"[]", b"null", b"{}", b'{"items": 7}', b'{"items": [7]}']:
        answer = Answer(200, {"Content-Type": "application/json"}, body)
        with place.front.failing(always(answer)):
            try:
                found = VERBS[verb](store)
            except KvcoreError as caught:
                assert isinstance(caught, StoreError)
            else:
                assert found == []


@pytest.mark.parametrize("body", [b"{}", error(500).body])
def test_the_last_part_is_answered_without_an_object(
    body: bytes, filled: GoogleCloudStore, place: Place
) -> None:
    """It is not taken for one that was stored."""

    def fault(request: Request, send: Send) -> Answer | None:
        is_last = "/" in (span := request.headers.get("content-range", "")) and span[-1] != "*"
        return Answer(200, {}, body) if is_last else None

    with place.front.failing(fault):
        check(VERBS["put large"], filled, StoreError, "not understood")
    assert "new" not in filled


@pytest.mark.parametrize("found", [b'"items": [{"name": "priv"}]', b'"prefixes": ["priv/"]'])
def test_a_listing_of_what_nobody_asked_for(found: bytes, place: Place) -> None:
    """Names without the prefix are an error: cut where it ends, they would be other keys."""
    with place.store("pre/", keys="path") as store:
        with place.front.failing(lambda _request, _send: Answer(200, {}, b"{%s}" % found)):
            with pytest.raises(StoreError, match="do not begin with 'pre/'"):
                list(store.iter_prefixes("/"))


@pytest.mark.parametrize("verb", ["keys", "iter_stats", "iter_prefixes"])
def test_a_listing_that_does_not_go_on(verb: str, filled: GoogleCloudStore, place: Place) -> None:
    """Is not asked for the same page for ever."""

    def fault(request: Request, send: Send) -> Answer:
        assert len(place.front.requests) < 20
        return Answer(200, {}, b'{"nextPageToken": "x"}')

    with place.front.failing(fault):
        check(VERBS[verb], filled, StoreError, "the next page is the same")


def test_a_copy_that_cannot_go_on(filled: GoogleCloudStore, place: Place) -> None:
    """Is not begun anew for ever."""

    def fault(request: Request, send: Send) -> Answer | None:
        assert len(place.front.requests) < 20
        return Answer(200, {}, b'{"done": false}') if str(request) == "POST rewrite" else None

    with place.front.failing(fault):
        check(VERBS["copy"], filled, StoreError, "not understood")


@pytest.mark.parametrize("verb", READS)
def test_a_missing_value(verb: str, store: GoogleCloudStore) -> None:
    """Is not found."""
    check(READS[verb], store, KeyNotFound, "there is no value")


@pytest.mark.parametrize("verb", READS)
def test_a_body_is_cut(verb: str, filled: GoogleCloudStore, place: Place) -> None:
    """It is resumed where it stands; if it never goes on, that is told."""
    expected = READS[verb](filled)

    def some(request: Request, send: Send) -> Cut:
        return Cut(send(request), 200_001)

    with place.front.failing(some):
        assert READS[verb](filled) == expected
    resumed = [r for r in place.front.requests if r.query.get("generation")]
    assert bool(resumed) == ("small" not in verb)

    def nothing(request: Request, send: Send) -> Cut:
        return Cut(send(request), 0)

    with place.front.failing(nothing):
        check(READS[verb], filled, StoreError, r"broke off after (0|10) of .*did not go on")


@pytest.mark.parametrize("verb", [verb for verb in READS if "small" not in verb])
def test_a_body_is_cut_and_the_value_replaced(
    verb: str, filled: GoogleCloudStore, place: Place
) -> None:
    """What is left of the old one is never mixed with the new one."""

    def some(request: Request, send: Send) -> Cut:
        cut = Cut(send(request), 200_001)
        place.bucket.put("key", DATA[::-1])
        return cut

    with place.front.failing(some):
        check(READS[verb], filled, StoreError, "replaced or deleted while it was read")


@pytest.mark.parametrize("verb", ["get", "get small", "fetch", "get_file", "open small"])
def test_a_bit_is_flipped(verb: str, filled: GoogleCloudStore, place: Place) -> None:
    """The checksum that the service tells is compared with what arrived."""

    def flip(request: Request, send: Send) -> Answer:
        answer = send(request)
        return answer._replace(body=bytes([answer.body[0] ^ 1]) + answer.body[1:])

    with place.front.failing(flip):
        check(READS[verb], filled, StoreError, "checksum")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 5-9/x"},
        {"Content-Range": None},
        {"Last-Modified": "yesterday"},
        {"Content-Range": "bytes 5-262148/1048576"},
    ],
)
def test_headers_that_are_not_understood(
    headers: dict[str, Any], filled: GoogleCloudStore, place: Place
) -> None:
    """They are an error, and no guess."""

    def change(request: Request, send: Send) -> Answer:
        answer = send(request)
        lower = {name.lower() for name in headers}
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in lower}
        return answer._replace(headers={**kept, **{n: v for n, v in headers.items() if v}})

    with place.front.failing(change):
        check(READS["open"], filled, StoreError, "not understood|another part")


def test_delete_many_names_each(filled: GoogleCloudStore, place: Place) -> None:
    """What could not be deleted, and why; all others are gone."""

    def some(request: Request, send: Send) -> Answer | None:
        return error(403, "hold") if request.path.endswith("small") else None

    with place.front.failing(some), pytest.raises(PartialFailure) as caught:
        filled.delete_many(["key", "small", "missing"])
    assert list(caught.value.errors) == ["small"]
    assert "hold" in str(caught.value.errors["small"])
    assert filled.keys() == ["small"]


def test_a_token_that_expired(place: Place, account: str) -> None:
    """A refresh that is refused is told, without a word of the secret."""
    from google.auth.exceptions import RefreshError
    from google.oauth2.credentials import Credentials

    credentials = Credentials("a-token", refresh_token="a-secret", client_id="x", client_secret="y",
        token_uri=f"{place.front.endpoint}/token")  # fmt: skip
    from google.cloud.storage import Client

    options = {"api_endpoint": place.front.endpoint}
    client = Client("project", credentials=credentials, client_options=options)

    def expired(request: Request, send: Send) -> Answer:
        if request.path == "/token":
            return Answer(400, {}, b'{"error": "invalid_grant", "error_description": "a-secret"}')
        return error(401)

    store = GoogleCloudStore(place.bucket.name, client=client, keys="path", part_size=PART)
    with place.front.failing(expired):
        for verb in VERBS.values():
            check(verb, store, StoreError, "credentials were refused")
    with place.front.failing(expired), pytest.raises(StoreError) as caught:
        store.get("key")
    assert isinstance(caught.value.__cause__, RefreshError)
    assert "a-secret" not in str(caught.value)
    client.close()
