"""The page on configuration says what the registry holds."""

import re
from pathlib import Path

import pytest

from kvcore.recipe import Option
from kvcore.registry import BACKENDS, DECORATORS, find_backend, find_decorator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def rows() -> list[list[str]]:
    """The cells of every table row of the page, without its marks."""
    lines = PAGE.read_text().splitlines()
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    return [[cell.strip().replace("**", "") for cell in row] for row in cells]


@pytest.mark.parametrize("scheme", BACKENDS)
def test_every_option_of_a_backend_is_on_the_page(scheme: str) -> None:
    """With the schemes that take it and the same words as in its recipe; and no option more."""
    options = find_backend(scheme).recipe.options
    told = {row[0].strip("`"): row for row in rows() if len(row) == 3 and f"`{scheme}`" in row[1]}
    assert set(told) == set(options)
    for name, option in options.items():
        assert told[name][2] == option.about


def test_every_decorator_is_on_the_page() -> None:
    """With its options in the words of its recipe, the main one in bold."""
    told: dict[str, dict[str, str]] = {}
    name = ""
    for first, *cells in rows():
        if len(cells) == 2 and (first.strip("`") in DECORATORS or (first == "" and name)):
            name = first.strip("`") or name
            if cells[0]:
                told.setdefault(name, {})[cells[0].strip("`")] = cells[1]
            else:
                told[name] = {}
        else:
            name = ""
    template = told["random_id"]["template"]
    for options in told.values():
        if options.get("template") == "the same":
            options["template"] = template
    expected: dict[str, dict[str, Option]] = {
        n: find_decorator(n).recipe.options for n in DECORATORS
    }
    assert told == {n: {o: x.about for o, x in options.items()} for n, options in expected.items()}
    page = PAGE.read_text()
    for decorator in DECORATORS:
        main = find_decorator(decorator).recipe.main
        assert main is None or re.search(
            rf"^\| `{decorator}` \| \*\*`{main}`\*\* \|", page, re.MULTILINE
        )
