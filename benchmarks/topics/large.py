"""100 MiB"""

import os
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from benchmarks.clients import versions
from benchmarks.measure import OURS, RAW, Contest, timed
from benchmarks.places import DISK, TMPFS, Place
from benchmarks.row import Row
from benchmarks.show import MIB
from kvcore import FilesystemStore

KEY = "large"


def _stored(place: Place) -> tuple[str, str]:
    """A folder with one large file, and its path."""
    folder = place.folder("stored")
    path = os.path.join(folder, KEY)
    with open(path, "wb") as file:
        file.writelines(os.urandom(MIB) for _ in range(place.size(100)))
    return folder, path


def put_file(place: Place) -> Contest:
    """From a path, new in the store, which no raw call does in one step either."""
    source = _stored(place)[1]
    store = FilesystemStore(place.folder(OURS), durability="atomic")
    target = os.path.join(place.folder(RAW), KEY)
    return {
        RAW: timed(partial(copy_range, source), [target], after=partial(os.unlink, target)),
        OURS: timed(partial(store.put_file, KEY), [source], after=partial(store.delete, KEY)),
    }


def get_file(place: Place) -> Contest:
    folder, source = _stored(place)
    target = os.path.join(place.folder("fetched"), KEY)
    ways: dict[str, Callable[[str], object]] = {
        RAW: partial(copy_range, source),
        OURS: partial(FilesystemStore(folder).get_file, KEY),
    }
    if "minimalkv" in versions():
        from minimalkv.fs import FilesystemStore as MinimalkvStore

        ways["minimalkv"] = partial(MinimalkvStore(folder).get_file, KEY)
    remove = partial(os.unlink, target)
    return {name: timed(way, [target], after=remove) for name, way in ways.items()}


def stream(place: Place) -> Contest:
    folder, source = _stored(place)
    ways: dict[str, Callable[[], BinaryIO]] = {
        RAW: partial(open, source, "rb", buffering=0),
        OURS: partial(FilesystemStore(folder).open, KEY),
    }
    if "minimalkv" in versions():
        from minimalkv.fs import FilesystemStore as MinimalkvStore

        ways["minimalkv"] = partial(MinimalkvStore(folder).open, KEY)
    buffer = bytearray(MIB)

    def read(opened: Callable[[], BinaryIO]) -> None:
        with opened() as file:
            while file.readinto(buffer):
                pass

    return {name: timed(read, [opened]) for name, opened in ways.items()}


def copy_range(source: str, target: str) -> None:
    with open(source, "rb") as file, open(target, "xb") as copy:
        while os.copy_file_range(file.fileno(), copy.fileno(), 64 * MIB):
            pass


COPY = "copy_file_range to a new file"
ROWS = (
    Row("put_file of 100 MiB, new", put_file, {TMPFS: None, DISK: None}, COPY),
    Row("get_file of 100 MiB, new", get_file, {TMPFS: 1.1, DISK: 1.1}, COPY),
    Row("open and readinto, 100 MiB", stream, {TMPFS: 1.2, DISK: 1.2}, "open and readinto"),
)
