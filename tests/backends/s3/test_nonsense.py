"""Answers that make no sense: a success that says nothing is none, and no list ends half way."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import S3Store, StoreError, Unsupported, store_from_url
from kvcore.errors import PartialFailure, StoreTimeout
from tests.backends.s3 import scripted
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3
from tests.backends.s3.verbs import OPTIONS, VALUE, VERBS

HTML = Answer(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"})
ANSWERS = {"nothing": Answer(200), "a page": HTML, "204": Answer(204)}
TOLD = (
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "PutObject",
    "CopyObject",
)
"""The requests whose success has something to say."""

pytestmark = pytest.mark.usefixtures("two_values")


@pytest.fixture
def store(server: ScriptedS3) -> Iterator[Any]:
    """A store on it, without second tries."""
    with store_from_url(server.url(**OPTIONS, retries=0)) as store:
        yield store


def without(pattern: bytes, instead: bytes = b"") -> scripted.Fault:
    """Do it, and leave something out of the document of the answer."""

    def fault(asked: Asked, do: Do) -> Answer:
        answer = do(asked)
        assert re.search(pattern, answer.body)
        return answer._replace(body=re.sub(pattern, instead, answer.body))

    return fault


def without_header(name: str, instead: str | None = None) -> scripted.Fault:
    """Do it, and leave out a header of the answer."""

    def fault(asked: Asked, do: Do) -> Answer:
        answer = do(asked)
        headers = {key: value for key, value in answer.headers.items() if key != name}
        return answer._replace(headers=headers | ({} if instead is None else {name: instead}))

    return fault


READS = ("get", "fetch", "get_file", "open, read", "get_range", "stat", "in")
WRITES = (
    "put",
    "put if_absent",
    "put if_present",
    "put large",
    "put_file, large stream",
    "open_write large",
    "put_many",
    "increment",
    "copy",
    "copy if_absent",
    "move",
)
CELLS = [
    pytest.param(verb, operation, answer, id=f"{verb}: {operation}: {answer}")
    for verb in WRITES
    for operation in dict.fromkeys(VERBS[verb].asks)
    if operation in TOLD
    for answer in ANSWERS
]


@pytest.mark.parametrize(("verb", "operation", "answer"), CELLS)
def test_a_success_that_says_nothing_is_none(
    verb: str, operation: str, answer: str, server: ScriptedS3, store: Any, tmp_path: Path
) -> None:
    """What a proxy answered in place of the service is no success; a move keeps its source."""
    before = dict(server.objects)
    server.fail(operation, ANSWERS[answer])
    with pytest.raises((StoreError, PartialFailure)) as caught:
        VERBS[verb].call(store, tmp_path)
    errors = caught.value.errors if isinstance(caught.value, PartialFailure) else {}
    assert all("S3 service" in str(error) for error in (errors.values() or [caught.value]))
    assert server.objects == before
    assert server.uploads == {}


@pytest.mark.parametrize("answer", ANSWERS)
def test_keys_are_not_deleted_by_an_answer_that_says_nothing(
    answer: str, server: ScriptedS3, store: Any
) -> None:
    """What a proxy answered to a deletion of many is an error for each key."""
    server.fail("DeleteObjects", ANSWERS[answer])
    with pytest.raises(PartialFailure) as caught:
        store.delete_many(["key", "other"])
    assert set(caught.value.errors) == {"key", "other"}
    server.heal()
    store.delete_many(["key", "other"])
    assert server.objects == {}


@pytest.mark.parametrize("verb", READS)
def test_a_value_without_a_size(verb: str, server: ScriptedS3, store: Any, tmp_path: Path) -> None:
    """An answer that tells no size is an error of ours, and no `KeyError`, as of a missing key."""
    server.fail("GetObject|HeadObject", Answer(204))
    with pytest.raises(StoreError, match="ContentLength"):
        VERBS[verb].call(store, tmp_path)


@pytest.mark.parametrize("answer", ["without", "a page"])
@pytest.mark.parametrize("verb", READS)
def test_a_value_without_an_etag(
    verb: str, answer: str, server: ScriptedS3, store: Any, tmp_path: Path
) -> None:
    """Every S3 service tells one: bytes that come without are those of somebody else."""
    fault = HTML if answer == "a page" else without_header("ETag")
    server.fail("GetObject|HeadObject", fault)
    with pytest.raises(StoreError, match=r"ETag.*S3 service"):
        VERBS[verb].call(store, tmp_path)
    with pytest.raises(StoreError, match="ETag"):
        store.put("key", b"other", if_present=True)
    assert server.objects["key"].data == VALUE


@pytest.mark.parametrize("told", [None, "bytes */*", "bytes 0-99/*"])
def test_a_part_of_a_value_is_told_to_be_one(
    told: str | None, server: ScriptedS3, store: Any
) -> None:
    """A 206 that does not say which part it is, is not taken for the whole value."""
    server.fail("GetObject", without_header("Content-Range", told))
    with pytest.raises(StoreError):
        store.open("key").close()
    with pytest.raises(StoreError):
        store.get_range("key", 5, 10)


@pytest.fixture(params=["ours", "botocore's"])
def listing_store(request: pytest.FixtureRequest, store: Any) -> Any:
    """A store whose lists we read ourselves, and one whose lists botocore reads."""
    if request.param == "ours":
        return store
    store._client().meta.events.unregister("before-parse.s3.ListObjectsV2", _own_reader())
    return S3Store("bucket", client=store._client())


def test_a_list_does_not_end_half_way(server: ScriptedS3, listing_store: Any) -> None:
    """A page that is not the last one and does not say how to go on is an error, not the end."""
    store = listing_store
    server.page_size = 1
    server.fail("ListObjectsV2", without(b"<NextContinuationToken>.*</NextContinuationToken>"))
    with pytest.raises(StoreError, match="goes on"):
        store.keys()
    with pytest.raises(StoreError, match="goes on"):
        list(store.iter_stats())


@pytest.mark.parametrize("tag", [b"Key", b"Prefix"])
def test_a_list_of_what_nobody_asked_for(
    tag: bytes, server: ScriptedS3, listing_store: Any
) -> None:
    """Names without the prefix are an error: cut where it ends, they would be other keys."""
    store = listing_store.with_keys("path")
    server.keep("media/cat.png", VALUE)
    found = b"<%s>med" % tag
    server.fail("ListObjectsV2", without(found, found.replace(b"med", b"priv")))
    lists = [lambda: list(store.iter_prefixes("/", "med"))]
    if tag == b"Key":
        lists = [lambda: store.keys("med"), lambda: list(store.iter_stats("med"))]
    for ask in lists:
        with pytest.raises(StoreError, match="do not begin with 'med'"):
            ask()


def _own_reader() -> object:
    from kvcore.backends.s3 import listing

    return listing._read_page


@pytest.mark.parametrize(
    "pattern", [b"<Size>[0-9]*", b"<LastModified>[^<]*"], ids=["size", "modified"]
)
def test_a_list_that_makes_no_sense(pattern: bytes, server: ScriptedS3, store: Any) -> None:
    """Sizes and times that are none are an error of ours."""
    server.fail("ListObjectsV2", without(pattern, pattern[: pattern.index(b">") + 1] + b"some"))
    with pytest.raises(StoreError, match="makes no sense"):
        list(store.iter_stats())


REDIRECTIONS = {
    "of S3": scripted.error(301, "PermanentRedirect"),
    "of a proxy": Answer(302, b"", {"Location": "/login"}),
    "temporary": Answer(307),
}


@pytest.mark.parametrize("redirection", REDIRECTIONS.values(), ids=REDIRECTIONS)
@pytest.mark.parametrize("verb", ["get", "stat", "in", "put", "keys", "delete"])
def test_a_redirection_to_nowhere(
    verb: str, redirection: Answer, server: ScriptedS3, store: Any, tmp_path: Path
) -> None:
    """One that names no region is an error after one question where the bucket is."""
    server.fail(".*", redirection)
    with pytest.raises(StoreError):
        VERBS[verb].call(store, tmp_path)
    assert server.operations[1:] == ["HeadBucket"]


def test_a_bucket_in_another_region_is_found(server: ScriptedS3) -> None:
    """If the service names the region, also to those who would create the bucket."""

    def elsewhere(asked: Asked, do: Do) -> Answer:
        if "/eu-north-1/s3/" in asked.headers["authorization"]:
            return do(asked)
        return Answer(301, b"", {"x-amz-bucket-region": "eu-north-1"})

    server.fail(".*", elsewhere)
    with store_from_url(server.url(create_if_missing="true")) as store:
        assert store.get("key") == VALUE
    assert "CreateBucket" not in server.operations


@pytest.mark.parametrize("where", ["option", "profile"])
def test_keys_that_nobody_gives_are_not_waited_for(
    where: str, server: ScriptedS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the service that gives the keys of a role hangs, a call ends with its deadline."""
    config = tmp_path / "config"
    config.write_text(
        "[profile site]\nrole_arn = arn:aws:iam::1:role/site\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.endpoint)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    role = {"role": "arn:aws:iam::1:role/site", "access_key": "a", "secret_key": "b"}
    options = role if where == "option" else {"profile": "site"}
    server.fail("DeleteObjects", scripted.hang)  # what a POST without a key is taken for
    raised: list[BaseException] = []

    def get() -> None:
        with store_from_url(server.url(**options, deadline=1)) as store:
            try:
                store.get("key")
            except StoreError as error:
                raised.append(error)

    thread = threading.Thread(target=get, daemon=True)
    thread.start()
    thread.join(30)  # botocore would wait for minutes
    assert [type(error) for error in raised] == [StoreTimeout]
    assert set(server.operations) == {"DeleteObjects"}


def test_the_check_fails_in_our_words(server: ScriptedS3, store: Any) -> None:
    """Also where its first request has no client, and where it cannot remove what it put."""
    server.fail("DeleteObject", scripted.error(403, "AccessDenied"))
    with pytest.raises(StoreError, match="these keys may not"):
        store._advice("free")
    with store_from_url(server.url(profile="nobody")) as other:
        with pytest.raises(StoreError, match="profile"):
            other._advice("free")


@pytest.mark.parametrize("options", [{}, {"base_url": "https://cdn.example.com/media"}])
@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "a/.", "..", "./a"])
def test_a_public_url_leads_to_its_own_value(
    key: str, options: dict[str, str], server: ScriptedS3
) -> None:
    """None is made for a key that every browser would resolve to the address of another one."""
    with store_from_url(server.url("media/", keys="any", **options)) as store:
        with pytest.raises(Unsupported, match="another value") as caught:
            store.url_for(key, public=True)
        assert (caught.value.key, caught.value.store) == (key, repr(store))
        assert store.url_for("a/..b/c...", public=True).endswith("/a/..b/c...")
