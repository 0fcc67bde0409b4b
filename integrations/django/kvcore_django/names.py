"""Names that know more than their text, on their way through Django to `KVStorage`.

Django hands a name from ``upload_to`` through ``generate_filename`` and ``get_available_name`` to
``_save``, which alone sees the bytes. What it should know of the name comes along in these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self


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
