"""Run the suite against the built wheel, in a clean virtualenv, per Python and set of pins.

``python -m tests.matrix wheel`` runs one row (`make test`), ``python -m tests.matrix all`` every
row of another Python (`make test-matrix`); arguments after the row go to pytest.
``python -m tests.matrix pins`` resolves constraints/*.txt anew (`make pins`).

The tests are copied to a directory without the packages, so nothing but the wheel can be imported.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
BESIDE_THE_WHEEL = (
    *("tests", "example_sites", "benchmarks", "docs", "constraints"),
    *("pyproject.toml", "README.md", "CHANGELOG.md"),
)


class Row(NamedTuple):
    """One cell of the matrix: a Python and a file of pins."""

    name: str
    python: str | None  # None: the one that runs this
    pins: str


ROWS = (
    Row("wheel", None, "dev"),
    Row("python3.11-oldest", "3.11", "oldest"),
    Row("python3.12-newest", "3.12", "newest"),
    Row("python3.13-newest", "3.13", "newest"),
)


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    """Run one command; a failure ends everything."""
    print("+", *command, flush=True)
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def find_python(version: str | None) -> Path | None:
    """An interpreter of this version: from PATH or, where there is pyenv, from its versions."""
    if version is None:
        return Path(sys.executable)
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += sorted(map(str, pyenv.glob(f"{version}.*/bin/python{version}")), reverse=True)
    for candidate in filter(None, candidates):
        # pyenv puts a shim on PATH for a version that is installed but not chosen: it only fails.
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return Path(candidate)
    return None


def new_virtualenv(path: Path, python: Path, *pip_options: str | Path) -> Path:
    """A fresh virtualenv with a pip that knows dependency groups; returns its interpreter."""
    run(python, "-m", "venv", "--clear", path)
    interpreter = path / "bin" / "python"
    run(interpreter, "-m", "pip", "install", "--quiet", "--upgrade", "pip", *pip_options)
    return interpreter


def prepare(row: Row, python: Path) -> tuple[Path, Path]:
    """The row's virtualenv with the wheel in it, and the directory to run the tests from."""
    pins = ROOT / "constraints" / f"{row.pins}.txt"
    home = BUILD / "matrix" / row.name
    interpreter, stamp = home / "venv" / "bin" / "python", home / "pins.txt"
    if not stamp.exists() or stamp.read_text() != pins.read_text():
        new_virtualenv(home / "venv", python, "-c", pins)
        run(interpreter, "-m", "pip", "install", "--quiet", "-c", pins, "--group", "test")
        shutil.copy(pins, stamp)
    wheels = sorted((BUILD / "dist").glob("*.whl"))
    if len(wheels) != 1:
        sys.exit(f"expected one wheel in {BUILD / 'dist'}, found {len(wheels)}: run `make wheel`")
    quiet = ("--quiet", "--no-deps", "--force-reinstall")
    run(interpreter, "-m", "pip", "install", *quiet, wheels[0])
    checkout = home / "checkout"
    shutil.rmtree(checkout, ignore_errors=True)
    checkout.mkdir()
    for name in BESIDE_THE_WHEEL:
        source = ROOT / name
        if source.is_dir():
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, checkout / name, ignore=leave)
        elif source.exists():
            shutil.copy(source, checkout / name)
    return interpreter, checkout


def run_row(row: Row, arguments: list[str]) -> bool:
    """Run the suite in this row; False if its Python is not on this machine."""
    python = find_python(row.python)
    if python is None:
        print(f"skipped {row.name}: no Python {row.python} on PATH or in pyenv", flush=True)
        return False
    interpreter, checkout = prepare(row, python)
    run(interpreter, "-m", "pytest", *arguments, cwd=checkout, KVCORE_EXPECT_WHEEL="1")
    return True


def minimums() -> list[str]:
    """The oldest versions that the extras promise to work with: `Django>=5.2` → `Django==5.2`."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = {
        re.sub(r"\[.*?\]", "", requirement).replace(">=", "==")
        for extra, requirements in extras["optional-dependencies"].items()
        if extra not in ("all", "testing")  # the kit's tools are ours to choose
        for requirement in requirements
    }
    # What the oldest frameworks bring along and need at their age.
    return sorted(pins | {"Werkzeug==3.1.0", "anyio==4.10.0"})


def renew_pins() -> None:
    """Install the newest (or oldest) of everything and write down what that was."""
    sets = (
        ("dev", "3.11", "dev", []),
        ("newest", "3.13", "test", []),
        ("oldest", "3.11", "test", minimums()),
    )
    for name, version, group, extra in sets:
        python = find_python(version)
        if python is None:
            sys.exit(f"constraints/{name}.txt is resolved on Python {version}: install it first")
        interpreter = new_virtualenv(BUILD / "pins" / name, python)
        run(interpreter, "-m", "pip", "install", "--quiet", "--group", group, *extra)
        freeze = [interpreter, "-m", "pip", "freeze", "--all"]
        frozen = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
        lines = [line for line in frozen.splitlines() if not line.startswith("setuptools==")]
        if odd := [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+-]+", line)]:
            sys.exit(f"not a plain pin: {odd}")
        age = "oldest supported frameworks" if extra else "newest of everything"
        head = f"# Dependency group {group}, Python {version}, {age}; renewed by `make pins`.\n"
        text = head + "\n".join(sorted(lines, key=str.lower)) + "\n"
        (ROOT / "constraints" / f"{name}.txt").write_text(text)


def main(arguments: list[str]) -> None:
    """Do what the command line asks."""
    match arguments:
        case ["pins"]:
            renew_pins()
        case ["all", *rest]:
            tested = [row.name for row in ROWS if row.python and run_row(row, rest)]
            print("passed:", ", ".join(tested) or "nothing, no Python was found")
        case [name, *rest] if name in {row.name for row in ROWS}:
            run_row(next(row for row in ROWS if row.name == name), rest)
        case _:
            sys.exit(f"which row? {', '.join(row.name for row in ROWS)}, all; or pins")


if __name__ == "__main__":
    main(sys.argv[1:])
