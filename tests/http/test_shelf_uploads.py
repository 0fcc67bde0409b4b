"""What the picture shelf takes, and what it says to all else."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from example_sites import shelf
from tests.http.clients import Site, Upload
from tests.http.shelf import (
    HTML,
    NAME,
    PNG,
    SVG,
    answer_to,
    shown_names,
    stored,
    upload,
    whatever_the_store,
)


def test_the_same_name_twice_at_once_gives_two_pictures(site: Site) -> None:
    """Nobody overwrites anybody: as many pictures as uploads, each with its own bytes."""
    pictures = [PNG + bytes([number]) * 1000 for number in range(6)]
    ready = Barrier(len(pictures))

    def put(data: bytes) -> int:
        ready.wait(30)
        return answer_to(site, data, "same name.png").status

    with ThreadPoolExecutor(len(pictures)) as pool:
        assert list(pool.map(put, pictures)) == [303] * len(pictures)
    names = shown_names(site)
    assert len(set(names)) == len(pictures)
    assert sorted(site.get(f"/pictures/{name}").body for name in names) == sorted(pictures)


@whatever_the_store
@pytest.mark.parametrize(
    "data", [SVG, HTML, b"alert(1)", b"plain words", b"%PDF-1.7", b"MZ\x90\x00"]
)
@pytest.mark.parametrize("name", ["cat.png", "cat.svg", "cat.html"])
def test_only_pictures_are_taken(site: Site, data: bytes, name: str) -> None:
    """The bytes decide, not the name nor the type that the client claims; nothing is stored."""
    answer = answer_to(site, data, name, title="<Keep> me")
    assert answer.status == 415
    assert re.search('role="alert">That file is not a picture', answer.text)
    assert 'value="&lt;Keep&gt; me"' in answer.text  # what was typed is not lost
    assert stored(site) == []


@pytest.mark.parametrize("excess", [1, 50_000, 3_000_000])
def test_too_large_leaves_nothing(site: Site, max_bytes: int, excess: int) -> None:
    """The person is told the limit, and no byte stays."""
    answer = answer_to(site, PNG + bytes(max_bytes - len(PNG) + excess))
    assert answer.status == 413
    assert re.search('role="alert">That file is too large[^<]* up to 1 MB', answer.text)
    assert stored(site) == []
    upload(site, PNG + bytes(max_bytes - len(PNG)))  # the limit itself is allowed


@whatever_the_store
@pytest.mark.parametrize("path", ["/", "/sign-in", "/delete"])
def test_no_form_may_be_endless(site: Site, max_bytes: int, path: str) -> None:
    """None is received that announces too much; who is nobody is not shown the shelf for it."""
    site.put("a.png", PNG, title="Secret")
    huge = ("x.png", bytes(2 * max_bytes), "image/png")
    answer = site.post(path, {"name": "Eve"}, huge)
    assert answer.status == 413
    assert "too large" in answer.text
    site.post("/sign-out")
    answer = site.post(path, {"name": "Eve"}, huge)
    assert answer.status in {303, 413}
    assert "Secret" not in answer.text
    assert len(stored(site)) == 2


@whatever_the_store
@pytest.mark.parametrize("picture", [None, ("", b"", "application/octet-stream")])
def test_no_file_chosen_is_told(site: Site, picture: Upload | None) -> None:
    """A form without a file, as scripts send it and as browsers do, is explained."""
    answer = site.post("/", {"title": "x"}, picture)
    assert answer.status == 400
    assert shelf.NO_FILE in answer.text
    assert stored(site) == []


@whatever_the_store
@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("my cat.png", "my cat"),
        ("../../../../evil.png", "evil"),
        ("..\\..\\evil.png", "evil"),
        ("/etc/passwd", "passwd"),
        (".kvcore-evil.png", ".kvcore-evil"),
        ("a" * 300 + ".png", "a" * 80),
        ("con.png", "con"),
        ("\u202egnp.exe", "gnp"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>"),
        ("фото.jpg", "фото"),
    ],
)
def test_names_of_files_are_titles_at_most(site: Site, name: str, title: str) -> None:
    """Whatever the client calls its file, the keys are generated and lie where pictures do."""
    found = upload(site, name=name)
    assert re.fullmatch(NAME, found)
    assert stored(site) == [shelf.FILES + found, shelf.RECORDS + found]
    page = site.get("/").text
    assert title in [html.unescape(text) for text in re.findall("<bdi>([^<]*)</bdi>", page)]


def test_a_large_picture_goes_both_ways_whole(site: Site, max_bytes: int) -> None:
    """More than one block, and not a multiple of it."""
    data = PNG + bytes(range(251)) * ((max_bytes - len(PNG)) // 251)
    name = upload(site, data)
    assert site.get(f"/pictures/{name}").body == data
    answer = site.get(f"/pictures/{name}", {"Range": "bytes=262143-600000"})
    assert answer.body == data[262143:600001]


@pytest.mark.parametrize("max_bytes", [60 * 1024 * 1024])
@pytest.mark.parametrize("store", ["fs"], indirect=True)
def test_fifty_mebibytes_go_both_ways(site: Site, max_bytes: int) -> None:
    """A picture of 50 MiB, whole. (How much memory that takes: tests/integrations.)"""
    data = (PNG + bytes(1024 * 1024))[: 1024 * 1024] * 50
    assert len(data) < max_bytes
    name = upload(site, data)
    answer = site.get(f"/pictures/{name}")
    assert answer.headers["content-length"] == str(len(data))
    assert answer.body == data


@whatever_the_store
def test_several_files_are_too_many(site: Site) -> None:
    """Rather than one of them being lost without a word; an empty field is no file."""
    first, second = ("a.png", PNG, "image/png"), ("b.png", PNG + b"b", "image/png")
    answer = site.post("/", {"title": "x"}, first, second)
    assert answer.status == 400
    assert shelf.SEVERAL in answer.text
    assert stored(site) == []
    empty = ("", b"", "application/octet-stream")
    assert site.post("/", {"title": "x"}, empty, first).status == 303
    (name,) = shown_names(site)
    assert site.get(f"/pictures/{name}").body == PNG
