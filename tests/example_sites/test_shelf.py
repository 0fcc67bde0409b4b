"""What the sites share: which requests are foreign, and what is told to people."""

import ast
import doctest
from pathlib import Path

import pytest

from example_sites import shelf

SITES = Path(shelf.__file__).parent.parent


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),  # no browser: curl, a script
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),  # typed by the person
        ({"Sec-Fetch-Site": "same-site"}, True),  # another port of this machine
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:1"}, True),
        ({"Origin": "http://localhost:1"}, False),
        ({"Origin": "http://localhost:2"}, True),
        ({"Origin": "https://elsewhere.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "http://["}, True),
        ({"Origin": "http://localhost:1]"}, True),
    ],
)
def test_foreign_requests_are_known(headers: dict[str, str], foreign: bool) -> None:
    """By what browsers say of the page that sent the request."""
    assert shelf.is_foreign({"Host": "localhost:1", **headers}.get) == foreign


def test_the_examples_in_docstrings_run() -> None:
    """What the shared module shows is what happens."""
    assert doctest.testmod(shelf).failed == 0


def test_sites_use_public_names_only() -> None:
    """What an example needs is what everybody may use."""
    for path in sorted(SITES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("kvcore"):
                parts = str(node.module).split(".") + [alias.name for alias in node.names]
                assert not [part for part in parts if part.startswith("_")], path
