"""What is installed: four packages, one version, light imports, declared dependencies."""

import ast
import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import kvcore

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("kvcore", "kvcore_django", "kvcore_flask", "kvcore_starlette")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXPECT_WHEEL = os.environ.get("KVCORE_EXPECT_WHEEL") == "1"
# What `import kvcore` may not bring along: 15 to 60 ms each.
DEAR = {"asyncio", "dataclasses", "logging", "pathlib", "secrets", "tempfile"}


def home(package: str) -> Path:
    """Where a package was imported from."""
    file = importlib.import_module(package).__file__
    assert file is not None
    return Path(file).parent


@cache
def sources() -> dict[str, Path]:
    """Every module of the four packages: its dotted name and its file."""
    found = {}
    for package in PACKAGES:
        top = home(package)
        for path in sorted(top.rglob("*.py")):
            parts = path.relative_to(top.parent).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel: the installed one, or one built from the checkout."""
    if EXPECT_WHEEL:
        files = importlib.metadata.files("kvcore") or []
        # Made on installing: caches, and the command, which lies outside.
        return {str(file) for file in files if not {"__pycache__", ".."} & set(file.parts)}
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    listing = [sys.executable, "-m", "zipfile", "--list", str(wheel)]
    lines = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0] for line in lines[1:]}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_packages_come_from_where_they_should(package: str) -> None:
    """A run that is to prove the wheel imports nothing from the checkout, and the other way."""
    expected = Path(sysconfig.get_path("purelib")) if EXPECT_WHEEL else ROOT
    assert home(package).resolve().is_relative_to(expected.resolve())
    in_environment = home(package).is_relative_to(Path(sysconfig.get_path("purelib")))
    assert in_environment == EXPECT_WHEEL


def test_the_version_stands_in_one_place() -> None:
    """The metadata of the distribution and `kvcore.__version__` come from `_version.py`."""
    assert "version" in PROJECT["dynamic"]
    text = (home("kvcore") / "_version.py").read_text()
    assert f'__version__ = "{kvcore.__version__}"' in text
    assert importlib.metadata.version("kvcore") == kvcore.__version__


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel_names: set[str]) -> None:
    """Every source file is in the wheel, nothing of tests or docs, and no generic name."""
    info = f"kvcore-{kvcore.__version__}.dist-info"
    assert {name.split("/")[0] for name in wheel_names} == {*PACKAGES, info}
    files = {
        str(path.relative_to(home(package).parent))
        for package in PACKAGES
        for path in home(package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert files == {name for name in wheel_names if not name.startswith(info)}
    assert f"{info}/licenses/LICENSE" in wheel_names


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_says_that_it_is_typed(package: str, wheel_names: set[str]) -> None:
    """Type checkers read the annotations of a package only with this marker."""
    assert f"{package}/py.typed" in wheel_names


@pytest.mark.parametrize(
    "statement",
    ["import kvcore", "from kvcore import DictStore, FilesystemStore, PrefixDecorator"],
)
def test_an_import_stays_light(statement: str) -> None:
    """Nothing dear and nothing of a third party is loaded before it is used."""
    # -I -S: what this interpreter's site-packages load at start-up would hide what we load.
    code = (
        f"import sys; sys.path.append({str(home('kvcore').parent)!r}); {statement};"
        " print(*{name.partition('.')[0] for name in sys.modules})"
    )
    child = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(child.stdout.split())
    assert "kvcore" in loaded
    assert loaded & DEAR == set()
    assert loaded - sys.stdlib_module_names == {"__main__", "kvcore"}


def test_the_public_names_are_the_same_to_type_checkers_and_at_run_time() -> None:
    """The lazy table of `kvcore/__init__.py` and its imports for type checkers agree."""
    tree = ast.parse((home("kvcore") / "__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen_by_checkers = {
        (node.module, alias.asname)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lazy = {(module, name) for module, names in kvcore._HOMES.items() for name in names}
    assert seen_by_checkers == lazy
    assert all(hasattr(kvcore, name) for _, name in lazy)
    assert {name for _, name in lazy} <= set(dir(kvcore))


def offences(tree: ast.Module) -> Iterator[str]:
    """What stored data must never meet, and errors must never fall into."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                yield f"line {node.lineno}: {name}()"
            case ast.Import(names=names):
                for alias in names:
                    if alias.name.partition(".")[0] in {"pickle", "marshal", "shelve", "dill"}:
                        yield f"line {node.lineno}: import {alias.name}"
            case ast.ImportFrom(module="pickle" | "marshal" | "shelve" | "dill" as name):
                yield f"line {node.lineno}: from {name}"
            case ast.Attribute(value=ast.Name(id="yaml"), attr="load" | "unsafe_load" as name):
                yield f"line {node.lineno}: yaml.{name}"
            case ast.ExceptHandler(type=None):
                yield f"line {node.lineno}: bare except"
            case ast.ExceptHandler(
                type=ast.Name(id="Exception" | "BaseException" as name),
                body=[ast.Pass() | ast.Continue() | ast.Expr(value=ast.Constant())],
            ):
                yield f"line {node.lineno}: except {name} is swallowed"


def test_stored_data_is_never_executed_and_no_failure_swallowed() -> None:
    """No pickle, eval or yaml.load, no bare or silent except in the four packages."""
    found = [
        f"{name}, {offence}"
        for name, path in sources().items()
        for offence in offences(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "eval(stored)",
        "yaml.load(stored)",
        "try: f()\nexcept: g()",
        "try: f()\nexcept Exception: pass",
        "for x in y:\n    try: f()\n    except BaseException: continue",
    ],
)
def test_each_offence_is_found(code: str) -> None:
    """The check above can fail."""
    assert len(list(offences(ast.parse(code)))) == 1


def third_party_imports(tree: ast.AST) -> Iterator[str]:
    """Top-level names of others that a module imports anywhere, but for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                modules = []
                yield from third_party_imports(node)
        for module in modules:
            top = module.partition(".")[0]
            if top not in {*sys.stdlib_module_names, *PACKAGES}:
                yield top


def declared_extra(module: str, tree: ast.Module) -> str | None:
    """The extra that a module's imports come with: its `EXTRA`, or that of its package."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="EXTRA")], value=ast.Constant(value=str(extra)))
                | ast.AnnAssign(target=ast.Name(id="EXTRA"), value=ast.Constant(value=str(extra)))
            ):
                return extra
    for package, extra in {
        "kvcore.backends.gcs": "gcs",
        "kvcore.backends.s3": "s3",
        "kvcore.testing": "testing",
        "kvcore_django": "django",
        "kvcore_flask": "flask",
        "kvcore_starlette": "starlette",
    }.items():
        if f"{module}.".startswith(f"{package}."):
            return extra
    return None


@cache
def providers() -> Mapping[str, list[str]]:
    """Which distributions a top-level name may come from."""
    return importlib.metadata.packages_distributions()


@cache
def brought_by(extra: str) -> set[str]:
    """The distributions that an extra installs: those it names, what these require, and so on."""
    named = {distribution_name(text) for text in PROJECT["optional-dependencies"][extra]}
    found: set[str] = set()
    while more := named - found:
        found |= more
        named = {
            distribution_name(text)
            for name in more
            for text in importlib.metadata.requires(name) or []
            if is_wanted_here(text)
        }
    return found


def is_wanted_here(requirement: str) -> bool:
    """Whether it is required by this Python, and without an extra."""
    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate({"extra": ""})


def distribution_name(requirement: str) -> str:
    """`Django>=5.2` → `django`, in the normal form of PEP 503."""
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


@pytest.mark.parametrize("module", sources())
def test_what_a_module_imports_comes_with_its_extra(module: str) -> None:
    """Whoever installs the extra that a module names has everything that it imports."""
    tree = ast.parse(sources()[module].read_text())
    extra = declared_extra(module, tree)
    wanted = set(third_party_imports(tree))
    if extra is None:
        assert wanted == set(), "a module that imports a library names its extra: EXTRA = ..."
        return
    assert extra in PROJECT["optional-dependencies"]
    for name in wanted:
        distributions = {distribution_name(provider) for provider in providers()[name]}
        assert distributions & brought_by(extra), f"{name} does not come with kvcore[{extra}]"


def test_there_is_no_dependency_without_an_extra() -> None:
    """Installing kvcore alone installs nothing else."""
    assert PROJECT["dependencies"] == []
    required = importlib.metadata.requires("kvcore") or []
    assert [text for text in required if "extra ==" not in text] == []


def test_all_means_every_extra_of_an_application() -> None:
    """`kvcore[all]` names every extra but the kit for backend authors."""
    (everything,) = PROJECT["optional-dependencies"]["all"]
    named = set(re.fullmatch(r"kvcore\[(.*)\]", everything)[1].split(","))
    assert named == set(PROJECT["optional-dependencies"]) - {"all", "testing"}


@pytest.mark.parametrize("name", ["dev", "newest", "oldest"])
def test_pins_are_plain(name: str) -> None:
    """A constraints file holds `name==version` and comments: no host, no hash, no option."""
    lines = (ROOT / "constraints" / f"{name}.txt").read_text().splitlines()
    assert lines
    odd = [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.!+]+", line)]
    assert odd == []


def test_the_oldest_pins_are_the_promised_minimums() -> None:
    """The oldest version that an extra accepts is the one that the matrix tests."""
    lines = (ROOT / "constraints" / "oldest.txt").read_text().splitlines()
    pins = dict(line.lower().split("==") for line in lines if "==" in line)
    promised = {
        distribution_name(requirement): requirement.split(">=")[1]
        for extra, requirements in PROJECT["optional-dependencies"].items()
        if extra not in {"all", "testing"}
        for requirement in requirements
    }
    assert promised
    tested = {name: re.sub(r"(\.0)+$", "", pins[name]) for name in promised}
    assert tested == {name: re.sub(r"(\.0)+$", "", least) for name, least in promised.items()}
