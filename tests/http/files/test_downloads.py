"""A download is the same in every framework, from every store, under every server: RFC 9110."""

from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

import pytest

from kvcore import KeyValueStore, random_id
from tests.http.files.clients import App

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
BLOCK = 256 * 1024


def put(store: KeyValueStore, data: bytes = PNG, name: str = "cat.png") -> str:
    """The path of a new value."""
    return f"/files/{quote(store.put(f'{random_id()}/{name}', data))}"


def test_every_byte_arrives(app: App, store: KeyValueStore) -> None:
    """Whatever the size, empty included, with its length told before."""
    for size in (0, 1, 4095, 4096, 4097, BLOCK, BLOCK + 1, 3 * BLOCK + 7):
        data = (PNG * (size // len(PNG) + 1))[:size]
        answer = app.get(put(store, data))
        assert (answer.status, answer.body) == (200, data)
        assert answer.headers["content-length"] == str(size)
        assert answer.headers["accept-ranges"] == "bytes"


def test_every_answer_is_safe(app: App, store: KeyValueStore) -> None:
    """No browser guesses a type, runs anything, embeds it elsewhere or shares it in a cache."""
    path = put(store)
    for asked in ({}, {"If-None-Match": "*"}, {"If-Match": '"x"'}, {"Range": "bytes=999999-"}):
        answer = app.get(path, asked)
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers.get("content-security-policy", "that of the copy")
        assert policy.startswith("that of the copy" if answer.status == 304 else "sandbox;")
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"].startswith("private")


RANGES = {
    "bytes=0-": slice(0, None),
    "bytes=0-0": slice(0, 1),
    "bytes=1-3": slice(1, 4),
    "bytes=-5": slice(-5, None),
    "bytes=100-": slice(100, None),
    "bytes=0-99999999": slice(0, None),
    f"bytes={BLOCK - 1}-{BLOCK}": slice(BLOCK - 1, BLOCK + 1),
    f"bytes=4000-{BLOCK + 4000}": slice(4000, BLOCK + 4001),
}


def test_a_range_is_exactly_that(app: App, store: KeyValueStore) -> None:
    """206 with the bytes, their place, and the type that the whole has (§14)."""
    data = PNG * 12
    path = put(store, data)
    for asked, place in RANGES.items():
        answer = app.get(path, {"Range": asked})
        first, last, _ = place.indices(len(data))
        assert (answer.status, answer.body) == (206, data[place]), asked
        assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/{len(data)}"
        assert answer.headers["content-length"] == str(last - first)
        assert answer.headers["content-type"] == "image/png"


def test_what_is_no_single_range_gives_the_whole(app: App, store: KeyValueStore) -> None:
    """Malformed or several: a server may ignore them (§14.2), and here all do."""
    path = put(store)
    for asked in (
        "nonsense",
        "bytes=5-4",
        "bytes=0-1,5-6",
        "lines=0-1",
        "bytes=-",
        "bytes=a-b",
        "",
    ):
        answer = app.get(path, {"Range": asked})
        assert (answer.status, answer.body) == (200, PNG), asked
        assert "content-range" not in answer.headers


def test_a_range_behind_the_end_is_refused(app: App, store: KeyValueStore) -> None:
    """416 with the size, and without a byte (§15.5.17)."""
    path = put(store)
    for asked in (f"bytes={len(PNG)}-", "bytes=999999-1000000", "bytes=-0"):
        answer = app.get(path, {"Range": asked})
        assert (answer.status, answer.body) == (416, b""), asked
        assert answer.headers["content-range"] == f"bytes */{len(PNG)}"
        assert answer.headers["content-length"] == "0"


def test_an_empty_value_has_no_ranges(app: App, store: KeyValueStore) -> None:
    """It is given whole, not refused."""
    answer = app.get(put(store, b"", "empty"), {"Range": "bytes=0-"})
    assert (answer.status, answer.body) == (200, b"")


def test_head_is_get_without_its_body(app: App, store: KeyValueStore) -> None:
    """The same status and headers (§9.3.2); a range is ignored."""
    for path in (put(store), put(store, b"", "empty"), put(store, PNG * 100)):
        full = app.get(path)
        for asked in ({}, {"Range": "bytes=0-9"}):
            head = app.get(path, asked, method="HEAD")
            assert (head.status, head.body) == (200, b"")
            same = ("content-length", "content-type", "etag", "content-disposition")
            assert [head.headers.get(name) for name in same] == [
                full.headers.get(name) for name in same
            ]
    assert app.get("/files/nope", method="HEAD").status == 404


def test_a_copy_that_is_still_good_is_not_sent_again(app: App, store: KeyValueStore) -> None:
    """304 by etag, also weak or in a list, and by date (§13.1.2 and §13.1.3)."""
    path = put(store)
    first = app.get(path)
    etag = first.headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = app.get(path, {"If-None-Match": known})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
        assert "content-type" not in answer.headers
        assert app.get(path, {"If-None-Match": known}, method="HEAD").status == 304
    assert app.get(path, {"If-None-Match": '"other"'}).body == PNG
    if "last-modified" in first.headers:  # a store in memory has no times
        since = {"If-Modified-Since": first.headers["last-modified"]}
        assert app.get(path, since).status == 304
        assert app.get(path, {**since, "If-None-Match": '"other"'}).status == 200


def test_a_replaced_value_is_sent_again(app: App, store: KeyValueStore) -> None:
    """Its etag is another one, however soon and of the same size."""
    key = store.put(f"{random_id()}/a.png", PNG)
    etag = app.get(f"/files/{key}").headers["etag"]
    store.put(key, PNG[::-1])
    answer = app.get(f"/files/{key}", {"If-None-Match": etag})
    assert (answer.status, answer.body) == (200, PNG[::-1])
    assert answer.headers["etag"] != etag


def test_parts_of_two_versions_are_never_put_together(app: App, store: KeyValueStore) -> None:
    """If-Range gives the whole of another version (§13.1.5), If-Match refuses it (§13.1.1)."""
    path = put(store)
    etag = app.get(path).headers["etag"]
    some = {"Range": "bytes=1-3"}
    assert app.get(path, {**some, "If-Range": etag}).body == PNG[1:4]
    assert app.get(path, {**some, "If-Range": '"other"'}).body == PNG
    assert app.get(path, {**some, "If-Range": f"W/{etag}"}).body == PNG
    assert app.get(path, {**some, "If-Match": etag}).body == PNG[1:4]
    refused = app.get(path, {**some, "If-Match": '"other"'})
    assert (refused.status, refused.body) == (412, b"")


def test_an_old_date_is_refused_or_answered(app: App, store: KeyValueStore) -> None:
    """If-Unmodified-Since (§13.1.4), where the store knows times."""
    path = put(store)
    modified = app.get(path).headers.get("last-modified")
    if modified is None:
        assert app.get(path, {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}).body == PNG
        return
    moment = parsedate_to_datetime(modified)
    assert format_datetime(moment, usegmt=True) == modified
    assert app.get(path, {"If-Unmodified-Since": modified}).body == PNG
    old = {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    assert app.get(path, old).status == 412


DANGEROUS = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "html": b"<!doctype html><script>alert(1)</script>",
    "xml": b"<?xml version='1.0'?><a/>",
    "js": b"document.write('x')",
    "late": b"words " * 50 + b"<script>alert(1)</script>",
    "exe": b"MZ\x90\x00",
}


@pytest.mark.parametrize("name", ["cat.png", "cat.html"])
def test_what_could_run_is_a_download_of_bytes(app: App, store: KeyValueStore, name: str) -> None:
    """Neither its name nor where it lies makes a browser show or run it."""
    for kind, data in DANGEROUS.items():
        answer = app.get(put(store, data, name))
        assert answer.body == data, kind
        assert answer.headers["content-type"] == "application/octet-stream", kind
        assert answer.headers["content-disposition"].startswith("attachment"), kind


TYPES = {
    PNG: ("image/png", "inline"),
    b"plain words": ("text/plain; charset=utf-8", "inline"),
    "wörter\n".encode(): ("text/plain; charset=utf-8", "inline"),
    b"%PDF-1.7": ("application/pdf", "attachment"),
    b"PK\x03\x04": ("application/zip", "attachment"),
}


def test_the_bytes_tell_the_type(app: App, store: KeyValueStore) -> None:
    """Whatever the key says; harmless ones are shown unless the view wants a download."""
    for data, (content_type, kind) in TYPES.items():
        path = put(store, data, "x.html")
        answer = app.get(path)
        assert answer.headers["content-type"] == content_type
        assert answer.headers["content-disposition"] == f'{kind}; filename="x.html"'
        asked = app.get(f"{path}?download=1").headers["content-disposition"]
        assert asked == 'attachment; filename="x.html"'


NAMES = {
    "naïve cat.png": "filename=\"naive cat.png\"; filename*=UTF-8''na%C3%AFve%20cat.png",
    "男孩.png": "filename=\"download.png\"; filename*=UTF-8''%E7%94%B7%E5%AD%A9.png",
    'a"b;c.png': "filename=\"a_b;c.png\"; filename*=UTF-8''a%22b%3Bc.png",
    "a" * 200 + ".png": f'filename="{"a" * 200}.png"',
}


def test_names_of_any_language_arrive(app: App, store: KeyValueStore) -> None:
    """A download is called what the key is called, for old browsers and new (RFC 6266)."""
    for name, told in NAMES.items():
        answer = app.get(put(store, PNG, name))
        assert answer.body == PNG
        assert answer.headers["content-disposition"] == f"inline; {told}"


NO_KEYS = (
    "nope",
    "no/such/key",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "a%00b",
    "a%5cb",
    "a%2f%2fb",
    "%ff",
    "a%0d%0aSet-Cookie:%20x=y",
    "x" * 300,
    "x" * 2000,
)


def test_what_is_no_key_is_not_found(app: App) -> None:
    """Missing, illegal and hostile keys are the framework's 404 alike."""
    for path in NO_KEYS:
        answer = app.get(f"/files/{path}")
        assert answer.status == 404, path
        assert "set-cookie" not in answer.headers
