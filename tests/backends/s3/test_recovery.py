"""What goes wrong once is done again or taken back; what cannot be known is said."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    KeyExists,
    KeyNotFound,
    PreconditionFailed,
    StoreError,
    store_from_url,
)
from kvcore.errors import KvcoreError
from tests.backends.s3 import scripted
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3, error
from tests.backends.s3.verbs import LARGE, MIB, OPTIONS, VALUE, VERBS

ROOT = Path(__file__).resolve().parents[3]
BUSY = error(503, "SlowDown")

pytestmark = pytest.mark.usefixtures("two_values")


@pytest.fixture
def store(server: ScriptedS3) -> Iterator[Any]:
    """A store on it, with second tries."""
    with store_from_url(server.url(**OPTIONS, retries=2)) as store:
        yield store


MISSING: dict[str, type[KvcoreError] | object] = {
    **dict.fromkeys(("get", "fetch", "get_file", "open, read", "get_range", "stat"), KeyNotFound),
    "in": False,
    "get_many": {},
    "put if_present": PreconditionFailed,
    "increment": 1,
    "delete": None,
    "delete if_match": PreconditionFailed,
    "delete_many": None,
    "copy": KeyNotFound,
    "copy if_absent": KeyNotFound,
    "move": KeyNotFound,
    "keys": [],
    "iter_stats": [],
    "iter_prefixes": [],
}


@pytest.mark.parametrize("name", MISSING)
def test_a_verb_where_nothing_is(name: str, server: ScriptedS3, store: Any, tmp_path: Path) -> None:
    """404 of a key is `KeyNotFound` of that key, or the answer that the verb has for it."""
    server.objects.clear()
    expected = MISSING[name]
    if not isinstance(expected, type):
        assert VERBS[name].call(store, tmp_path) == expected
        return
    with pytest.raises(expected) as caught:
        VERBS[name].call(store, tmp_path)
    assert isinstance(caught.value, KvcoreError)
    assert (caught.value.key, caught.value.store) == ("key", repr(store))
    assert server.objects == {}


REFUSED: dict[str, tuple[Callable[[Any], object], type[KvcoreError]]] = {
    "put if_absent": (lambda s: s.put("key", b"1", if_absent=True), KeyExists),
    "parts if_absent": (lambda s: s.put("key", LARGE, if_absent=True), KeyExists),
    "stream if_absent": (lambda s: s.put_file("key", iter([LARGE]), if_absent=True), KeyExists),
    "put if_match": (lambda s: s.put("key", b"1", if_match="0" * 32), PreconditionFailed),
    "parts if_match": (lambda s: s.put("key", LARGE, if_match="0" * 32), PreconditionFailed),
    "copy if_absent": (lambda s: s.copy("other", "key", if_absent=True), KeyExists),
}


@pytest.mark.parametrize(("call", "raised"), REFUSED.values(), ids=REFUSED)
def test_a_condition_that_does_not_hold(
    call: Callable[[Any], object], raised: type[KvcoreError], server: ScriptedS3, store: Any
) -> None:
    """412 is the verb's refusal; nothing was changed, and no upload stays."""
    with pytest.raises(raised) as caught:
        call(store)
    assert isinstance(caught.value, KvcoreError)
    assert (caught.value.key, caught.value.store) == ("key", repr(store))
    assert (server.objects["key"].data, server.uploads) == (VALUE, {})


@pytest.mark.parametrize("trouble", ["503", "reset"])
@pytest.mark.parametrize("name", VERBS)
def test_what_goes_wrong_once_is_done_again(
    name: str, trouble: str, server: ScriptedS3, store: Any, tmp_path: Path
) -> None:
    """Nobody notices; but for writes on a condition, of which the lost one may be the winner."""
    verb = VERBS[name]
    if name == "delete if_match":
        server.keep("key", VALUE, ETag="unused")
        call = lambda: store.delete("key", if_match=server.objects["key"].etag)  # noqa: E731
    else:
        call = lambda: verb.call(store, tmp_path)  # noqa: E731
    decisive = "CopyObject" if name == "move" else verb.asks[-1]
    server.fail(decisive, BUSY if trouble == "503" else scripted.reset, times=1)
    if trouble == "reset" and _is_conditional(name):
        with pytest.raises(StoreError, match="may have taken effect"):
            call()
    else:
        call()
        assert len(server.asked) == len(verb.asks) + 1
    assert server.uploads == {}


def _is_conditional(name: str) -> bool:
    return "if_" in name or name == "increment"


def test_a_lost_answer_to_a_conditional_write_is_no_refusal(server: ScriptedS3, store: Any) -> None:
    """It is not sent again: the second try would meet the first one and be told that it lost."""
    server.fail("PutObject", scripted.lose_the_answer)
    with pytest.raises(StoreError, match="may have taken effect"):
        store.put("new", b"1", if_absent=True)
    assert server.operations == ["PutObject"]
    assert server.objects["new"].data == b"1"


def test_a_conditional_write_that_was_not_done_is_sent_again(
    server: ScriptedS3, store: Any
) -> None:
    """And a refusal of the second try is one."""
    server.fail("PutObject", BUSY, times=1)
    with pytest.raises(KeyExists):
        store.put("key", b"1", if_absent=True)
    assert server.operations == ["PutObject"] * 2
    assert server.objects["key"].data == VALUE


# Reading


@pytest.mark.parametrize("name", ["get", "fetch", "get_file", "open, read", "get_range"])
def test_a_body_that_breaks_off_goes_on(
    name: str, server: ScriptedS3, store: Any, tmp_path: Path
) -> None:
    """From where it was, and of the same version."""
    server.keep("key", bytes(range(256)) * 800)
    expected = VERBS[name].call(store, tmp_path)
    server.asked.clear()
    server.fail("GetObject", scripted.cut, times=1)
    found = VERBS[name].call(store, tmp_path)
    assert found == expected or name == "fetch"
    _, second = server.asked
    assert second.headers["if-match"].strip('"') == server.objects["key"].etag
    assert second.headers["range"].startswith("bytes=")
    if name == "get_file":
        assert (tmp_path / "file").read_bytes() == server.objects["key"].data


def test_a_body_that_goes_on_as_another_value(server: ScriptedS3, store: Any) -> None:
    """Two versions are never mixed."""
    server.keep("key", b"1" * 100_000)

    def cut_and_replace(asked: Asked, do: Do) -> Answer:
        answer = scripted.cut(asked, do)
        server.keep("key", b"2" * 100_000)
        return answer

    server.fail("GetObject", cut_and_replace, times=1)
    with pytest.raises(StoreError, match="replaced"):
        store.get("key")


# Writing in parts


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
def test_an_upload_that_fails_for_ever_leaves_nothing(
    operation: str, server: ScriptedS3, store: Any
) -> None:
    """Also where the service takes the abort only the second time."""
    server.fail(operation, error(500, "InternalError"))
    server.fail("AbortMultipartUpload", error(500, "InternalError"), times=1)
    with pytest.raises(StoreError):
        store.put("key", LARGE)
    assert (server.objects["key"].data, server.uploads) == (VALUE, {})


def test_a_part_that_fails_once_is_sent_again(server: ScriptedS3, store: Any) -> None:
    """And that part alone."""
    server.fail("UploadPart", BUSY, times=1)
    store.put("key", LARGE)
    assert server.operations.count("UploadPart") == 4
    assert server.objects["key"].data == LARGE


class SourceFailed(Exception):
    """Of the caller."""


@pytest.mark.parametrize("raised", [SourceFailed, KeyboardInterrupt, SystemExit])
def test_a_source_that_raises(raised: type[BaseException], server: ScriptedS3, store: Any) -> None:
    """Its error comes through as it is; what was sent is taken back."""

    def source() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(MIB)
        raise raised

    with pytest.raises(raised):
        store.put_file("key", source())
    assert "UploadPart" in server.operations
    assert (server.objects["key"].data, server.uploads) == (VALUE, {})


def test_a_writer_of_another_thread(server: ScriptedS3, store: Any) -> None:
    """Opened here, written there, ended by a third; and abandoned."""
    writer = store.open_write("key")

    def write() -> None:
        for _ in range(20):
            writer.write(bytes(MIB))

    for work in (write, writer.commit):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(server.objects["key"].data) == 20 * MIB
    with store.open_write("other") as abandoned:
        abandoned.write(LARGE)
        abandoned.abort()
    assert (server.objects["other"].data, server.uploads) == (VALUE, {})


def test_a_process_that_is_asked_to_end(server: ScriptedS3) -> None:
    """SIGTERM, raised as SystemExit: nothing is published, and no part stays."""
    assert _uploader(server, signal.SIGTERM) == 3
    assert (server.objects["key"].data, server.uploads) == (VALUE, {})


def test_a_process_that_is_killed(server: ScriptedS3) -> None:
    """Nothing is published, and `kvcore gc` removes the parts, if they are old enough."""
    assert _uploader(server, signal.SIGKILL) == -signal.SIGKILL
    assert (server.objects["key"].data, len(server.uploads)) == (VALUE, 1)
    for hours, left in ((1_000_000, 1), (1, 0)):
        command = [sys.executable, "-m", "kvcore.cli", "gc", server.url(**OPTIONS)]
        command += ["--older-than", f"{hours}h"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        assert len(server.uploads) == left
    assert server.objects["key"].data == VALUE


def _uploader(server: ScriptedS3, number: signal.Signals) -> int:
    """Begin an upload in a process of its own and end it half way; its exit code."""
    command = [sys.executable, "-m", "tests.backends.s3.uploader", server.url(**OPTIONS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"under way\n"
        process.send_signal(number)
        return process.wait(60)
