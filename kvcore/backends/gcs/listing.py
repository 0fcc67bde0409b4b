"""Listing, page by page: each is a call of its own, with its own time and retries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from kvcore.backends.gcs import errors
from kvcore.backends.gcs.objects import Timeout
from kvcore.backends.gcs.outcomes import Refused, stat_of
from kvcore.contract import Stat

if TYPE_CHECKING:
    from kvcore.backends.gcs.link import Link

_PAGE = 1000  # the most that the service gives
_NAMES = "items(name),prefixes,nextPageToken"
_STATS = "items(name,size,generation,updated,contentType),prefixes,nextPageToken"


class Page(NamedTuple):
    """A part of a listing."""

    items: Sequence[tuple[str, Stat | None]]
    """Names, with their stats if those were asked for."""
    prefixes: Sequence[str]
    """The names of the others, each cut behind the delimiter."""


def pages(
    link: Link, store: object, prefix: str, *, stats: bool, delimiter: str | None
) -> Iterator[Page]:
    """The objects whose names begin with ``prefix``; with what their stats are made of, or not."""
    token: str | None = None

    def work(timeout: Timeout) -> tuple[Page, str | None]:
        found = link.client.list_blobs(
            link.bucket,
            prefix=prefix or None,
            delimiter=delimiter,
            page_token=token,
            page_size=_PAGE,
            fields=_STATS if stats else _NAMES,
            timeout=timeout,
            retry=None,
        )
        found.item_to_value = _as_it_is  # a ``Blob`` would cost more than all the rest
        found.api_request = partial(_listed, found.api_request)
        items = [(item["name"], stat_of(item) if stats else None) for item in next(found.pages)]
        return Page(items, sorted(found.prefixes)), found.next_page_token

    while True:
        try:
            page, more = link.ask(None, store, work, reads=True)
        except Refused as refusal:
            raise errors.told(refusal.error, None, store) from refusal.error
        yield page
        if not more:
            return
        if more == token:  # it would never end
            raise errors.told(errors.Unreadable("the next page is the same"), None, store)
        token = more


def _listed(ask: Callable[..., Mapping[str, Any]], **asked: object) -> Mapping[str, Any]:
    found = ask(**asked)
    if "error" in found:  # else nothing would be there
        raise ValueError("error")
    return found


def _as_it_is(_iterator: object, item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item
