"""The picture shelf does the same on all three frameworks, over every kind of store."""

import html
import re

import pytest

from example_sites import shelf
from kvcore import KeyValueStore
from tests.http.clients import Site
from tests.http.shelf import NAME, PNG, answer_to, shown_names, stored, upload, whatever_the_store


def test_a_picture_is_uploaded_listed_viewed_and_deleted(site: Site) -> None:
    """The whole life of a picture, byte for byte, under a generated key."""
    assert "Nothing yet" in site.get("/").text
    assert answer_to(site, title="Nap time").status == 303
    page = site.get("/").text
    assert shelf.ADDED in page
    assert shelf.ADDED not in site.get("/").text  # told once
    (name,) = shown_names(site)
    assert re.fullmatch(NAME, name)
    assert stored(site) == [shelf.FILES + name, shelf.RECORDS + name]

    page = site.get(f"/view/{name}").text
    assert "Nap time" in page
    assert "25.6 kB" in page
    answer = site.get(f"/pictures/{name}")
    assert (answer.status, answer.body) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == f'inline; filename="{name}"'
    answer = site.get(f"/download/{name}")
    assert (answer.status, answer.body) == (200, PNG)
    assert answer.headers["content-disposition"] == 'attachment; filename="Nap time.png"'

    answer = site.post("/delete", {"picture": name})
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert shelf.DELETED in site.get("/").text
    assert shown_names(site) == []
    for path in ("view", "pictures", "download"):
        assert site.get(f"/{path}/{name}").status == 404
    assert stored(site) == []


def test_the_newest_come_first_page_by_page(site: Site) -> None:
    """Each picture once, older ones behind a link, and no link at the end."""
    names = [f"20260101-{number:06}-x.png" for number in range(2 * shelf.SHOWN + 3)]
    for name in names:
        site.put(name, PNG)
    seen: list[str] = []
    path: str | None = "/"
    while path:
        seen += shown_names(site, path)
        found = re.search('href="(/[?]before=[^"]+)"', site.get(path).text)
        path = html.unescape(found[1]) if found else None
    assert seen == sorted(names, reverse=True)
    assert site.get("/?before=..%2f%00").status == 200


def test_deleting_what_is_not_there_is_told(site: Site) -> None:
    """Two clicks on one button, or a made-up name: it is gone, and that is said."""
    for name in ("nope", "../../etc/passwd", "", "\0", "x" * 2000):
        answer = site.post("/delete", {"picture": name})
        assert answer.status == 404
        assert shelf.NOT_FOUND in answer.text


def test_the_sites_show_each_other_s_pictures(
    store: KeyValueStore, request: pytest.FixtureRequest
) -> None:
    """One shelf: what one site stores, the others show, serve and delete for its owner."""
    names = ("django", "flask", "starlette")
    sites: list[Site] = [request.getfixturevalue(f"{name}_site") for name in names]
    pictures = {
        upload(site, PNG + name.encode()): name for site, name in zip(sites, names, strict=True)
    }
    for site in sites:
        assert set(shown_names(site)) == set(pictures)
        for picture, name in pictures.items():
            assert site.get(f"/pictures/{picture}").body == PNG + name.encode()
    for site, picture in zip(sites[1:] + sites[:1], pictures, strict=True):
        assert site.post("/delete", {"picture": picture}).status == 303
    assert stored(sites[0]) == []


@whatever_the_store
def test_static_files_are_there_for_everybody(site: Site) -> None:
    """The look and the script, also of the page that asks for a name; nothing beside them."""
    site.post("/sign-out")
    for path, kind in {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}.items():
        answer = site.get(f"/static/shelf.{path}")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(kind)
    for path in ("../settings.py", "%2e%2e/settings.py", "none.css", ""):
        assert site.get(f"/static/{path}").status in {303, 400, 404}
