"""No descriptor stays open, whatever goes wrong."""

import gc
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from kvcore import FilesystemStore, KvcoreError
from tests.backends.filesystem.variants import files_below, open_descriptors
from tests.soak import count


class Broken(Exception):
    """What a source raises."""


def broken() -> Iterator[bytes]:
    yield b"half"
    raise Broken


def abandon_reader(store: FilesystemStore, key: str) -> None:
    with store.open(key) as reader:
        reader.read(1)


def abort(store: FilesystemStore, key: str) -> None:
    writer = store.open_write(key)
    writer.write(b"half")
    writer.abort()


def abandon_listing(store: FilesystemStore, key: str) -> None:
    listing = store.iter_keys()
    next(listing, None)
    listing.close() if hasattr(listing, "close") else None


OPERATIONS: tuple[Callable[[FilesystemStore, str], object], ...] = (
    lambda store, key: store.put(key, b"value"),
    lambda store, key: store.put(key, b"value", if_absent=True),
    lambda store, key: store.put(key, b"value", if_present=True),
    lambda store, key: store.put(key, b"value", if_match="1-2-3"),
    lambda store, key: store.put(key, b"value", if_match=store.stat(key).etag),
    lambda store, key: store.put_file(key, iter([b"one", b"two"])),
    lambda store, key: store.put_file(key, broken()),
    lambda store, key: store.put_file(key, __file__),
    lambda store, key: store.put_file(key, __file__ + "-missing"),
    lambda store, key: store.put_file(key, __file__ + "-missing", move=True),
    lambda store, key: store.get(key),
    lambda store, key: store.fetch(key),
    lambda store, key: store.get_range(key, 1, 2),
    lambda store, key: store.get_file(key, "/nowhere/at/all"),
    lambda store, key: store.stat(key),
    lambda store, key: key in store,
    lambda store, key: store.delete(key),
    lambda store, key: store.delete(key, if_match="1-2-3"),
    lambda store, key: store.copy(key, "copied/to"),
    lambda store, key: store.copy(key, "copied/to", if_absent=True),
    lambda store, key: store.move(key, "moved/to"),
    lambda store, key: store.move(key, "moved/to", if_absent=True),
    lambda store, key: list(store),
    lambda store, key: list(store.iter_prefixes("/")),
    lambda store, key: dict(store.iter_stats()),
    lambda store, key: store.increment("counter"),
    lambda store, key: store.put("counter", b"no number"),
    abandon_reader,
    abandon_listing,
    abort,
)


def test_mixed_operations_leak_nothing(store: FilesystemStore, tmp_path: Path) -> None:
    """After a thousand operations, half of them failing, no descriptor or file is left over."""
    chance = random.Random(17)
    keys = ("a", "a/b", "c/d", "c/e/f", "n" * 255 + "/" + "n" * 255)
    failed = 0
    gc.collect()
    before = open_descriptors()
    for _ in range(count(1_000, 100_000)):
        try:
            chance.choice(OPERATIONS)(store, chance.choice(keys))
        except (KvcoreError, Broken, FileNotFoundError):
            failed += 1
    gc.collect()
    assert open_descriptors() == before
    assert failed > 100
    assert files_below(store.root) == set(store)
