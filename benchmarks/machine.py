"""What the figures were measured on."""

import datetime as dt
import os
import platform

import kvcore
from benchmarks.clients import versions
from benchmarks.places import DISK, TMPFS, Missing, filesystem, find


def machine() -> dict[str, str]:
    """The machine and the software, as far as figures depend on them."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {os.cpu_count()} cores",
        "Python": platform.python_version(),
        "kvcore": kvcore.__version__,
        **versions(),
        TMPFS: _found(TMPFS),
        DISK: _found(DISK),
    }


def _found(kind: str) -> str:
    try:
        return filesystem(find(kind))
    except Missing as missing:
        return f"skipped: {missing}"
