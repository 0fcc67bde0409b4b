"""Who may do what on the picture shelf, the same on all three frameworks."""

import html
import re

import pytest

from example_sites import shelf
from tests.http.clients import ANN, ELSEWHERE, OURS, Site
from tests.http.shelf import PNG, answer_to, shown_names, stored, upload, whatever_the_store


@whatever_the_store
@pytest.mark.parametrize("path", ["/", "/view/a.png", "/pictures/a.png", "/download/a.png"])
def test_only_who_is_signed_in_sees_pictures(site: Site, path: str) -> None:
    """Everybody else is sent to the page that asks for a name."""
    site.put("a.png", PNG)
    assert site.get(path).status == 200
    assert site.post("/sign-out").status == 303
    answer = site.get(path)
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in")
    assert site.get("/sign-in").status == 200


@whatever_the_store
def test_who_is_signed_out_changes_nothing(site: Site) -> None:
    """Neither upload nor delete; the token of an earlier page does not help."""
    site.put("a.png", PNG)
    site.post("/sign-out")
    for answer in (answer_to(site), site.post("/delete", {"picture": "a.png"})):
        assert (answer.status, answer.headers["location"]) == (303, "/sign-in")
    assert len(stored(site)) == 2


@whatever_the_store
def test_a_cookie_that_somebody_made_up_is_nobody(site: Site) -> None:
    """The cookie is signed; a changed one counts as none."""
    (name,) = [name for name in site.cookies if "csrf" not in name]
    for forged in ("Ann", site.cookies[name][:-1], "x" + site.cookies[name], '{"person":"Ann"}'):
        site.cookies[name] = forged
        assert site.get("/").status == 303


@whatever_the_store
def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(site: Site) -> None:
    """HttpOnly, SameSite=Lax, and a name of its own on each site: ports share cookies."""
    answer = site.sign_in(ANN)
    cookie = answer.headers["set-cookie"]
    framework = type(site).__name__.removesuffix("Site").lower()
    assert f"shelf_{framework}=" in cookie
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()


@whatever_the_store
@pytest.mark.parametrize("name", ["", "   ", "a" * 41, "\u202e", "\r\n\t"])
def test_who_tells_no_name_is_asked_again(site: Site, name: str) -> None:
    """With the reason beside the field, and not signed in."""
    answer = site.sign_in(name)
    assert answer.status == 400
    assert shelf.NO_NAME in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert site.get("/").status == 303


@whatever_the_store
def test_names_and_titles_are_escaped_and_stay_whole(site: Site) -> None:
    """Whatever people call themselves and their pictures is text on the page."""
    person, title = "<b>Zoë</b> 'x\" &amp;", "Ümläut <script>alert(1)</script> 猫"
    assert site.sign_in(person).status == 303
    name = upload(site, title=title)
    for path in ("/", f"/view/{name}"):
        page = site.get(path).text
        assert "<b>" not in page
        assert "<script>" not in page
        assert {person, title} <= {html.unescape(t) for t in re.findall("<bdi>([^<]*)</bdi>", page)}
    assert site.post("/delete", {"picture": name}).status == 303
    assert shown_names(site) == []


def test_nobody_deletes_what_is_another_s(site: Site) -> None:
    """All see it, only who put it there is shown a way to delete it, and may."""
    name = upload(site)
    before = stored(site)
    for other in ("Bob", "ann", "Anna"):
        site.sign_in(other)
        assert shown_names(site) == [name]
        assert "/delete" not in site.get(f"/view/{name}").text
        answer = site.post("/delete", {"picture": name})
        assert answer.status == 403
        assert shelf.NOT_YOURS in answer.text
        assert stored(site) == before
    site.sign_in(ANN)
    assert site.post("/delete", {"picture": name}).status == 303
    assert stored(site) == []


def test_pages_of_other_sites_change_nothing(site: Site) -> None:
    """No form that stands elsewhere uploads, deletes or signs anybody in or out."""
    name = upload(site)
    before = stored(site)
    picture = ("a.png", PNG, "image/png")
    for path in ("/", "/delete", "/sign-in", "/sign-out"):
        upload_ = picture if path == "/" else None
        fields = {"picture": name} if path == "/delete" else {"name": "Eve"}
        answer = site.post(path, fields, upload_, headers=ELSEWHERE)
        assert answer.status == 403, path
        assert shelf.FOREIGN in answer.text
    assert stored(site) == before
    assert f"<bdi>{ANN}</bdi>" in site.get("/").text


@whatever_the_store
@pytest.mark.parametrize("path", ["/delete", "/sign-out"])
def test_a_link_changes_nothing(site: Site, path: str) -> None:
    """What changes something is not done by GET."""
    assert site.get(path).status == 405
    assert site.get("/").status == 200


@whatever_the_store
def test_another_host_name_is_refused(site: Site) -> None:
    """A name that somebody else points at this machine (DNS rebinding) gets no page."""
    assert site.get("/", {"Host": "elsewhere.example"}).status == 400


@whatever_the_store
def test_what_browsers_send_of_their_own_pages_is_welcome(site: Site) -> None:
    """Older browsers send an Origin only."""
    picture = ("a.png", PNG, "image/png")
    assert site.post("/", {}, picture, headers={"Origin": OURS["Origin"]}).status == 303
