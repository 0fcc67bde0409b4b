"""A real browser, Chromium driven by Playwright, in front of the sites under real servers."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from example_sites.shelf import Picture
from kvcore import FilesystemStore
from tests import services
from tests.servers import Server, gunicorn, uvicorn

SITES = ("django", "flask", "starlette")
MAX_BYTES = 1_000_000
_CHROMIUM = shutil.which("chromium") or ""

expect.set_options(timeout=20_000)  # milliseconds, on a machine that is busy with other tests


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    services.require("chromium", available=bool(_CHROMIUM), hint="apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def running_site(name: str, folder: Path) -> Iterator[Server]:
    """A site with its pictures in a folder."""
    env = {
        "KVCORE_STORES": json.dumps({"default": f"fs://{folder}"}),
        "SHELF_MAX_BYTES": str(MAX_BYTES),
        "SHELF_SECRET_KEY": "for tests only",
        "DJANGO_SETTINGS_MODULE": "example_sites.django_site.settings",
    }
    if name == "starlette":
        with uvicorn("example_sites.starlette_site:create_app", factory=True, env=env) as server:
            yield server
        return
    app = {
        "django": "django.core.wsgi:get_wsgi_application()",
        "flask": "example_sites.flask_site:create_app()",
    }[name]
    with gunicorn(app, threads=4, env=env) as server:
        yield server


class Shelf:
    """A site in a browser, and the store behind it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.url = server.url
        self.store = FilesystemStore(folder).with_keys("path")

    def put(self, name: str, title: str, owner: str) -> Picture:
        """A picture that is there already."""
        picture = Picture(name, title, owner, datetime(2026, 11, 23, 10, 20, tzinfo=UTC))
        self.store.put(picture.key, png())
        self.store.put(picture.record_key, picture.dump())
        return picture

    def keys(self) -> list[str]:
        """What is stored of pictures."""
        return self.store.keys("shelf/")

    def clear(self) -> None:
        """Nothing is stored, and nobody is signed in."""
        self.store.delete_many(self.store.keys())

    def sign_in(self, page: Page, name: str = "Ann") -> None:
        """As a person does."""
        page.goto(f"{self.url}/sign-in")
        page.get_by_label("Your name").fill(name)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{self.url}/")


@cache
def png(width: int = 160, height: int = 120) -> bytes:
    """A picture that a browser can show."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(
        b"\0" + b"".join(bytes((x % 256, y % 256, 160)) for x in range(width))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def file(data: bytes, name: str = "my cat.png", kind: str = "image/png") -> Any:
    """A file as a person chooses it."""
    return {"name": name, "mimeType": kind, "buffer": data}


def assert_fits(page: Page) -> None:
    """Nothing reaches beyond the right edge, so nothing scrolls sideways."""
    wide = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1], f"{page.url} is {wide[0]} px wide on a screen of {wide[1]}"


def assert_accessible(page: Page, *, only: list[str] | None = None) -> None:
    """axe-core finds nothing by any of its rules, and there is nothing that it cannot judge."""
    options: dict[str, object] = {"resultTypes": ["violations", "incomplete"]}
    if only is not None:
        options["runOnly"] = only
    found = Axe().run(page, options=options)
    assert not found.response["violations"], f"{page.url}: {found.generate_report()}"
    unsure = [problem["id"] for problem in found.response["incomplete"]]
    assert not unsure, f"{page.url}: {unsure}"


def assert_good(page: Page) -> None:
    """Accessible, light or dark, and nothing scrolls sideways at 320, 360 and 1280 px."""
    page.emulate_media(color_scheme="light")
    assert_accessible(page)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page, only=["color-contrast"])
    for width in (320, 360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert_fits(page)


def tab_to(page: Page, wanted: Locator, *, most: int = 60) -> None:
    """Press Tab until this has the focus, which has to be seen at each stop."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focus = page.locator(":focus")
        if not focus.count():
            continue  # beyond the last one: the browser's own controls
        style = focus.evaluate("e => [getComputedStyle(e).outlineStyle, e.outerHTML]")
        assert style[0] == "solid", f"the focus cannot be seen on {style[1]}"
        box = focus.bounding_box()
        assert box is not None, style[1]
        assert box["width"] >= 24, style[1]  # WCAG 2.2, 2.5.8: target size
        assert box["height"] >= 24, style[1]
        if wanted.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by Tab")
