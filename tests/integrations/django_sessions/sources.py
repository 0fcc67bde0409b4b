"""Django's own tests, from the source distribution of the Django that is installed."""

import fcntl
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from tests import services

HOME = Path(__file__).resolve().parents[3] / "build" / "django"
_FETCH_SECS = 200


def own_tests(name: str) -> Path:
    """The folder that holds a package of Django's tests, to be put on the path.

    pip fetches the sources once, from where it gets all else; they stay in ``build/``.
    """
    folder = HOME / django.__version__
    HOME.mkdir(parents=True, exist_ok=True)
    with _alone():
        problem = "" if (folder / name).is_dir() else _fetch(folder, name)
    services.require(
        f"the sources of Django {django.__version__}",
        available=not problem,
        hint=f"pip could not download them: {problem}",
    )
    return folder


@contextmanager
def _alone() -> Iterator[None]:
    """Of all the processes that run tests."""
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path, name: str) -> str:
    """What went wrong; an empty text if nothing did."""
    wanted = f"Django=={django.__version__}"
    download = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    source_only = ("--no-deps", "--no-binary", "Django", "--dest", HOME, wanted)
    try:
        done = subprocess.run(
            [*download, *source_only], capture_output=True, text=True, timeout=_FETCH_SECS
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_FETCH_SECS} s"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return lines[-1] if lines else f"exit code {done.returncode}"
    [archive] = HOME.glob(f"[Dd]jango-{django.__version__}.tar.gz")
    start = f"tests/{name}/"
    with tarfile.open(archive) as tar:
        for member in tar:
            inner = member.name.partition("/")[2]
            if inner.startswith(start) and member.isfile():
                member.name = inner.removeprefix("tests/")
                tar.extract(member, folder, filter="data")
    return "" if (folder / name).is_dir() else f"{archive.name} has no {start}"
