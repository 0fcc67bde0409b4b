"""What a view would call to read a session and to write it, if it did no more than that."""

import os
from collections.abc import Callable

from benchmarks.places import Place


def in_folder(place: Place, record: bytes) -> tuple[Callable[[], object], Callable[[], object]]:
    """Reads a file; reads it and puts another in its place."""
    path = os.path.join(place.folder("bare"), "bare")
    aside = f"{path}~"

    def read() -> bytes:
        with open(path, "rb") as file:
            return file.read()

    def put() -> None:
        with open(aside, "wb") as file:
            file.write(record)
        os.replace(aside, path)

    def write() -> None:
        read()
        put()

    put()
    return read, write
