"""What a test needs from the machine: a missing service is a skip here and a failure in CI.

`KVCORE_REQUIRE_SERVICES=all` turns every such skip into a failure; the closing summary of a run
names what was missing.
"""

import os

import pytest

REQUIRED: bool = os.environ.get("KVCORE_REQUIRE_SERVICES", "") == "all"
MISSING: dict[str, str] = {}


def require(name: str, available: bool, hint: str) -> None:
    """Go on if `name` is available; else skip this test, or fail it where all is required.

    `hint` says how to get it: "apt-get install gcc libc6-dev".
    """
    if available:
        return
    MISSING[name] = hint
    if REQUIRED:
        pytest.fail(f"{name} is missing, and KVCORE_REQUIRE_SERVICES=all: {hint}", pytrace=False)
    pytest.skip(f"{name} is missing: {hint}")
