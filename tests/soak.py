"""How long a test is: bounded in `make test`, thousands of rounds in `make soak`."""

import os

SOAK: bool = os.environ.get("KVCORE_SOAK", "") not in ("", "0")


def count(normal: int, soak: int) -> int:
    """The number of rounds, examples or kills for this run."""
    return soak if SOAK else normal
