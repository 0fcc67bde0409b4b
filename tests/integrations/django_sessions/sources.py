"""Django's own tests, from the source distribution of the Django that is installed."""

import fcntl
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import django

from tests import services

HOME = Path(__file__).resolve().parents[3] / "build" / "django"
_FETCH_SECS = 200


def own_tests(name: str) -> Path:
    """The folder that holds a package of Django's tests, to be put on the path.

    pip fetches the sources once, from where it gets all else; they stay in ``build/``.
    """
    folder = HOME / django.__version__ / name
    HOME.mkdir(parents=True, exist_ok=True)
    with _alone():
        problem = "" if folder.is_dir() or _archive() else _fetch()
        services.require(
            f"the sources of Django {django.__version__}",
            available=not problem,
            hint=f"pip could not download them: {problem}",
        )
        if not folder.is_dir():
            _extract(f"tests/{name}", folder)
    return folder.parent


@contextmanager
def _alone() -> Iterator[None]:
    """Of all the processes that run tests."""
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _archive() -> Path | None:
    return next(HOME.glob(f"[Dd]jango-{django.__version__}.tar.gz"), None)


def _fetch() -> str:
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
    return ""


def _extract(inner: str, folder: Path) -> None:
    """Make the folder of what is in one of the archive, without those below."""
    archive, part = _archive(), folder.with_suffix(".part")
    assert archive is not None
    part.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if str(path.parent) == inner and member.isfile():
                source = tar.extractfile(member)
                assert source is not None
                with source:
                    (part / path.name).write_bytes(source.read())
    part.rename(folder)
