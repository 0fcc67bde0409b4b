"""`make demo` starts three sites on real servers, tells where, and stops them cleanly."""

import html
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from threading import Timer
from urllib.parse import urlencode, urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100


@contextmanager
def running_demo(tmp_path: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo as a process of its own, and what it printed when it was ready."""
    demo = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "example_sites.demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = Timer(120, demo.kill)  # a demo that hangs fails the test instead
    watchdog.start()
    try:
        assert demo.stdout is not None
        printed = ""
        for line in demo.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        yield demo, printed
    finally:
        demo.kill()
        demo.communicate()
        watchdog.cancel()


def ask(
    url: str, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request over a connection of its own."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


def use(url: str) -> str:
    """Upload a picture as a browser would, view it, try to delete it from elsewhere."""
    _, headers, page = ask(url, "GET", "/")
    cookie = SimpleCookie(headers.get("set-cookie", ""))
    tokens = re.findall('name="csrfmiddlewaretoken" value="([^"]+)"', page.decode())
    fields = "".join(
        f'--B\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'
        for token in tokens[:1]
    )
    head = '--B\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
    body = fields.encode() + head.encode() + PNG + b"\r\n--B--\r\n"
    sent = {
        "Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in cookie.items()),
        "Origin": url.rstrip("/"),
        "Sec_Fetch_Site": "same-origin",
    }
    form = "multipart/form-data; boundary=B"
    assert ask(url, "POST", "/", body, Content_Type=form, **sent)[0] == 303
    page = ask(url, "GET", "/", Cookie=sent["Cookie"])[2]
    (address,) = re.findall('<img src="([^"]+)"', page.decode())
    assert ask(url, "GET", html.unescape(address))[2] == PNG
    fields = urlencode(
        {"key": address.removeprefix("/pictures/"), "csrfmiddlewaretoken": "".join(tokens[:1])}
    )
    form = "application/x-www-form-urlencoded"
    foreign = {**sent, "Origin": "http://127.0.0.1:9", "Sec_Fetch_Site": "same-site"}
    assert ask(url, "POST", "/delete", fields.encode(), Content_Type=form, **foreign)[0] == 403
    return address


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_runs_and_stops(tmp_path: Path, stop: signal.Signals) -> None:
    """Three addresses of this machine that work, one folder, and a clean end by either signal."""
    with running_demo(tmp_path) as (demo, printed):
        urls = re.findall(r"http://127\.0\.0\.1:\d+/", printed)
        assert len(set(urls)) == 3
        addresses = [use(url) for url in urls]
        demo.send_signal(stop)
        said, _ = demo.communicate(timeout=30)
        assert demo.returncode == 0, said
        assert "Stopped. The pictures are in fs://" in said
        assert re.search(r"kvcore-demo-\w+ may be deleted", said)
        assert "Traceback" not in said
    (folder,) = tmp_path.glob("kvcore-demo-*/pictures")
    kept = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    ids = [address.removeprefix("/pictures/") for address in addresses]
    assert kept == sorted(f"{site}-{key}" for site, key in zip(SITES, ids, strict=True))
    for url in urls:
        with pytest.raises(ConnectionRefusedError):
            ask(url, "GET", "/")


SITES = ("django", "flask", "starlette")


def test_the_demo_takes_another_store(tmp_path: Path) -> None:
    """`KVCORE_DEMO_STORE` is a URL; one that is wrong is told before anything starts."""
    url = f"fs://{tmp_path}/elsewhere"
    with running_demo(tmp_path, KVCORE_DEMO_STORE=url) as (_, printed):
        assert f"The pictures go to {url}" in printed
        use(re.findall(r"http://127\.0\.0\.1:\d+/", printed)[1])
    assert len(list((tmp_path / "elsewhere").glob("flask-*.png"))) == 1
    with running_demo(tmp_path, KVCORE_DEMO_STORE="memry://") as (demo, printed):
        assert "memory" in printed
        assert "http://" not in printed
        assert demo.wait(30) != 0
