"""What the three sites share: one look, one wording, one set of rules. Knows no framework."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from kvcore import Stat, UploadRefused, UploadTooLarge
from kvcore.mime import PICTURES

TEMPLATES = Path(__file__).parent / "templates"
"""`shelf/page.html` is written in what Django's templates and Jinja have in common."""

MAX_BYTES = 64_000_000
"""The largest picture; a site may be created with another limit."""

SHOWN = 60
"""How many pictures the page shows, newest first."""

NOTHING_CHOSEN = "Choose a picture first, then put it on the shelf."
FOREIGN = "Only this site's own pages may change the shelf."

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""On every page: no scripts, pictures from here only, and no other site may frame it."""


_NEVER = datetime.min.replace(tzinfo=UTC)


class Picture(NamedTuple):
    """A picture as the page shows it."""

    key: str
    url: str
    size: str


def pictures(stats: Iterable[tuple[str, Stat]]) -> list[Picture]:
    """The newest pictures of a store, from its ``iter_stats()``."""
    newest = heapq.nlargest(SHOWN, stats, key=lambda item: item[1].modified or _NEVER)
    return [Picture(key, f"/pictures/{quote(key)}", show_size(found.size)) for key, found in newest]


def page(
    framework: str, shown: Iterable[Picture], *, max_bytes: int = MAX_BYTES, error: str = ""
) -> dict[str, Any]:
    """What the template shows."""
    return {
        "framework": framework,
        "pictures": list(shown),
        "accept": ",".join(sorted(PICTURES)),
        "limit": show_size(max_bytes),
        "error": error,
    }


def explain(error: UploadRefused) -> tuple[int, str]:
    """The status to answer a refused upload with, and what to tell the person."""
    if isinstance(error, UploadTooLarge):
        return 413, too_large(error.max_bytes or MAX_BYTES)
    return 415, (
        "That file is not a picture the shelf can show, whatever its name says."
        " It takes PNG, JPEG, GIF, WebP and AVIF. Nothing was stored."
    )


def too_large(max_bytes: int) -> str:
    """What to tell the person."""
    most = show_size(max_bytes)
    return f"That file is too large: the shelf takes up to {most}. Nothing was stored."


def is_foreign(header: Callable[[str], str | None]) -> bool:
    """Whether a browser says that a page of another origin sent this request.

    Django has its own protection. For Flask and Starlette this is all that it takes: every browser
    of today sends ``Sec-Fetch-Site``, older ones ``Origin``, and what sends neither is no browser.
    """
    site = header("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = header("Origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != header("Host")
    except ValueError:  # such as "http://[": no origin of ours
        return True


def show_size(size: int) -> str:
    """A number of bytes for people.

    >>> show_size(999), show_size(1_500), show_size(64_000_000)
    ('999 bytes', '1.5 kB', '64 MB')
    """
    if size < 1000:
        return f"{size} bytes"
    number, unit = (size / 1e3, "kB") if size < 1e6 else (size / 1e6, "MB")
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"
