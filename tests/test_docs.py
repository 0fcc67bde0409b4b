"""Every Python block of the README and the docs runs, and so does every docstring example.

A block that cannot run says so to its readers: a `{code-block} python` with a `:caption:` such as
"Not run, as it needs a bucket".
"""

import doctest
import importlib
import inspect
import logging
import os
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest
from sybil import Example, Sybil
from sybil.parsers.myst import PythonCodeBlockParser

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = ("kvcore", "kvcore_django", "kvcore_flask", "kvcore_starlette")
SYBIL = Sybil([PythonCodeBlockParser()])


def runnable(document: Path) -> Iterator[Example]:
    """The Python blocks of a document, in order, but those that say why they are not run."""
    for example in SYBIL.parse(document).examples():
        caption = example.region.lexemes.get("options", {}).get("caption", "")
        if not re.fullmatch(r"Not run, as \w.*", caption):
            yield example


def modules() -> list[str]:
    """Every module of the four packages."""
    found = []
    for name in PACKAGES:
        package = importlib.import_module(name)
        found.append(name)
        found += [m.name for m in pkgutil.walk_packages(package.__path__, f"{name}.")]
    return found


@pytest.fixture
def own_logging() -> Iterator[None]:
    """What a framework on a page says of logging (Litestar does) holds for that page."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_code_of_a_document_runs(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader copies from this page, block after block, works in an empty directory."""
    monkeypatch.chdir(tmp_path)
    with mock.patch.dict(os.environ):
        for example in runnable(document):
            example.namespace.setdefault("__name__", "__main__")  # as in a file that a reader runs
            example.evaluate()


@pytest.mark.parametrize("module", modules())
def test_the_examples_of_a_module_run(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the docstrings of this module show is what happens."""
    monkeypatch.chdir(tmp_path)
    # ELLIPSIS for addresses and random ids, as doctest writers expect it.
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def undocumented(module: ModuleType) -> Iterator[str]:
    """The public names made in a module that have no docstring, not even an inherited one."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(thing):
            if not thing.__doc__:
                yield name
            for attribute, value in vars(thing).items():
                if attribute.startswith("_"):
                    continue
                to_be_described = inspect.isroutine(value) or isinstance(value, property)
                if to_be_described and not inspect.getdoc(getattr(thing, attribute)):
                    yield f"{name}.{attribute}"
        elif inspect.isfunction(thing) and not thing.__doc__:
            yield name


@pytest.mark.parametrize("module", modules())
def test_public_names_are_documented(module: str) -> None:
    """Whoever asks for help on a public class, method or function gets an answer."""
    assert list(undocumented(importlib.import_module(module))) == []


def test_only_a_stated_reason_keeps_a_block_from_running(tmp_path: Path) -> None:
    """A plain block and one without a reason run; one that says why not is left alone."""
    page = tmp_path / "page.md"
    page.write_text(
        "```python\none = 1\n```\n"
        "```{code-block} python\n:caption: Not run, as it needs a bucket\n\nraise SystemExit\n```\n"
        "```{code-block} python\n:caption: Not run, as\n\ntwo = 2\n```\n"
        "```console\n$ three\n```\n"
    )
    assert [str(example.parsed).strip() for example in runnable(page)] == ["one = 1", "two = 2"]
