"""What a start may set by the environment; the three sites read the same."""

import json
import os
from collections.abc import Container

STORES = json.loads(os.environ.get("KVCORE_STORES", '{"default": "fs://pictures"}'))
"""Where the pictures are: the one line to change for another storage."""

MAX_BYTES = int(os.environ.get("SHELF_MAX_BYTES", "20_000_000"))
"""The largest picture."""

SECRET_KEY = os.environ.get("SHELF_SECRET_KEY") or os.urandom(32).hex()
"""Signs the session cookies. Set it where several processes serve one site."""

HOSTS = ["127.0.0.1", "localhost"]
"""The names that the sites answer to: another one may be a trick (DNS rebinding)."""


def session_store(stores: Container[str]) -> str:
    """The name of the store for the sessions: their own if there is one, else that of the pictures.

    >>> session_store({"default": "fs://pictures"})
    'default'
    >>> session_store({"default": "s3://shelf", "sessions": "redis://127.0.0.1:6379/0"})
    'sessions'
    """
    return "sessions" if "sessions" in stores else "default"
