"""What only real servers show of the sites."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from example_sites import shelf
from tests.example_sites.browser import SITES, running_site
from tests.servers import HOST

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
FORM = {"Content-Type": "multipart/form-data; boundary=BoUnDaRy"}


def parts() -> Iterator[bytes]:
    """A form with a picture, piece by piece: sent in chunks, as nobody knows its length."""
    head = 'Content-Disposition: form-data; name="picture"; filename="x.png"'
    yield f"--BoUnDaRy\r\n{head}\r\n\r\n".encode()
    yield PNG
    yield b"\r\n--BoUnDaRy--\r\n"


@pytest.mark.parametrize("name", SITES)
def test_a_form_without_a_length_is_told(name: str, tmp_path: Path) -> None:
    """411 and why, not that it were too large; and nothing of it is stored."""
    with running_site(name, tmp_path / "pictures") as server:
        for path in ("/", "/sign-in"):
            with closing(HTTPConnection(HOST, server.port, timeout=30)) as connection:
                connection.request("POST", path, parts(), FORM)
                with connection.getresponse() as answer:
                    assert answer.status == 411
                    assert shelf.NO_LENGTH in answer.read().decode()
        assert "Traceback" not in server.log
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
