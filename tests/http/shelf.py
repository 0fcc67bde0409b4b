"""What tests of the shelf send and ask."""

import html
import re

import pytest

from tests.http.clients import Answer, Site

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
HTML = b"<!doctype html><script>alert(1)</script>"
NAME = r"\d{8}-\d{6}-\d{6}-[0-9a-hjkmnp-tv-z]{26}\.png"

# Of what does not reach the store, one kind is enough.
whatever_the_store = pytest.mark.parametrize("store", ["memory"], indirect=True)


def shown_names(site: Site, path: str = "/") -> list[str]:
    """The names of the pictures on the page."""
    found = re.findall('<a href="/view/([^"]+)"', site.get(path).text)
    return [html.unescape(name) for name in found]


def stored(site: Site) -> list[str]:
    """The keys of all pictures and their records."""
    return sorted(site.store.with_keys("path").keys("shelf/"))


def answer_to(site: Site, data: bytes = PNG, name: str = "my cat.png", title: str = "") -> Answer:
    """What the site says to an upload."""
    return site.post("/", {"title": title}, (name, data, "image/png"))


def upload(site: Site, data: bytes = PNG, name: str = "my cat.png", title: str = "") -> str:
    """Put a picture on the shelf; returns its name."""
    before = set(shown_names(site))
    answer = answer_to(site, data, name, title)
    assert (answer.status, answer.headers["location"]) == (303, "/"), answer.text
    (found,) = set(shown_names(site)) - before
    return found
