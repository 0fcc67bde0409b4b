"""The picture shelf does the same on all three frameworks, over every kind of store."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from example_sites import shelf
from kvcore import KeyValueStore
from tests.http.clients import ANN, ELSEWHERE, OURS, Answer, Site, Upload

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
    """Every key in the store."""
    return sorted(site.store.with_keys("path").keys())


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


# Who may do what


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


# What goes out


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


# What comes in


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


@whatever_the_store
def test_what_browsers_send_of_their_own_pages_is_welcome(site: Site) -> None:
    """Older browsers send an Origin only."""
    picture = ("a.png", PNG, "image/png")
    assert site.post("/", {}, picture, headers={"Origin": OURS["Origin"]}).status == 303
