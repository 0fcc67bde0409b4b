"""`make demo` starts three sites on real servers, tells where, and stops them cleanly."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit

import pytest

from example_sites import shelf
from kvcore import store_from_url
from tests.http.clients import ELSEWHERE, Site
from tests.object_servers.gcs import GcsBucket
from tests.object_servers.s3 import Bucket
from tests.redis_servers import RedisServer

ROOT = Path(__file__).resolve().parent.parent.parent
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
UNSET = {"KVCORE_DEMO_STORE": "", "KVCORE_DEMO_SESSION_STORE": ""}
URL = re.compile(r"http://127\.0\.0\.1:\d+/")


@contextmanager
def running_demo(tmp_path: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo as a process of its own, and what it printed when it was ready."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    demo = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "example_sites.demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, **UNSET, **environment},
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


class RealSite(Site):
    """A site of the demo, over a connection for each request."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url).netloc
        super().__init__(store_from_url("memory://"))  # not that of the site

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
        connection = HTTPConnection(self.address, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


def use(url: str) -> str:
    """Upload a picture as a browser would, and try to delete it from elsewhere."""
    site = RealSite(url)
    assert site.post("/", {}, ("a.png", PNG, "image/png")).status == 303
    name = re.findall('<a href="/view/([^"]+)"', site.get("/").text)[0]
    assert site.get(f"/pictures/{name}").body == PNG
    assert site.post("/delete", {"picture": name}, headers=ELSEWHERE).status == 403
    return str(name)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_runs_and_stops(tmp_path: Path, stop: signal.Signals) -> None:
    """Three addresses of this machine that work, one folder, and a clean end by either signal."""
    with running_demo(tmp_path) as (demo, printed):
        urls = URL.findall(printed)
        assert len(set(urls)) == 3
        names = [use(url) for url in urls]
        demo.send_signal(stop)
        said, _ = demo.communicate(timeout=30)
        assert demo.returncode == 0, said
        assert "Stopped. The pictures are in fs://build/demo" in said
        assert "Traceback" not in said
    with store_from_url(f"fs://{tmp_path}/build/demo?keys=path") as store:
        assert sorted(store.keys(shelf.FILES)) == sorted(shelf.FILES + name for name in names)
    for url in urls:
        with pytest.raises(ConnectionRefusedError):
            RealSite(url)


def test_the_demo_takes_another_store(tmp_path: Path) -> None:
    """`KVCORE_DEMO_STORE` is a URL; one that is wrong is told before anything starts."""
    with running_demo(tmp_path, KVCORE_DEMO_STORE="memory://") as (_, printed):
        assert "One shelf for all three: memory://" in printed
        django, flask, starlette = URL.findall(printed)
        name = use(flask)
        for url in (django, starlette):
            assert RealSite(url).get(f"/pictures/{name}").body == PNG
    with running_demo(tmp_path, KVCORE_DEMO_STORE="memry://") as (demo, printed):
        assert "memory" in printed
        assert "http://" not in printed
        assert demo.wait(30) != 0
    assert list(tmp_path.iterdir()) == []


def test_sessions_have_a_store_of_their_own(tmp_path: Path) -> None:
    """If one is named; no picture lies there, and no session beside the pictures."""
    folders = {"KVCORE_DEMO_STORE": "fs://pictures", "KVCORE_DEMO_SESSION_STORE": "fs://sessions"}
    with running_demo(tmp_path, **folders) as (_, printed):
        for url in URL.findall(printed):
            assert RealSite(url).get("/").status == 200
    assert not (tmp_path / "pictures").exists()
    assert list((tmp_path / "sessions").iterdir())


@pytest.fixture(params=["Redis", "S3", "Google"])
def service(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store on a server."""
    if request.param == "Redis":
        server: RedisServer = request.getfixturevalue("empty_valkey")
        return server.url(keys="path")
    name = "bucket" if request.param == "S3" else "gcs_bucket"
    bucket: Bucket | GcsBucket = request.getfixturevalue(name)
    return bucket.url("site/", keys="path")


def test_the_pictures_come_along(tmp_path: Path, service: str) -> None:
    """A folder, then `kvcore cp`, then a service: all three sites show what was there before."""
    with running_demo(tmp_path) as (_, printed):
        uploaded = [use(url) for url in URL.findall(printed)]
    pictures = ["--prefix", "shelf/"]  # and no sessions
    copy = ["-m", "kvcore.cli", "cp", "fs://build/demo", service, "--verify", *pictures]
    said = subprocess.run(
        [sys.executable, *copy], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert said.returncode == 0, said.stderr
    assert "copied 6 values" in said.stdout
    with running_demo(tmp_path, KVCORE_DEMO_STORE=service) as (_, printed):
        for url in URL.findall(printed):
            site = RealSite(url)
            shown = re.findall('<a href="/view/([^"]+)"', site.get("/").text)
            assert shown == sorted(uploaded, reverse=True)
            for name in shown:
                assert site.get(f"/pictures/{name}").body == PNG
        for name in uploaded:  # they are Ann's there, too
            assert site.post("/delete", {"picture": name}).status == 303
    with store_from_url(service) as store:
        assert store.keys("shelf/") == []
