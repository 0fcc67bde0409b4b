"""The same small app in each framework, with nothing in it but the integration.

``POST /files``, ``/pictures`` and ``/named`` store the field ``file`` and answer 201 with its key,
``GET /files/KEY`` gives it, ``GET /keys`` lists all as JSON. ``X-Process`` tells who answered.
"""

import os
from collections.abc import Mapping
from typing import Any

MAX_BYTES = 300_000
"""The limit of ``/files``; more than one block."""
HUGE = 100 * 1024 * 1024
"""That of ``/huge``."""

RULES: Mapping[str, Mapping[str, Any]] = {
    "files": {"max_bytes": MAX_BYTES},
    "huge": {"max_bytes": HUGE},
    "named": {"template": "named/{name}-{id}{ext}"},
    "pictures": {"content_types": {"image/*"}},
}
"""What is asked of an upload, by the path it is sent to."""


def process() -> dict[str, str]:
    """A header."""
    return {"X-Process": str(os.getpid())}
