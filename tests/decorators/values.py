"""Values to put through decorators, and the ways to put them."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from kvcore.decorators.hmac_frames import FRAME_BYTES
from kvcore.testing import DribblingFile

SECRET = b"a secret of 32 bytes, or of more."
"""What signs."""
SIZES = [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 1024 * 1024 + 7]
"""Around the borders of signed frames, and beyond a block."""


@cache
def value(size: int) -> bytes:
    """Bytes that differ from place to place."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


VALUE = bytes(range(256)) * 1200  # more than a block

PUTS: dict[str, Callable[[Any, Path], str]] = {
    "put": lambda store, _: store.put(None, VALUE),
    "put a bytearray": lambda store, _: store.put(None, bytearray(VALUE)),
    "put_file": lambda store, _: store.put_file(None, io.BytesIO(VALUE)),
    "put_file in crumbs": lambda store, _: store.put_file(None, DribblingFile(VALUE, 999, seed=3)),
    "put_file of an iterator": lambda store, _: store.put_file(None, iter([VALUE[:9], VALUE[9:]])),
    "put_file of a path": lambda store, path: store.put_file(None, path),
    "put_file of a str path": lambda store, path: store.put_file(None, str(path)),
    "put_file that moves": lambda store, path: store.put_file(None, path, move=True),
}
"""Every way to put `VALUE` without a key; some need a file that holds it."""
