"""The preloaded shim: built here, and steered from inside the child that it is preloaded into."""

import atexit
import ctypes
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.faults import children
from tests.services import require

KINDS = (
    *("read", "write", "copy", "sendfile", "sync", "rename", "link", "unlink", "mkdir", "open"),
    *("close", "utime", "chmod", "flock"),
)
ALL = frozenset(KINDS)
FAIL, FAIL_LATE, SHORTEN, EXIT_BEFORE, EXIT_AFTER = range(1, 6)
EXIT_CODE = 77


@functools.cache
def _built() -> str:
    folder = tempfile.mkdtemp(prefix="kvcore-shim-")
    atexit.register(shutil.rmtree, folder)
    target = f"{folder}/shim.so"
    source = Path(__file__).with_name("shim.c")
    command = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", target]
    subprocess.run([*command, source, "-ldl"], check=True)
    return target


def run_preloaded(function: str, *arguments: Any) -> Any:
    """`children.run` under the shim; needs ``cc``."""
    require("cc", shutil.which("cc") is not None, "apt-get install gcc libc6-dev")
    return children.run(function, *arguments, LD_PRELOAD=_built())


class Shim:
    """Steers the shim that is preloaded into this process."""

    def __init__(self, path: str, *, skip_syncs: bool = True) -> None:
        self._c = ctypes.CDLL(None)
        self._c.fault_journal.restype = ctypes.c_char_p
        for name in ("fault_disarm", "fault_fired"):
            getattr(self._c, name).restype = ctypes.c_long
        self._c.fault_watch(path.encode(), int(skip_syncs))

    def refuse(self, kinds: Iterable[str], error: int) -> None:
        """These kinds fail always, uncounted: the fallback is tested."""
        self._c.fault_refuse(_mask(kinds), error)

    def arm(
        self,
        n: int = 0,
        action: int = FAIL,
        error: int = 0,
        *,
        kinds: Iterable[str] = ALL,
        persistent: bool = False,
    ) -> None:
        """Count from now on, and act at the ``n``-th call, if any."""
        self._c.fault_arm(ctypes.c_long(n), action, error, _mask(kinds), int(persistent))

    def disarm(self) -> int:
        """Stop; returns how many calls were counted."""
        return int(self._c.fault_disarm())

    @property
    def fired(self) -> int:
        """How many calls were tampered with since it was armed."""
        return int(self._c.fault_fired())

    @property
    def journal(self) -> list[tuple[str, str]]:
        """Kind and path of each call since it was armed."""
        lines = self._c.fault_journal().decode(errors="surrogateescape").splitlines()
        return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def _mask(kinds: Iterable[str]) -> int:
    return sum(1 << KINDS.index(kind) for kind in kinds)
