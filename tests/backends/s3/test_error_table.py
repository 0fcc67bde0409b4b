"""Every verb in every trouble: our error, with key and store and what to do, and nothing stored."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kvcore import StoreError, store_from_url
from kvcore.errors import KvcoreError, PartialFailure, StoreTimeout
from tests.backends.s3 import scripted
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3, error
from tests.backends.s3.verbs import OPTIONS, VALUE, VERBS
from tests.object_servers.s3 import ACCESS_KEY, SECRET_KEY

TOKEN = "a-session-token-to-hide"


def ok_with(code: str) -> scripted.Fault:
    """Status 200, and in the body an error: what S3 does when it has begun to answer too early."""
    return lambda _asked, _do: error(200, code)


def refuse_each(asked: Asked, do: Do) -> Answer:
    """What a deletion of many says of each key."""
    keys = ("key", "other")
    failed = "".join(
        f"<Error><Key>{key}</Key><Code>InternalError</Code><Message>told</Message></Error>"
        for key in keys
    )
    return Answer(200, f"<DeleteResult>{failed}</DeleteResult>".encode())


class Trouble(NamedTuple):
    """What the service does, and the words of the error."""

    fault: scripted.Fault | Answer
    hint: str
    kind: type[KvcoreError] = StoreError
    to: Callable[[str], bool] = lambda _name: True
    """The verbs that it may happen to."""
    options: dict[str, object] = {}
    told_head: str | None = None
    """The words where a HEAD goes wrong, whose answer has no body to say why."""


def writes(name: str) -> bool:
    return VERBS[name].writes


def has_body(name: str) -> bool:
    """Whether the service answers with something, of which half may be lost."""
    return is_xml(name) or VERBS[name].asks[-1] == "GetObject"


def is_xml(name: str) -> bool:
    """Whether it answers with a document, in which it may tell an error."""
    documents = {"CopyObject", "CompleteMultipartUpload", "ListObjectsV2", "ListMultipartUploads"}
    return not documents.isdisjoint(VERBS[name].asks)


def is_whole(name: str) -> bool:
    """Whether it fetches a whole value: the service tells no checksum of a range."""
    return VERBS[name].asks[-1] == "GetObject" and name not in {"get_range", "open, read"}


_ELSEWHERE = Answer(301, headers={"x-amz-bucket-region": "eu-west-1"})
_CHECKED: dict[str, object] = {"checksums": "when_supported"}

TROUBLES: dict[str, Trouble] = {
    "no bucket": Trouble(error(404, "NoSuchBucket"), "create it"),
    "403": Trouble(error(403, "AccessDenied"), "these keys may not"),
    "wrong secret": Trouble(
        error(403, "SignatureDoesNotMatch"), "secret_key", told_head="these keys may not"
    ),
    "expired": Trouble(
        error(400, "ExpiredToken"), "token has expired", told_head="refused the request"
    ),
    "elsewhere": Trouble(_ELSEWHERE, "set region"),
    "409": Trouble(error(409, "OperationAborted"), "another write", to=writes),
    "429": Trouble(error(429, "TooManyRequests"), "busy"),
    "503": Trouble(error(503, "SlowDown"), "busy"),
    "500": Trouble(error(500, "InternalError"), "the service failed"),
    "nonsense": Trouble(Answer(502, b"<html>Bad gateway</html>"), "the service failed"),
    "reset": Trouble(scripted.reset, "connection"),
    "time-out": Trouble(scripted.hang, "in time", StoreTimeout, options={"deadline": 0.4}),
    "cut answer": Trouble(scripted.cut, "", to=has_body),
    "200, an error": Trouble(ok_with("InternalError"), "InternalError", to=is_xml),
    "flipped, back": Trouble(scripted.flip, "checksum", to=is_whole, options=_CHECKED),
    "flipped, there": Trouble(
        scripted.flip,
        "other bytes than were sent",
        to=lambda name: (
            writes(name) and not {"PutObject", "UploadPart"}.isdisjoint(VERBS[name].asks)
        ),
        options=_CHECKED,
    ),
}
_CONCERN_ALL = {"no bucket", "403", "wrong secret", "expired", "elsewhere"}
CELLS = [
    pytest.param(verb, trouble, id=f"{verb}: {trouble}")
    for trouble, what in TROUBLES.items()
    for verb in VERBS
    if what.to(verb)
]


@pytest.fixture
def server(server: ScriptedS3) -> ScriptedS3:
    """A server with two values."""
    for key in ("key", "other"):
        server.keep(key, VALUE, **{"x-amz-checksum-crc32": scripted.crc32_of(VALUE)})
    return server


def open_store(server: ScriptedS3, **options: object) -> Any:
    """A store on it, with secrets and without second tries."""
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "session_token": TOKEN}
    return store_from_url(server.url(**{**OPTIONS, "retries": 0, **keys, **options}))


def check(error: KvcoreError, store: object, hint: str, keys: tuple[str | None, ...]) -> None:
    """It says what to do, of which key and where, shows no secret, and travels."""
    assert error.store == repr(store)
    text = f"{error} {error!r} {store!r} {pickle.dumps(error)!r}"
    assert not [secret for secret in (SECRET_KEY, TOKEN) if secret in text]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    if isinstance(error, PartialFailure):
        assert error.errors
        for name, one in error.errors.items():
            assert "not tried" in str(one) or hint in str(one)
            assert one.key == name
    else:
        assert hint in str(error)
        assert error.key in keys


@pytest.mark.parametrize(("name", "trouble"), CELLS)
def test_a_verb_in_trouble(name: str, trouble: str, server: ScriptedS3, tmp_path: Path) -> None:
    """The whole table: our error, nothing stored, nothing left behind, and then all is well."""
    verb, what = VERBS[name], TROUBLES[trouble]
    before = dict(server.objects)
    wrong = [*verb.asks, "HeadBucket"] if trouble in _CONCERN_ALL else [_decisive(name, trouble)]
    server.fail("|".join(wrong), what.fault)
    hint = what.hint
    if what.told_head is not None and verb.asks[0] == "HeadObject":
        hint = what.told_head
    with open_store(server, **what.options) as store:
        with pytest.raises((what.kind, PartialFailure)) as caught:
            verb.call(store, tmp_path)
        check(caught.value, store, hint, verb.keys)
        if trouble != "cut answer":  # which says that it is done
            assert server.objects == before
        assert server.uploads == {}
        assert not (tmp_path / "file").exists()
        server.heal()
        store.put("key", VALUE)
        assert store.get("key") == VALUE


def _decisive(name: str, trouble: str) -> str:
    """The request that goes wrong: the last one, but for what can be taken back."""
    asks = VERBS[name].asks
    if name == "move":
        return "CopyObject"
    if trouble == "flipped, there" and "UploadPart" in asks:
        return "UploadPart"
    return asks[-1]
