"""The page that tells a person where they are signed in, the same on all three frameworks."""

import re

import pytest

from example_sites.shelf import places
from kvcore import KeyValueStore
from tests.http.clients import ANN, ELSEWHERE, Answer, Site
from tests.http.shelf import whatever_the_store

PHONE = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


def another_browser(site: Site, name: str = ANN, agent: str = PHONE) -> dict[str, str]:
    """Sign in in another browser; its cookies."""
    mine = dict(site.cookies)
    site.cookies.clear()
    site.post("/sign-in", {"name": name}, headers={"User-Agent": agent})
    theirs, site.cookies = site.cookies, mine
    return theirs


def with_cookies(site: Site, cookies: dict[str, str], path: str = "/") -> Answer:
    """What another browser gets."""
    mine, site.cookies = site.cookies, dict(cookies)
    answer = site.get(path)
    site.cookies = mine
    return answer


def handles(page: Answer) -> list[str]:
    """Those that have a button, in their order."""
    return re.findall('name="session" value="([0-9a-f]{64})"', page.text)


def test_a_person_sees_where_they_are_signed_in_and_ends_one(site: Site) -> None:
    """With the browser's name; the other is nobody on its next request, this one stays."""
    other = another_browser(site)
    page = site.get("/signed-in")
    assert "Firefox on Android" in page.text
    assert page.text.count("This one") == 1
    [handle] = handles(page)
    assert with_cookies(site, other).status == 200
    answer = site.post("/signed-in", {"session": handle})
    assert (answer.status, answer.headers["location"]) == (303, "/signed-in")
    assert with_cookies(site, other).headers["location"] == "/sign-in"
    page = site.get("/signed-in")
    assert places.SIGNED_OUT in page.text
    assert handles(page) == []
    site.post("/signed-in", {"session": handle})
    assert places.NOT_THERE in site.get("/signed-in").text


def test_everywhere_else_and_everywhere(site: Site) -> None:
    """Only this person's, and with the last button this one, too."""
    others, bob = [another_browser(site) for _ in range(2)], another_browser(site, "Bob")
    mine = dict(site.cookies)
    site.post("/signed-in", {"session": places.OTHERS})
    assert [with_cookies(site, other).status for other in others] == [303, 303]
    page = site.get("/signed-in")
    assert places.told(2) in page.text
    assert "everywhere else" not in page.text
    answer = site.post("/signed-in", {"session": places.EVERYWHERE})
    assert answer.headers["location"] == "/sign-in"
    assert with_cookies(site, mine).status == 303
    assert with_cookies(site, bob).status == 200


def test_the_sites_have_one_list(store: KeyValueStore, request: pytest.FixtureRequest) -> None:
    """Each shows the sessions of all, and ends those of the others."""
    sites: list[Site] = [
        request.getfixturevalue(f"{name}_site") for name in ("django", "flask", "starlette")
    ]
    for site in sites:
        for one in sites:
            one.sign_in(ANN)
        page = site.get("/signed-in").text
        assert all(f"on {name}</small>" in page for name in ("Django", "Flask", "Starlette"))
        site.post("/signed-in", {"session": places.OTHERS})
        signed_in = [one for one in sites if one.get("/").status == 200]
        assert signed_in == [site]


@whatever_the_store
def test_nobody_ends_what_is_another_s(site: Site) -> None:
    """Neither by its handle, nor by something made up, nor from a page of another site."""
    bob = another_browser(site, "Bob")
    other = another_browser(site)
    [handle] = handles(site.get("/signed-in"))
    mine, site.cookies = site.cookies, bob
    for made_up in (handle, "0" * 64, "", "\0", "../" * 99, handle.upper()):
        site.post("/signed-in", {"session": made_up})
        assert places.NOT_THERE in site.get("/signed-in").text
    site.cookies = mine
    for chosen in (handle, places.OTHERS, places.EVERYWHERE):
        assert site.post("/signed-in", {"session": chosen}, headers=ELSEWHERE).status == 403
    assert with_cookies(site, other).status == 200
    assert site.get("/").status == 200


@whatever_the_store
def test_the_page_is_for_who_is_signed_in(site: Site) -> None:
    """Others are asked for their name; a form of theirs changes nothing."""
    site.post("/sign-out")
    for answer in (site.get("/signed-in"), site.post("/signed-in", {"session": places.EVERYWHERE})):
        assert (answer.status, answer.headers["location"]) == (303, "/sign-in")


@whatever_the_store
def test_what_a_browser_calls_itself_is_text(site: Site) -> None:
    """It may be anything."""
    another_browser(site, agent="<script>alert(1)</script>" + "x" * 5000)
    page = site.get("/signed-in").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page


@whatever_the_store
def test_a_sign_out_is_one_on_the_server(site: Site) -> None:
    """Who kept a copy of the cookie is nobody with it; what the browser has left is nothing."""
    [name] = [name for name in site.cookies if "csrf" not in name]
    kept = dict(site.cookies)
    site.post("/sign-out")
    assert name not in site.cookies
    assert with_cookies(site, kept).headers["location"] == "/sign-in"


@whatever_the_store
def test_a_sign_in_has_a_cookie_of_its_own(site: Site) -> None:
    """What somebody planted before is not signed in."""
    [name] = [name for name in site.cookies if "csrf" not in name]
    planted = dict(site.cookies)
    site.post("/sign-in", {"name": "Bob"})
    assert site.cookies[name] != planted[name]
    assert with_cookies(site, planted).headers["location"] == "/sign-in"


@whatever_the_store
def test_visitors_leave_nothing_in_the_store(site: Site) -> None:
    """Fifty without cookies, and what is the same for all is not asked of any session."""
    before = sorted(site.store.with_keys("path").keys())
    mine, site.cookies = site.cookies, {}
    for _ in range(50):
        site.cookies.clear()
        site.get("/")
    site.cookies = mine
    assert sorted(site.store.with_keys("path").keys()) == before
    assert "cookie" not in site.get("/static/shelf.css").headers.get("vary", "").lower()
