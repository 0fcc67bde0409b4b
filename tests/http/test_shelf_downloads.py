"""What the picture shelf sends: safe, whole or in part, and only pictures."""

import re

import pytest

from example_sites import shelf
from tests.http.clients import ELSEWHERE, Site
from tests.http.shelf import (
    HTML,
    PNG,
    SVG,
    answer_to,
    shown_names,
    stored,
    upload,
    whatever_the_store,
)


def test_every_view_is_safe(site: Site) -> None:
    """No browser may guess a type, run anything, embed it elsewhere or share it in a cache."""
    name = upload(site)
    for path in (f"/pictures/{name}", f"/download/{name}"):
        headers = site.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"].startswith("private")


@whatever_the_store
def test_pages_load_from_here_only_and_are_not_framed(site: Site) -> None:
    """Each page says so, also one that shows an error; nothing in them is inline."""
    pages = [site.get("/"), site.get("/sign-in"), site.get("/view/none"), answer_to(site, SVG)]
    pages += [site.post("/delete", headers=ELSEWHERE), site.sign_in("")]
    for answer in pages:
        rules = dict(
            rule.split(maxsplit=1) for rule in answer.headers["content-security-policy"].split(";")
        )
        assert rules["default-src"] == "'none'"
        assert rules["frame-ancestors"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["form-action"] == "'self'"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|<script>|<script [^>]*>[^<]| style=| on\w+=", answer.text)


@pytest.mark.parametrize(("data", "name"), [(SVG, "x.png"), (HTML, "x.html"), (b"%PDF-1.7", "x")])
def test_what_got_into_the_store_otherwise_is_a_download(
    site: Site, data: bytes, name: str
) -> None:
    """A file that never passed the checks is not shown by the browser, whatever its key says."""
    site.put(name, data)
    answer = site.get(f"/pictures/{name}")
    assert answer.body == data
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] in {"application/octet-stream", "application/pdf"}


@pytest.mark.parametrize(
    "name",
    [
        "nope",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        ".kvcore-locks",
        "a%00b",
        "a%5cb",
        "a%2f%2fb",
        "%ff",
        "x" * 300,
        "x" * 2000,
    ],
)
def test_what_is_no_key_is_not_found(site: Site, name: str) -> None:
    """Missing, illegal and hostile names are a 404 alike, and no error page of the server."""
    for path in ("pictures", "view", "download"):
        answer = site.get(f"/{path}/{name}")
        assert answer.status == 404
    assert shelf.NOT_FOUND in answer.text


def test_only_the_shelf_is_served(site: Site) -> None:
    """What else is in the store is not had by its key."""
    site.put("a.png", PNG)
    site.store.with_keys("path").put("private/key", b"secret")
    for name in ("..%2f..%2fprivate%2fkey", "../records/a.png", "../../private/key", "private/key"):
        assert site.get(f"/pictures/{name}").status == 404


def test_a_picture_without_its_record_is_not_shown(site: Site) -> None:
    """An upload whose process died between the two leaves waste, not a broken page."""
    site.store.with_keys("path").put(f"{shelf.FILES}a.png", PNG)
    assert shown_names(site) == []
    assert site.get("/view/a.png").status == 404


def test_a_record_without_its_picture_is_not_found(site: Site) -> None:
    """A picture that somebody deletes this very moment is a 404, not a failure."""
    site.put("a.png", PNG)
    site.store.with_keys("path").delete(f"{shelf.FILES}a.png")
    for path in ("view", "pictures", "download"):
        assert site.get(f"/{path}/a.png").status == 404
    assert site.post("/delete", {"picture": "a.png"}).status == 303
    assert stored(site) == []


def test_head_tells_and_sends_nothing(site: Site) -> None:
    """HEAD has the headers of GET and no body."""
    path = f"/pictures/{upload(site)}"
    head, full = site.get(path, method="HEAD"), site.get(path)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "content-type", "content-disposition"):
        assert head.headers[name] == full.headers[name]
    assert head.headers.get("etag") == full.headers.get("etag")


def test_a_known_picture_is_not_sent_again(site: Site) -> None:
    """304 for the etag that the browser has; a deleted picture is a 404 all the same."""
    name = upload(site)
    etag = site.get(f"/pictures/{name}").headers["etag"]
    answer = site.get(f"/pictures/{name}", {"If-None-Match": etag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == etag
    assert "content-type" not in answer.headers
    site.post("/delete", {"picture": name})
    assert site.get(f"/pictures/{name}", {"If-None-Match": etag}).status == 404


def test_ranges_are_served(site: Site) -> None:
    """206 with exactly the bytes asked for, 416 for what is not there."""
    path = f"/pictures/{upload(site)}"
    answer = site.get(path, {"Range": "bytes=1-3"})
    assert (answer.status, answer.body) == (206, b"PNG")
    assert answer.headers["content-range"] == f"bytes 1-3/{len(PNG)}"
    assert answer.headers["content-length"] == "3"
    assert site.get(path, {"Range": "bytes=-5"}).body == PNG[-5:]
    assert site.get(path, {"Range": "nonsense"}).body == PNG
    beyond = site.get(path, {"Range": "bytes=999999-"})
    assert (beyond.status, beyond.body) == (416, b"")
    assert beyond.headers["content-range"] == f"bytes */{len(PNG)}"
