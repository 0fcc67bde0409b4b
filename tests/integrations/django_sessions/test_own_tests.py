"""What Django tests of its own session engines, of ours: Django's own tests, unchanged."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.django_sessions import suite
from tests.integrations.django_sessions.sources import own_tests


@pytest.mark.parametrize("kind", ["memory", "folder", "redis"])
def test_django_s_own_tests_pass(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Those of each engine, and those of the middleware with the engine set."""
    folder = own_tests("sessions_tests")
    if kind == "redis":
        url = request.getfixturevalue("empty_valkey").url()
    else:
        url = "memory://" if kind == "memory" else f"fs://{tmp_path}/sessions"
    done = subprocess.run(
        [sys.executable, "-W", "error", suite.__file__, folder, url],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "skipped: 0"
    [count] = re.findall(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    assert int(count) >= 70
