"""Listing, page by page: each is a call of its own, with its own time and retries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from kvcore.backends.gcs import errors
from kvcore.backends.gcs.objects import Timeout
from kvcore.backends.gcs.outcomes import Refused, stat_of
from kvcore.backends.objects.listing import Page

if TYPE_CHECKING:
    from kvcore.backends.gcs.link import Link

_PAGE = 1000  # the most that the service gives
_NAMES = "items(name),prefixes,nextPageToken"
_STATS = "items(name,size,generation,updated,contentType),prefixes,nextPageToken"


def pages(link: Link, store: object, whole: str, delimiter: str, *, stats: bool) -> Iterator[Page]:
    """The objects whose names begin with ``whole``; with what their stats are made of, or not."""
    token: str | None = None

    def work(timeout: Timeout) -> tuple[Page, str | None]:
        found = link.client.list_blobs(
            link.bucket,
            prefix=whole or None,
            delimiter=delimiter or None,
            page_token=token,
            page_size=_PAGE,
            fields=_STATS if stats else _NAMES,
            timeout=timeout,
            retry=None,
        )
        found.item_to_value = _as_it_is  # a ``Blob`` would cost more than all the rest
        found.api_request = partial(_listed, found.api_request)
        items = list(next(found.pages))
        read = [stat_of(item) for item in items] if stats else []
        names = [item["name"] for item in items]
        return Page(names, sorted(found.prefixes), lambda: read), found.next_page_token

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
