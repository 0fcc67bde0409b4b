"""What an attacker may do to signed values, and all ways to read them."""

import io
from collections.abc import Callable
from pathlib import Path

from kvcore import DictStore, HMACDecorator, KeyValueStore
from kvcore.decorators.hmac_frames import FRAME_BYTES, HEADER_BYTES

SECRET = b"a secret of 32 bytes, or of more."
TAG_BYTES = 32
FRAMED = FRAME_BYTES + TAG_BYTES
SIZES = [0, 1, 20, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES]


def value(size: int, seed: int = 0) -> bytes:
    """Bytes in which every frame is another one."""
    return b"".join((seed + at // 8).to_bytes(8, "big") for at in range(0, size, 8))[:size]


def frame(raw: bytes, index: int) -> bytes:
    """One frame of a stored value."""
    return raw[HEADER_BYTES + index * FRAMED :][:FRAMED]


class Stolen:
    """What the attacker knows: stored values, all genuine at their place."""

    def __init__(self, size: int) -> None:
        self.inner = DictStore()
        self.store = HMACDecorator(SECRET, self.inner)
        self.data = value(size)

        def stored(key: str, data: bytes) -> bytes:
            self.store.put(key, data)
            return self.inner.get(key)

        self.older = stored("key", value(size, seed=7))
        self.same_twice = stored("key", self.data)
        self.longer = stored("key", self.data + b"more" * FRAME_BYTES)
        self.other_key = stored("key2", self.data)
        self.shorter_key = stored("ke", b"y" + self.data)
        self.raw = stored("key", self.data)
        other = HMACDecorator("another secret", DictStore())
        other.put("key", self.data)
        self.other_secret = other._inner.get("key")


def flip(raw: bytes, at: int) -> bytes:
    """One bit of one byte changed."""
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


TAMPERINGS: dict[str, Callable[[Stolen], bytes]] = {
    "emptied": lambda s: b"",
    "one byte left": lambda s: s.raw[:1],
    "only the magic": lambda s: s.raw[:4],
    "only the header": lambda s: s.raw[:HEADER_BYTES],
    "cut inside the header": lambda s: s.raw[: HEADER_BYTES - 1],
    "last byte cut": lambda s: s.raw[:-1],
    "tag cut": lambda s: s.raw[:-TAG_BYTES],
    "cut to a frame": lambda s: s.raw[: HEADER_BYTES + FRAMED],
    "cut to two frames": lambda s: s.raw[: HEADER_BYTES + 2 * FRAMED],
    "cut to a frame of a longer one": lambda s: s.longer[: HEADER_BYTES + FRAMED],
    "cut to three frames of a longer one": lambda s: s.longer[: HEADER_BYTES + 3 * FRAMED],
    "byte appended": lambda s: s.raw + b"\0",
    "tag appended": lambda s: s.raw + s.raw[-TAG_BYTES:],
    "frame appended": lambda s: s.raw + frame(s.longer, 0),
    "last frame twice": lambda s: s.raw + frame(s.raw, max(0, len(s.data) - 1) // FRAME_BYTES),
    "value twice": lambda s: s.raw + s.raw,
    "zeros appended": lambda s: s.raw + bytes(FRAMED),
    "magic changed": lambda s: flip(s.raw, 0),
    "unknown version": lambda s: s.raw[:4] + b"\x02" + s.raw[5:],
    "version 0": lambda s: s.raw[:4] + b"\0" + s.raw[5:],
    "salt changed": lambda s: flip(s.raw, 5),
    "last of the salt changed": lambda s: flip(s.raw, HEADER_BYTES - 1),
    "first byte changed": lambda s: flip(s.raw, HEADER_BYTES),
    "tag changed": lambda s: flip(s.raw, len(s.raw) - 1),
    "middle changed": lambda s: flip(s.raw, len(s.raw) // 2),
    "tag of zeros": lambda s: s.raw[:-TAG_BYTES] + bytes(TAG_BYTES),
    "salt of another": lambda s: s.raw[:5] + s.older[5:HEADER_BYTES] + s.raw[HEADER_BYTES:],
    "body of another": lambda s: s.raw[:HEADER_BYTES] + s.older[HEADER_BYTES:],
    "body of the same put before": lambda s: s.raw[:HEADER_BYTES] + s.same_twice[HEADER_BYTES:],
    "tag of another": lambda s: s.raw[:-TAG_BYTES] + s.older[-TAG_BYTES:],
    "other key": lambda s: s.other_key,
    "shorter key, its rest in the value": lambda s: s.shorter_key,
    "other secret": lambda s: s.other_secret,
    "plain value": lambda s: s.data,
    "first frame missing": lambda s: s.raw[:HEADER_BYTES] + s.raw[HEADER_BYTES + FRAMED :],
    "first frame of the longer one": lambda s: (
        s.raw[:HEADER_BYTES] + frame(s.longer, 0) + s.raw[HEADER_BYTES + FRAMED :]
    ),
    "frames swapped": lambda s: (
        s.raw[:HEADER_BYTES]
        + frame(s.raw, 1)
        + frame(s.raw, 0)
        + s.raw[HEADER_BYTES + 2 * FRAMED :]
    ),
    "frame twice": lambda s: (
        s.raw[:HEADER_BYTES] + frame(s.raw, 0) * 2 + s.raw[HEADER_BYTES + 2 * FRAMED :]
    ),
    "minimalkv's format": lambda s: s.data + bytes(TAG_BYTES),
}


def read_in_blocks(store: KeyValueStore, _: Path) -> bytes:
    """As a response streams."""
    got = b""
    with store.open("key") as reader:
        while block := reader.read(10_000):
            got += block
    return got


def read_from_behind(store: KeyValueStore, _: Path) -> bytes:
    """The second half, then the first."""
    with store.open("key") as reader:
        middle = reader.stat.size // 2
        reader.seek(middle)
        end = reader.read()
        reader.seek(0)
        return reader.read(middle) + end


def get_path(store: KeyValueStore, path: Path) -> bytes:
    """Into a file by its path."""
    store.get_file("key", path)
    return path.read_bytes()


def get_file(store: KeyValueStore, _: Path) -> bytes:
    """Into a file object."""
    file = io.BytesIO()
    store.get_file("key", file)
    return file.getvalue()


def copied(store: KeyValueStore, _: Path) -> bytes:
    """Under another key, where it is signed anew."""
    store.copy("key", "copy")
    return store.get("copy")


READS: dict[str, Callable[[KeyValueStore, Path], bytes]] = {
    "get": lambda store, _: store.get("key"),
    "fetch": lambda store, _: store.fetch("key").data,
    "get_many": lambda store, _: store.get_many(["key"])["key"],
    "get_range": lambda store, _: store.get_range("key", 0),
    "open": lambda store, _: store.open("key").read(),
    "blocks": read_in_blocks,
    "from behind": read_from_behind,
    "get_file": get_file,
    "get_file to a path": get_path,
    "copy": copied,
}
