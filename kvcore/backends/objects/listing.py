"""What a bucket lists, page by page, as keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

from kvcore.contract import Stat
from kvcore.errors import InvalidKey, StoreError
from kvcore.keys import KeySpace


class Page(NamedTuple):
    """What one request lists."""

    names: Sequence[str]
    """Of objects."""
    prefixes: Sequence[str]
    """Names of others, each cut behind the delimiter."""
    stats: Callable[[], Iterable[Stat]]
    """Those of the objects, if they were asked for. Raises ``ValueError`` for what is none."""


def check_page(page: Page, whole: str, store: object) -> None:
    """Raise `StoreError` for names that do not begin with what was asked for.

    Cut where the prefix of the store ends, they would be keys of other values.
    """
    for names in (page.names, page.prefixes):
        if not all(map(str.startswith, names, repeat(whole))):
            raise StoreError(
                f"the answer lists names that do not begin with {whole!r}, as was asked: is this"
                " a service that this store is for?",
                store=store,
            )


def keys_of(names: Iterable[str], start: int, space: KeySpace) -> list[str]:
    """The keys among names, from where the prefix of the store ends."""
    check = space.check
    found = []
    for name in names:
        key = name[start:]
        try:
            check(key)
        except InvalidKey:
            continue
        found.append(key)
    return found
