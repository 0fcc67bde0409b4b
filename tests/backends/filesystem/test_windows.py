"""Names that Windows takes for something else than a file of this name."""

import pytest

from kvcore import InvalidKey
from kvcore.backends.filesystem.windows import WindowsKeySpace

STRICT = WindowsKeySpace("strict", 255)
PATH = WindowsKeySpace("path", 255)


@pytest.mark.parametrize(
    "key", ["..\\..\\evil", "a\\b", "NUL", "con", "Con.txt", "COM1", "lpt9.log", "a.", "a<b", 'a"b']
)
def test_names_that_are_no_files(key: str) -> None:
    """Separators, device names with any extension and names that lose their end are refused."""
    with pytest.raises(InvalidKey):
        STRICT.check(key)


@pytest.mark.parametrize("key", ["a/con/b", "a./b", "a /b", "a/b ", "a:b", "x/nul.txt"])
def test_paths_that_lead_elsewhere(key: str) -> None:
    """The same holds for each segment of a path."""
    assert key not in PATH


@pytest.mark.parametrize("key", ["a.txt", "console", "a.b.c", "com", "xcon", "com10x"])
def test_names_that_are_files(key: str) -> None:
    """What only resembles such a name is a key."""
    STRICT.check(key)
    PATH.check(f"a/{key}")
