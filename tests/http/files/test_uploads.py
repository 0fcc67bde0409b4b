"""An upload is the same in every framework, into every store, under every server."""

import json
import re

import pytest

from kvcore import KeyValueStore
from tests.http.files.apps import MAX_BYTES
from tests.http.files.clients import BOUNDARY, App

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
ID = "[0-9a-hjkmnp-tv-z]{26}"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


def test_what_is_sent_is_what_is_stored_and_served(app: App, store: KeyValueStore) -> None:
    """Byte for byte, under a generated key whose extension comes from the bytes."""
    answer = app.upload(PNG, "page.html", "text/html")
    assert answer.status == 201, answer.text
    key = answer.text
    assert re.fullmatch(rf"{ID}\.png", key)
    assert store.get(key) == PNG
    assert app.get(f"/files/{key}").body == PNG
    assert key in json.loads(app.get("/keys").text)


def test_up_to_the_limit_is_taken(app: App, store: KeyValueStore) -> None:
    """The limit itself included."""
    for size in (1, MAX_BYTES - 1, MAX_BYTES):
        data = (PNG * 20)[:size]
        answer = app.upload(data)
        assert answer.status == 201
        assert store.get(answer.text) == data


def test_more_than_the_limit_leaves_nothing(app: App, store: KeyValueStore) -> None:
    """413, the first byte too many included, and no key."""
    before = set(store.keys())
    for size in (MAX_BYTES + 1, MAX_BYTES + 300_000, 20 * MAX_BYTES):
        assert app.upload(PNG + bytes(size - len(PNG))).status == 413, size
    assert set(store.keys()) == before


def test_another_type_leaves_nothing(app: App, store: KeyValueStore) -> None:
    """415 by the bytes; neither the name nor the type that the client claims makes a picture."""
    before = set(store.keys())
    for name in ("cat.png", "cat.svg"):
        for data in (SVG, b"<html>", b"plain words", b"%PDF-1.7", b""):
            assert app.upload(data, name, "image/png", "/pictures").status == 415, (name, data)
    assert set(store.keys()) == before
    assert app.upload(PNG, "x.html", "text/html", "/pictures").status == 201


def test_active_content_gets_a_harmless_extension(app: App) -> None:
    """Where any type is taken, a web server in front of the folder must not take it for a page."""
    for data in (SVG, b"<!doctype html><script>alert(1)</script>"):
        for name in ("a.png", "a.svg", "a.html"):
            assert re.fullmatch(rf"{ID}\.bin", app.upload(data, name).text), (name, data)


def test_an_empty_file_is_a_file(app: App, store: KeyValueStore) -> None:
    """It has a name, so it was chosen."""
    answer = app.upload(b"", "empty.txt")
    assert answer.status == 201
    assert store.get(answer.text) == b""


@pytest.mark.parametrize(
    "body",
    [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n\r\n--{BOUNDARY}--\r\n",
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n'
        f"--{BOUNDARY}--\r\n",
    ],
    ids=["left-empty", "missing"],
)
def test_no_file_is_the_clients_fault(app: App, store: KeyValueStore, body: str) -> None:
    """A field that was left empty, or is not there: refused, and nothing is stored."""
    before = set(store.keys())
    assert app.post("/files", body.encode()).status in {400, 422}  # 422: FastAPI's own check
    assert set(store.keys()) == before


NAMES = [
    "../../../../evil.png",
    "..\\..\\evil.png",
    "/etc/passwd",
    ".kvcore-evil",
    "фото.png",
    "男孩.png",
    "😆",
    "naïve cat (2).png",
    "a" * 300 + ".png",
    "con.png",
    "\u202egnp.exe",
    "<img src=x onerror=alert(1)>.png",
    "evil.png; filename=x.html",
]


def test_names_are_never_part_of_a_key(app: App, store: KeyValueStore) -> None:
    """Whatever the client calls its file."""
    for name in NAMES:
        answer = app.upload(PNG, name)
        assert answer.status == 201, name
        assert re.fullmatch(rf"{ID}\.png", answer.text)
        assert store.get(answer.text) == PNG


def test_a_name_that_is_asked_for_is_tamed(app: App, store: KeyValueStore) -> None:
    """Letters, digits, ``_`` and ``-``, of bounded length, below its folder and with an id."""
    for name in NAMES:
        answer = app.upload(PNG, name, to="/named")
        assert answer.status == 201, name
        assert re.fullmatch(rf"named/[\w-]{{1,64}}-{ID}\.png", answer.text), name
        assert store.get(answer.text) == PNG


def test_the_same_name_twice_gives_two_files(app: App, store: KeyValueStore) -> None:
    """Nobody overwrites anybody."""
    one, other = app.upload(PNG, to="/named").text, app.upload(PNG[::-1], to="/named").text
    assert one != other
    assert (store.get(one), store.get(other)) == (PNG, PNG[::-1])
