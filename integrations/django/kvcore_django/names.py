"""Names of files: as keys of a store, and such as know more than their text.

Django hands a name from ``upload_to`` through ``generate_filename`` and ``get_available_name`` to
``_save``, which alone sees the bytes. What it should know of the name comes along in these.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from typing import Self

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation

from kvcore import PATH, KeyValueStore


class AvailableName(str):
    """A name that was free, and how long one may be that takes its place."""

    __slots__ = ("max_length",)
    max_length: int | None

    def __new__(cls, text: str, max_length: int | None) -> Self:
        name = super().__new__(cls, text)
        name.max_length = max_length
        return name


class GeneratedName(str):
    """A name with a random id, so nobody else's; its extension is still to be told by the bytes.

    Where nobody does that, it is a name like any other.
    """

    __slots__ = ("fill", "longest")
    fill: Callable[[str], str]
    """The name with this extension."""
    longest: int
    """Characters, whatever the extension."""

    def __new__(cls, fill: Callable[[str], str], extension: str, longest: int) -> Self:
        name = super().__new__(cls, fill(extension))
        name.fill = fill
        name.longest = longest
        return name


def path_of(name: str | os.PathLike[str]) -> str:
    """A name as a path, ``""`` for the root. Raises ``SuspiciousFileOperation`` for one outside."""
    text = os.fspath(name).replace("\\", "/")
    if text.startswith("/") or ".." in text.split("/"):
        raise SuspiciousFileOperation(f"{name!r} leads out of the storage")
    key = posixpath.normpath(text)
    return "" if key == "." else key


def taken_by(key: str, store: KeyValueStore) -> str:
    """What stands in the way of a new file: one of its name, or, in a folder, of a directory's."""
    if key not in store:
        parts = key.split("/")
        for depth in range(1, len(parts)):
            if (above := "/".join(parts[:depth])) in store:
                return above
    return key


def checked_location(location: str) -> str:
    """Without the slash at its end. Raises ``ImproperlyConfigured`` unless it is a directory."""
    below = location.removesuffix("/")
    if location and below not in PATH:
        raise ImproperlyConfigured(
            f"location is a directory of the store, such as 'media/public', not {location!r}"
        )
    return below
