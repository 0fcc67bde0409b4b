"""What the sites share: pictures and their records, foreign requests, what is told to people."""

import ast
import doctest
import re
from pathlib import Path

import pytest

from example_sites import shelf
from example_sites.shelf import Picture, places, settings

SITES = Path(shelf.__file__).parent.parent


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),  # no browser: curl, a script
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),  # typed by the person
        ({"Sec-Fetch-Site": "same-site"}, True),  # another port of this machine
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:1"}, True),
        ({"Origin": "http://localhost:1"}, False),
        ({"Origin": "http://localhost:2"}, True),
        ({"Origin": "https://elsewhere.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "http://["}, True),
        ({"Origin": "http://localhost:1]"}, True),
    ],
)
def test_foreign_requests_are_known(headers: dict[str, str], foreign: bool) -> None:
    """By what browsers say of the page that sent the request."""
    assert shelf.is_foreign({"Host": "localhost:1", **headers}.get) == foreign


def test_a_record_is_read_as_it_was_written() -> None:
    """Whatever people type, and to the second."""
    picture = shelf.new_picture(f"{shelf.FILES}x.png", "Tïtle 猫\t", "a.b.png", 'Ann "A"')
    assert (picture.title, picture.owner) == ("Tïtle 猫", 'Ann "A"')
    assert Picture.load(picture.record_key, picture.dump()) == picture
    assert picture.filename == "Tïtle 猫.png"


def test_a_record_of_another_version_is_told() -> None:
    """Not guessed at."""
    with pytest.raises(ValueError, match=r"shelf/records/x.png.*another version"):
        Picture.load("shelf/records/x.png", b'{"version": 2}')


@pytest.mark.parametrize(
    ("title", "filename", "shown"),
    [
        ("Mine", "file.png", "Mine"),
        ("  ", "my file.tar.gz", "my file.tar"),
        ("", "C:\\photos\\cat.png", "cat"),
        ("", "README", "README"),
        ("", "..", "Untitled"),
        ("", None, "Untitled"),
        ("x" * 200, None, "x" * 80),
    ],
)
def test_a_picture_always_has_a_title(title: str, filename: str | None, shown: str) -> None:
    """The one given, else its file's name, never a path."""
    assert shelf.new_picture(f"{shelf.FILES}x.png", title, filename, "Ann").title == shown


def test_new_keys_sort_by_time() -> None:
    """So the newest are found by their keys alone."""
    templates = [shelf.template() for _ in range(50)]
    assert templates == sorted(templates)
    assert re.fullmatch(r"shelf/pictures/[\d-]{22}-{id}{ext}", templates[0])


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36", "Chrome on Windows"),
        (
            "Mozilla/5.0 (Linux; Android 15) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26 Safari/605.1",
            "Safari on Mac",
        ),
        ("Firefox/1", "Firefox"),
        ("python-requests/2.32", "python-requests"),
        ("x" * 99, "x" * 40),
        ("\u202e", "An unknown browser"),
        ("", "An unknown browser"),
    ],
)
def test_browsers_are_called_as_people_call_them(agent: str, name: str) -> None:
    """Though each also carries the names of others, and some carry anything."""
    assert places.browser(agent) == name


def test_the_examples_in_docstrings_run() -> None:
    """What the shared modules show is what happens."""
    for module in (shelf, places, settings):
        assert doctest.testmod(module).failed == 0


def test_sites_use_public_names_only() -> None:
    """What an example needs is what everybody may use."""
    for path in sorted(SITES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("kvcore"):
                parts = str(node.module).split(".") + [alias.name for alias in node.names]
                assert not [part for part in parts if part.startswith("_")], path
