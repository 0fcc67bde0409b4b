"""Copies inside the service, with all that is kept beside an object.

https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite: with an empty body everything
goes along; the client's own method sends one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from kvcore.backends.gcs.objects import Timeout

if TYPE_CHECKING:
    from kvcore.backends.gcs.link import Link


def rewrite(
    link: Link,
    source: str,
    dest: str,
    key: str,
    etag: str | None,
    store: object,
    *,
    if_absent: bool,
) -> None:
    """Copy an object, of the version ``etag`` if that is given. Raises `Refused`, `StoreError`."""
    query = "fields=done,rewriteToken"
    if if_absent:
        query += "&ifGenerationMatch=0"
    if etag is not None:
        query += f"&sourceGeneration={quote(etag, safe='')}"
    token = ""

    def work(timeout: Timeout) -> tuple[bool, str]:
        url = link.rewrite_url(source, dest, query + token)
        found = link.send("POST", url, timeout, headers={"Content-Length": "0"}).json()
        # Without a token to go on with, it would begin anew for ever.
        return (True, "") if found["done"] else (False, str(found["rewriteToken"]))

    done = False
    while not done:  # what is large, or goes to another class of storage, takes several
        done, more = link.ask(key, store, work)
        token = f"&rewriteToken={quote(more, safe='')}"
