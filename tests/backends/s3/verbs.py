"""Every verb of a store that goes to the service, for tests of what it asks and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from kvcore import KeyValueStore, WriteOptions

MIB = 1024 * 1024
PART = 5 * MIB
LARGE = bytes(2 * PART + 1)
"""A value of three parts, with ``OPTIONS``."""
OPTIONS: dict[str, object] = {"multipart_threshold": PART, "part_size": PART, "conditional": "all"}
"""Of the URL of a store, so that every verb is there and large values are not that large."""
VALUE = b"0123456789" * 100


class Verb(NamedTuple):
    """A call, and what it asks of a service that has ``key`` and ``other``."""

    call: Callable[[Any, Path], object]
    asks: list[str]
    """The operations, in Amazon's names; parts go in any order."""
    keys: tuple[str | None, ...] = ("key",)
    """Of which an error names one; ``None``: no single key."""
    writes: bool = False


def _write(store: KeyValueStore, data: bytes) -> None:
    with store.open_write("key") as writer:
        writer.write(data)


def _read(store: KeyValueStore) -> bytes:
    with store.open("key") as reader:
        return reader.read()


_PARTS = ["CreateMultipartUpload", *["UploadPart"] * 3, "CompleteMultipartUpload"]
_ETAG = "0" * 32

VERBS: dict[str, Verb] = {
    "get": Verb(lambda s, _: s.get("key"), ["GetObject"]),
    "fetch": Verb(lambda s, _: s.fetch("key"), ["GetObject"]),
    "get_file": Verb(lambda s, to: s.get_file("key", to / "file"), ["GetObject"]),
    "open, read": Verb(lambda s, _: _read(s), ["GetObject"]),
    "get_range": Verb(lambda s, _: s.get_range("key", 5, 10), ["GetObject"]),
    "get_many": Verb(
        lambda s, _: s.get_many(["key", "other"]), ["GetObject"] * 2, ("key", "other")
    ),
    "stat": Verb(lambda s, _: s.stat("key"), ["HeadObject"]),
    "in": Verb(lambda s, _: "key" in s, ["HeadObject"]),
    "put": Verb(lambda s, _: s.put("key", b"new"), ["PutObject"], writes=True),
    "put large": Verb(lambda s, _: s.put("key", LARGE), _PARTS, writes=True),
    "put if_absent": Verb(
        lambda s, _: s.put("new", b"new", if_absent=True), ["PutObject"], ("new",), writes=True
    ),
    "put if_present": Verb(
        lambda s, _: s.put("key", b"new", if_present=True),
        ["HeadObject", "PutObject"],
        writes=True,
    ),
    "put large if_absent": Verb(
        lambda s, _: s.put("new", LARGE, if_absent=True), _PARTS, ("new",), writes=True
    ),
    "put_file, stream": Verb(
        lambda s, _: s.put_file("key", iter([b"1", b"2"])), ["PutObject"], writes=True
    ),
    "put_file, large stream": Verb(
        lambda s, _: s.put_file("key", iter([LARGE[:MIB]] * 11)), _PARTS, writes=True
    ),
    "put_file, path": Verb(
        lambda s, to: s.put_file("key", _file(to, b"new")), ["PutObject"], writes=True
    ),
    "put_file, large path": Verb(
        lambda s, to: s.put_file("key", _file(to, LARGE)), _PARTS, writes=True
    ),
    "open_write": Verb(lambda s, _: _write(s, b"new"), ["PutObject"], writes=True),
    "open_write large": Verb(lambda s, _: _write(s, LARGE), _PARTS, writes=True),
    "put_many": Verb(
        lambda s, _: s.put_many({"key": b"1", "new": b"2"}), ["PutObject"] * 2, (None,), writes=True
    ),
    "put_each": Verb(
        lambda s, _: s._put_each({"key": (b"1", WriteOptions()), "new": (b"2", WriteOptions())}),
        ["PutObject"] * 2,
        None,
        writes=True,
    ),
    "increment": Verb(
        lambda s, _: s.increment("count"), ["GetObject", "PutObject"], ("count",), writes=True
    ),
    "delete": Verb(lambda s, _: s.delete("key"), ["DeleteObject"], writes=True),
    "delete if_match": Verb(
        lambda s, _: s.delete("key", if_match=_ETAG), ["DeleteObject"], writes=True
    ),
    "delete_many": Verb(
        lambda s, _: s.delete_many(["key", "other"]), ["DeleteObjects"], (None,), writes=True
    ),
    "copy": Verb(lambda s, _: s.copy("key", "new"), ["CopyObject"], ("key", "new"), writes=True),
    "copy if_absent": Verb(
        lambda s, _: s.copy("key", "new", if_absent=True),
        ["CopyObject"],
        ("key", "new"),
        writes=True,
    ),
    "move": Verb(
        lambda s, _: s.move("key", "new"),
        ["HeadObject", "CopyObject", "DeleteObject"],
        ("key", "new"),
        writes=True,
    ),
    "keys": Verb(lambda s, _: s.keys(), ["ListObjectsV2"], (None,)),
    "iter_stats": Verb(lambda s, _: list(s.iter_stats()), ["ListObjectsV2"], (None,)),
    "iter_prefixes": Verb(lambda s, _: list(s.iter_prefixes("/")), ["ListObjectsV2"], (None,)),
    "gc": Verb(lambda s, _: s._sweep(0), ["ListMultipartUploads"], (None,)),
}


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(data)
    return path
