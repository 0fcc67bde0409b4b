"""OWASP's checklist, as docs/sessions.md answers it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_each_row_names_tests_that_there_are() -> None:
    """What the documentation promises is shown by a test of that name."""
    page = (ROOT / "docs" / "sessions.md").read_text()
    section = page.split("## OWASP's checklist")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(rows) == 20
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        for name in named:
            assert f"def {name}(" in tests, name
