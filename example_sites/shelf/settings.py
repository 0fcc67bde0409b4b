"""What a start may set by the environment; the three sites read the same."""

import json
import os

STORES = json.loads(os.environ.get("KVCORE_STORES", '{"default": "fs://pictures"}'))
"""Where the pictures are: the one line to change for another storage."""

MAX_BYTES = int(os.environ.get("SHELF_MAX_BYTES", "20_000_000"))
"""The largest picture."""

SECRET_KEY = os.environ.get("SHELF_SECRET_KEY") or os.urandom(32).hex()
"""Signs the session cookies. Set it where several processes serve one site."""

HOSTS = ["127.0.0.1", "localhost"]
"""The names that the sites answer to: another one may be a trick (DNS rebinding)."""
