"""The picture shelf does the same on all three frameworks: upload, list, view, delete, refuse."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tests.http.clients import ELSEWHERE, Site, Upload

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
HTML = b"<!doctype html><script>alert(1)</script>"
KEY = r"[0-9a-hjkmnp-tv-z]{26}\.png"


def files_below(path: Path) -> list[Path]:
    """Every file of the store's folder, temporary ones included."""
    return [found for found in path.rglob("*") if found.is_file()]


def shown_keys(site: Site) -> list[str]:
    """The keys of the pictures on the page."""
    found = re.findall('<img src="/pictures/([^"]+)"', site.get("/").text)
    return [html.unescape(key) for key in found]


def upload(site: Site, data: bytes = PNG, name: str = "my cat.png") -> str:
    """Put a picture on the shelf; returns its key."""
    before = set(shown_keys(site))
    answer = site.post("/", picture=(name, data, "image/png"))
    assert (answer.status, answer.headers["location"]) == (303, "/"), answer.text
    (key,) = set(shown_keys(site)) - before
    return key


def test_a_picture_is_uploaded_listed_viewed_and_deleted(site: Site, tmp_path: Path) -> None:
    """The whole life of a picture, byte for byte, under a generated key."""
    assert "Nothing yet" in site.get("/").text
    key = upload(site)
    assert re.fullmatch(KEY, key)
    page = site.get("/").text
    assert "my cat" not in page
    assert "25.6 kB" in page

    answer = site.get(f"/pictures/{key}")
    assert (answer.status, answer.body) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(len(PNG))
    assert answer.headers["content-disposition"] == f'inline; filename="{key}"'

    assert site.post("/delete", {"key": key}).status == 303
    assert shown_keys(site) == []
    assert site.get(f"/pictures/{key}").status == 404
    assert files_below(tmp_path) == []


def test_every_view_is_safe(site: Site) -> None:
    """No browser may guess a type, run anything, embed it elsewhere or share it in a cache."""
    headers = site.get(f"/pictures/{upload(site)}").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"].startswith("private")


def test_pages_run_no_scripts_and_are_not_framed(site: Site) -> None:
    """The page itself says so, also when it shows an error."""
    for answer in (site.get("/"), site.post("/", picture=("a.png", SVG, "image/png"))):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_same_name_twice_at_once_gives_two_pictures(site: Site) -> None:
    """Nobody overwrites anybody: as many files as uploads, each with its own bytes."""
    pictures = [PNG + bytes([number]) * 1000 for number in range(6)]
    ready = Barrier(len(pictures))

    def put(data: bytes) -> int:
        ready.wait(30)
        return site.post("/", picture=("same name.png", data, "image/png")).status

    with ThreadPoolExecutor(len(pictures)) as pool:
        assert list(pool.map(put, pictures)) == [303] * len(pictures)
    keys = shown_keys(site)
    assert len(set(keys)) == len(pictures)
    assert sorted(site.get(f"/pictures/{key}").body for key in keys) == sorted(pictures)


@pytest.mark.parametrize(
    "data", [SVG, HTML, b"alert(1)", b"plain words", b"%PDF-1.7", b"MZ\x90\x00"]
)
@pytest.mark.parametrize("name", ["cat.png", "cat.svg", "cat.html"])
def test_only_pictures_are_taken(site: Site, tmp_path: Path, data: bytes, name: str) -> None:
    """The bytes decide, not the name nor the type that the client claims; nothing is stored."""
    answer = site.post("/", picture=(name, data, "image/png"))
    assert answer.status == 415
    assert 'role="alert"' in answer.text
    assert "not a picture" in answer.text
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("excess", [1, 50_000, 3_000_000])
def test_too_large_leaves_nothing(site: Site, tmp_path: Path, max_bytes: int, excess: int) -> None:
    """The person is told the limit, and no byte stays."""
    answer = site.post(
        "/", picture=("cat.png", PNG + bytes(max_bytes - len(PNG) + excess), "image/png")
    )
    assert answer.status == 413
    assert "up to 1 MB" in answer.text
    assert 'role="alert"' in answer.text
    assert files_below(tmp_path) == []
    upload(site, PNG + bytes(max_bytes - len(PNG)))  # the limit itself is allowed


@pytest.mark.parametrize("picture", [None, ("", b"", "application/octet-stream")])
def test_no_file_chosen_is_told(site: Site, tmp_path: Path, picture: Upload | None) -> None:
    """A form without a file, as scripts send it and as browsers do, is explained."""
    answer = site.post("/", picture=picture)
    assert answer.status == 400
    assert "Choose a picture first" in answer.text
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        "../../../../evil.png",
        "..\\..\\evil.png",
        "/etc/passwd",
        ".kvcore-evil",
        "a" * 300 + ".png",
        "con.png",
        "\u202egnp.exe",
        "<img src=x onerror=alert(1)>.png",
        "evil.png; filename=x.html",
    ],
)
def test_hostile_names_are_harmless(site: Site, tmp_path: Path, name: str) -> None:
    """Whatever the client calls its file, the key is generated and lies in the store's folder."""
    key = upload(site, name=name)
    assert re.fullmatch(KEY, key)
    (file,) = files_below(tmp_path)
    assert file == tmp_path / "pictures" / key


@pytest.mark.parametrize(
    "path",
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
def test_what_is_no_key_is_not_found(site: Site, path: str) -> None:
    """Missing, illegal and hostile keys are a 404 alike, and no error page of the server."""
    assert site.get(f"/pictures/{path}").status == 404


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


def test_keys_are_escaped_on_the_page(site: Site) -> None:
    """A key with markup in it stays text, and its picture can be viewed and deleted."""
    name = "<b>ü 'x\" &amp; #1?.png"
    site.put(name, PNG)
    page = site.get("/").text
    assert "<b>" not in page
    (quoted,) = shown_keys(site)
    assert site.get(f"/pictures/{quoted}").body == PNG
    assert site.post("/delete", {"key": name}).status == 303
    assert shown_keys(site) == []


def test_head_tells_and_sends_nothing(site: Site) -> None:
    """HEAD has the headers of GET and no body."""
    path = f"/pictures/{upload(site)}"
    head, full = site.get(path, method="HEAD"), site.get(path)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "content-type", "etag", "content-disposition"):
        assert head.headers[name] == full.headers[name]


def test_a_known_picture_is_not_sent_again(site: Site) -> None:
    """304 for the etag that the browser has; a deleted picture is a 404 all the same."""
    key = upload(site)
    etag = site.get(f"/pictures/{key}").headers["etag"]
    answer = site.get(f"/pictures/{key}", {"If-None-Match": etag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == etag
    assert "content-type" not in answer.headers
    site.post("/delete", {"key": key})
    assert site.get(f"/pictures/{key}", {"If-None-Match": etag}).status == 404


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


def test_a_large_picture_goes_both_ways_whole(site: Site, max_bytes: int) -> None:
    """More than one block, and not a multiple of it."""
    data = PNG + bytes(range(251)) * ((max_bytes - len(PNG)) // 251)
    key = upload(site, data)
    assert site.get(f"/pictures/{key}").body == data
    answer = site.get(f"/pictures/{key}", {"Range": "bytes=262143-600000"})
    assert answer.body == data[262143:600001]


@pytest.mark.parametrize("max_bytes", [60 * 1024 * 1024])
def test_fifty_mebibytes_go_both_ways(site: Site, max_bytes: int) -> None:
    """A picture of 50 MiB, whole. (How much memory that takes: tests/integrations.)"""
    data = (PNG + bytes(1024 * 1024))[: 1024 * 1024] * 50
    assert len(data) < max_bytes
    key = upload(site, data)
    answer = site.get(f"/pictures/{key}")
    assert answer.headers["content-length"] == str(len(data))
    assert answer.body == data


def test_pages_of_other_sites_change_nothing(site: Site) -> None:
    """Neither delete nor upload by a form that stands elsewhere, in the name of a visitor."""
    key = upload(site)
    assert site.post("/delete", {"key": key}, headers=ELSEWHERE).status == 403
    picture = ("a.png", PNG, "image/png")
    assert site.post("/", picture=picture, headers=ELSEWHERE).status == 403
    assert shown_keys(site) == [key]


def test_deleting_what_is_not_there_is_no_error(site: Site) -> None:
    """Two clicks on one button, or a made-up key: the person is back on the shelf."""
    for key in ("nope", "../../etc/passwd", "", "\0"):
        assert site.post("/delete", {"key": key}).status == 303


@pytest.mark.parametrize("path", ["/delete", "/upload"])
def test_reading_deletes_nothing(site: Site, path: str) -> None:
    """What changes the shelf is not done by a link."""
    assert site.get(path).status in {404, 405}


def test_another_host_name_is_refused(site: Site) -> None:
    """A name that somebody else points at this machine (DNS rebinding) gets no page."""
    assert site.get("/", {"Host": "elsewhere.example"}).status == 400
