"""What a browser does with a stored file that is alone in its tab: it is shown, it runs nothing."""

from __future__ import annotations

import io
import wave
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from playwright.sync_api import Error as BrowserError

from kvcore import FilesystemStore
from tests.example_sites.browser import png, running_browser
from tests.http.files.conftest import Served, served
from tests.servers import within

SHOWN_SECS = 20.0  # on a machine that is busy with other tests
RUN = "top.document.title = 'ran'"


def sound() -> bytes:
    """Two seconds, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(range(256)) * 125)
    return file.getvalue()


def film(page: Page) -> bytes:
    """Half a second, as a WebM file: the browser makes it."""
    recorded: str = page.evaluate(
        """async () => {
            const canvas = document.createElement("canvas");
            const context = canvas.getContext("2d");
            const recorder = new MediaRecorder(canvas.captureStream(), {mimeType: "video/webm"});
            const parts = [];
            recorder.ondataavailable = ({data}) => parts.push(data);
            const stopped = new Promise((resolve) => recorder.onstop = resolve);
            recorder.start();
            for (let i = 0; i < 10; i++) {
                context.fillStyle = i % 2 ? "red" : "blue";
                context.fillRect(0, 0, 300, 150);
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
            recorder.stop();
            await stopped;
            const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
            return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        }"""
    )
    return b64decode(recorded)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all; closed before other modules run, as it keeps an event loop."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One framework speaks for all: the headers are the same."""
    folder = tmp_path_factory.mktemp("tabs")
    with served("flask-gthread", folder, f"fs://{folder}/stored") as site:
        yield site


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new tab."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def put(site: Served, name: str, data: bytes) -> str:
    """The address of a stored file."""
    with FilesystemStore(site.folder / "stored", keys="path") as store:
        return f"{site.server.url}/files/{quote(store.put(name, data))}"


def told(page: Page, expression: str) -> object:
    """What the page has, asked as by developer tools, for which scripts need not be allowed."""
    session = page.context.new_cdp_session(page)
    answer = session.send("Runtime.evaluate", {"expression": expression})
    value: object = answer["result"].get("value")
    return value


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_media_play(site: Served, page: Page, kind: str) -> None:
    """Also on the second visit, when the browser has a copy and asks only if it is still good."""
    if kind == "video":
        page.goto(f"{site.server.url}/keys")
        path = put(site, "film.webm", film(page))
    else:
        path = put(site, "sound.wav", sound())
    media = "document.querySelector('video')"  # Chromium plays sounds in this, too
    for _ in range(2):
        page.goto(path)
        assert within(SHOWN_SECS, lambda: told(page, f"{media}.readyState === 4"))
        assert told(page, f"{media}.error === null")
        told(page, f"{media}.play()")
        assert within(SHOWN_SECS, lambda: float(str(told(page, f"{media}.currentTime"))) > 0.1)


def test_a_picture_has_its_place(site: Served, page: Page) -> None:
    """One that is larger than the window is made to fit, which takes a style of the browser's."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    page.on("console", note)
    page.goto(put(site, "wide.png", png(width=4000, height=10)))
    image = "document.querySelector('img')"
    assert within(SHOWN_SECS, lambda: told(page, f"{image}.naturalWidth === 4000"))
    assert within(SHOWN_SECS, lambda: told(page, f"{image}.width <= window.innerWidth"))
    assert complaints == []


ACTIVE = {
    "page.html": f'<html><body onload="{RUN}"><script>{RUN}</script>'.encode(),
    "drawing.svg": f"<svg xmlns='http://www.w3.org/2000/svg'><script>{RUN}</script></svg>".encode(),
    "script.js": RUN.encode(),
}


@pytest.mark.parametrize("name", ACTIVE)
def test_what_could_run_is_a_download(site: Served, page: Page, name: str) -> None:
    """The tab stays where it is."""
    page.goto(f"{site.server.url}/keys")
    path = put(site, name, ACTIVE[name])
    with page.expect_download() as download, pytest.raises(BrowserError, match="Download"):
        page.goto(path)
    assert Path(download.value.path()).read_bytes() == ACTIVE[name]
    assert page.url == f"{site.server.url}/keys"


@pytest.mark.parametrize(
    "begin",
    [b"RIFF\xff\xff\xff\xffWAVE", b"\x89PNG\r\n\x1a\n", b"plain words, 1 ", b"\0\0\0 ftypisom"],
    ids=["audio", "picture", "text", "video"],
)
@pytest.mark.parametrize("name", ["page.html", "drawing.svg"])
def test_what_begins_as_something_harmless_runs_nothing(
    site: Served, page: Page, begin: bytes, name: str
) -> None:
    """Neither in a tab nor in a frame of the site's own pages."""
    path = put(site, f"harmless/{name}", begin + ACTIVE[name])
    page.goto(f"{site.server.url}/keys")
    for tag, source in (("iframe", "src"), ("object", "data"), ("script", "src")):
        page.evaluate(
            """([tag, source, path]) => new Promise((done) => {
                const made = document.createElement(tag);
                made.onload = made.onerror = done;
                made[source] = path;
                document.body.append(made);
                setTimeout(done, 1000);  // a download has neither event
            })""",
            [tag, source, path],
        )
    assert page.title() != "ran"
    with suppress(BrowserError):  # a download
        page.goto(path)
    assert told(page, "document.title") != "ran"
