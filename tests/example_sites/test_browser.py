"""The sites in a real browser: on a phone, by keyboard, with and without scripts, in the dark."""

import re
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from example_sites import shelf as words
from example_sites.shelf import places
from tests.example_sites.browser import (
    MAX_BYTES,
    SITES,
    Shelf,
    assert_accessible,
    assert_fits,
    assert_good,
    file,
    png,
    running_browser,
    running_site,
    tab_to,
)
from tests.servers import within

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all; closed before other modules run, as it keeps an event loop."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module", params=SITES)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[Shelf]:
    """Each site, once for all of its tests."""
    folder = tmp_path_factory.mktemp("pictures")
    with running_site(request.param, folder) as server:
        yield Shelf(server, folder)
        assert "Traceback" not in server.log, server.log


@pytest.fixture
def shelf(running: Shelf) -> Shelf:
    """Each site, with nothing on its shelf."""
    running.clear()
    return running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone with scripts. What it complains of fails the test."""
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    context.close()
    # To the browser an upload that was refused or broke is a failure; here it is told.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A phone without scripts."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_from_sign_in_to_delete_by_keyboard(
    shelf: Shelf, browser: Browser, scripts: bool, tmp_path: Path
) -> None:
    """Nobody needs a mouse, nor scripts; what happened has the focus, so that it is read out."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=scripts)
    page = context.new_page()
    page.on("filechooser", lambda _: None)  # from now on: later it might miss the first one
    press = page.keyboard.press
    page.goto(shelf.url)
    assert page.url == f"{shelf.url}/sign-in"
    page.locator("input:focus").wait_for()  # the browser gives it, a moment after it has loaded
    page.keyboard.type("Ann")
    press("Enter")
    page.wait_for_url(f"{shelf.url}/")

    tab_to(page, page.get_by_label("Picture"))
    with page.expect_file_chooser() as chooser:
        press("Enter")
    chooser.value.set_files(file(png()))
    tab_to(page, page.get_by_label("Title"))
    page.keyboard.type("Nap time")
    tab_to(page, page.get_by_role("button", name="Put it on the shelf"))
    press("Enter")
    expect(page.get_by_role("status")).to_have_text(words.ADDED)
    expect(page.get_by_role("status")).to_be_focused()

    tab_to(page, page.get_by_role("link", name="Nap time"))
    press("Enter")
    expect(page.get_by_role("heading", name="Nap time")).to_be_visible()
    tab_to(page, page.get_by_role("link", name="Download"))
    with page.expect_download() as download:
        press("Enter")
    assert download.value.suggested_filename == "Nap time.png"
    download.value.save_as(tmp_path / "saved.png")
    assert (tmp_path / "saved.png").read_bytes() == png()

    tab_to(page, page.locator("summary"))
    press("Enter")
    tab_to(page, page.get_by_role("button", name="Delete it for good"))
    press("Enter")
    expect(page.get_by_role("status")).to_have_text(words.DELETED)
    expect(page.get_by_role("status")).to_be_focused()
    assert shelf.keys() == []
    tab_to(page, page.get_by_role("button", name="Sign out"))
    press("Enter")
    page.wait_for_url(f"{shelf.url}/sign-in")
    context.close()


def test_the_header_is_small_and_can_be_skipped(shelf: Shelf, page: Page) -> None:
    """One line on a phone; Tab and Enter lead past it."""
    shelf.sign_in(page)
    header = page.locator("header").bounding_box()
    assert header is not None
    assert header["height"] < 90
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_every_page_fits_and_is_accessible(shelf: Shelf, browser: Browser, page: Page) -> None:
    """At 320, 360 and 1280 px nothing scrolls sideways; axe-core reports nothing, light or dark."""
    long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihungszeremonie"
    for number in range(words.SHOWN + 1):
        title = [long, "الخليج عند الفجر", "Cat"][number % 3]
        shelf.put(f"20260101-{number:06}-x.png", title, "W" * 40 if number % 2 else "Ann")

    check = partial(assert_good, page)
    page.goto(shelf.url)
    check()
    page.get_by_label("Your name").fill("\u00ad")  # a soft hyphen is no name
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text(words.NO_NAME)
    check()
    shelf.sign_in(page, "W" * 40)
    check()
    with closing(browser.new_context(user_agent="W" * 60)) as another:
        shelf.sign_in(another.new_page(), "W" * 40)
    page.goto(f"{shelf.url}/signed-in")
    expect(page.get_by_role("button", name="Sign out everywhere else")).to_be_visible()
    check()
    page.goto(shelf.url)
    page.get_by_role("link", name="Older pictures").click()
    page.wait_for_url(re.compile("before="))
    check()
    page.get_by_label("Picture").set_input_files(file(b"words", kind="text/plain"))
    expect(page.get_by_role("alert")).to_contain_text("not a picture")
    check()
    page.goto(f"{shelf.url}/view/20260101-000003-x.png")
    page.locator("summary").click()
    check()
    page.goto(f"{shelf.url}/view/20260101-000002-x.png")
    assert page.locator("summary").count() == 0  # another's
    check()
    page.goto(f"{shelf.url}/view/none")
    expect(page.get_by_role("heading")).to_have_text(words.NOT_FOUND)
    check()
    shelf.clear()
    shelf.sign_in(page)
    expect(page.get_by_text("Nothing yet")).to_be_visible()
    check()


def test_the_page_follows_the_person_s_settings(shelf: Shelf, page: Page) -> None:
    """Dark or light, and nothing moves for who wants it so."""
    look = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(button).transition]"
    look = f"button = document.querySelector('main button'), {look}"
    shelf.sign_in(page)
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    light, moves = page.evaluate(look)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    dark, rests = page.evaluate(look)
    assert light == "rgb(245, 241, 232)"
    assert dark == "rgb(25, 23, 20)"
    assert "0.15s" in moves
    assert "0.15s" not in rests


def test_too_large_and_wrong_type_are_told_before_sending(shelf: Shelf, page: Page) -> None:
    """At once, beside the field, which has the focus; the button sends nothing either."""
    shelf.sign_in(page)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.method))
    large, wrong = file(png() + bytes(MAX_BYTES)), file(b"", "x.html", "text/html")
    for chosen, text in ((large, words.too_large(MAX_BYTES)), (wrong, words.NOT_A_PICTURE)):
        page.get_by_label("Picture").set_input_files(chosen)
        expect(page.get_by_role("alert")).to_have_text(text)
        expect(page.get_by_label("Picture")).to_be_focused()
        page.get_by_role("button", name="Put it on the shelf").click()
        expect(page.get_by_role("alert")).to_have_text(text)
    page.get_by_label("Picture").set_input_files(file(png()))
    expect(page.locator(".problem")).to_be_hidden()
    assert "POST" not in posts
    assert shelf.keys() == []


def test_what_only_the_bytes_tell_is_told_by_the_site(shelf: Shelf, page: Page) -> None:
    """A page that calls itself a picture: the answer is shown in place, the title stays."""
    shelf.sign_in(page)
    page.get_by_label("Title").fill("Nap time")
    page.get_by_label("Picture").set_input_files(file(b"<script>alert(1)</script>"))
    page.get_by_role("button", name="Put it on the shelf").click()
    expect(page.get_by_role("alert")).to_have_text(words.NOT_A_PICTURE)
    expect(page.get_by_label("Picture")).to_be_focused()
    expect(page.get_by_label("Title")).to_have_value("Nap time")
    assert shelf.keys() == []
    page.get_by_label("Picture").set_input_files(file(png()))  # the page goes on working
    page.get_by_role("button", name="Put it on the shelf").click()
    expect(page.get_by_role("link", name="Nap time")).to_be_visible()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (png() + bytes(MAX_BYTES), "too large"),  # received and counted
        (png() + bytes(20 * MAX_BYTES), "too large"),  # refused by what it announces
        (b"<script>alert(1)</script>", "not a picture"),
    ],
    ids=["large", "huge", "wrong"],
)
def test_without_scripts_the_site_tells(
    shelf: Shelf, plain: Page, data: bytes, text: str, tmp_path: Path
) -> None:
    """A whole page, with the reason beside the field."""
    chosen = tmp_path / "cat.png"
    chosen.write_bytes(data)
    shelf.sign_in(plain)
    plain.get_by_label("Picture").set_input_files(chosen)
    plain.get_by_label("Title").fill("Nap time")
    plain.get_by_role("button", name="Put it on the shelf").click()
    expect(plain.get_by_role("alert")).to_contain_text(text)
    expect(plain.get_by_label("Picture")).to_be_focused()
    assert shelf.keys() == []


def test_progress_is_shown_and_can_be_cancelled(shelf: Shelf, page: Page) -> None:
    """On a slow line: the bar moves, the person hears of it, cancels, and nothing is stored."""
    shelf.sign_in(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 60_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.get_by_label("Picture").set_input_files(file(png() + bytes(900_000)))
    page.get_by_role("button", name="Put it on the shelf").click()
    bar = page.get_by_role("progressbar", name="Upload")
    expect(bar).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    expect(bar).not_to_have_attribute("value", "0")
    assert 0 < bar.evaluate("bar => bar.value") < 100
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^Sending: (0|25|50|75) %$"))
    assert_accessible(page)
    assert_fits(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Cancelled. Nothing was stored.")
    expect(bar).to_be_hidden()
    assert within(1, lambda: shelf.keys() == [])


def test_a_site_that_went_away_is_told(shelf: Shelf, page: Page) -> None:
    """No silence when the connection breaks."""
    shelf.sign_in(page)
    page.get_by_label("Picture").set_input_files(file(png()))
    page.route("**/", lambda route: route.abort())
    page.get_by_role("button", name="Put it on the shelf").click()
    expect(page.get_by_role("alert")).to_contain_text("The connection broke.")
    expect(page.get_by_role("button", name="Put it on the shelf")).to_be_visible()


def test_another_s_picture_has_no_delete(shelf: Shelf, page: Page) -> None:
    """Who did not put it there sees it, and its picture loads."""
    shelf.put("20260101-000000-x.png", "Cat", "Bob")
    shelf.sign_in(page)
    page.get_by_role("link", name="Cat").click()
    picture = page.get_by_role("img", name="Cat")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 160
    assert page.get_by_text("Delete").count() == 0


def test_where_am_i_signed_in(shelf: Shelf, browser: Browser) -> None:
    """Two browsers are listed; one signs the other out, by keyboard and without scripts."""
    contexts = [
        browser.new_context(viewport=PHONE, user_agent=agent, java_script_enabled=False)
        for agent in ("Mozilla/5.0 (Android 15; Mobile) Firefox/140.0", None)
    ]
    phone, laptop = [context.new_page() for context in contexts]
    shelf.sign_in(phone)
    shelf.sign_in(laptop)

    tab_to(laptop, laptop.get_by_role("link", name="Where you are signed in"))
    laptop.keyboard.press("Enter")
    laptop.wait_for_url(f"{shelf.url}/signed-in")
    expect(laptop.get_by_role("heading", level=2)).to_have_count(2)
    expect(laptop.get_by_role("listitem").first).to_contain_text("This one")
    tab_to(laptop, laptop.get_by_role("button", name="Sign out Firefox on Android"))
    laptop.keyboard.press("Enter")
    expect(laptop.get_by_role("status")).to_have_text(places.SIGNED_OUT)
    expect(laptop.get_by_role("status")).to_be_focused()
    expect(laptop.get_by_role("heading", level=2)).to_have_count(1)

    phone.get_by_label("Picture").set_input_files(file(png()))  # the page is still open there
    phone.get_by_role("button", name="Put it on the shelf").click()
    expect(phone.get_by_label("Your name")).to_be_visible()
    assert shelf.keys() == []

    shelf.sign_in(phone)
    laptop.reload()
    laptop.get_by_role("button", name="Sign out everywhere else").click()
    expect(laptop.get_by_role("status")).to_have_text(places.told(1))
    phone.reload()
    expect(phone.get_by_label("Your name")).to_be_visible()
    laptop.get_by_role("button", name="Sign out everywhere").click()
    laptop.wait_for_url(f"{shelf.url}/sign-in")
    for context in contexts:
        context.close()
