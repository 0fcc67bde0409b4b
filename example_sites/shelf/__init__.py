"""What the three sites share: what a picture is, who may do what, and the words for it.

It knows no framework and touches no store. A picture is two values: its bytes, and a record of
its title, its owner and its time. Nothing about it is kept elsewhere, so the sites show each
other's pictures, and `kvcore cp` takes the whole shelf to another storage.
"""

from __future__ import annotations

import heapq
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from kvcore import UploadRefused, UploadTooLarge
from kvcore.filenames import clean_filename
from kvcore.mime import PICTURES

FILES = "shelf/pictures/"
RECORDS = "shelf/records/"

FORM_BYTES = 100_000
"""What a form may have besides its picture; one that announces more is not received."""

SHOWN = 24
"""How many pictures a page shows."""

TEMPLATES = Path(__file__).parent / "templates"
"""Written in what Django's templates and Jinja have in common."""

STATIC = Path(__file__).parent / "static"

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src 'self'; script-src 'self';"
        " style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""On every page: all that it loads comes from here, and no other site may frame it."""

ADDED = "Your picture is on the shelf."
DELETED = "The picture is deleted."
NO_NAME = "Tell the shelf a name of 1 to 40 characters."
NO_FILE = "Choose a picture first. Nothing was stored."
SEVERAL = "One picture at a time, please. Nothing was stored."
NO_LENGTH = "That form did not say how long it is, so the shelf took nothing of it."
NOT_A_PICTURE = (
    "That file is not a picture that the shelf can show."
    " It takes PNG, JPEG, GIF, WebP and AVIF. Nothing was stored."
)
NOT_YOURS = "Only who put a picture on the shelf may delete it."
NOT_FOUND = "There is no such picture. Somebody may have deleted it."
FOREIGN = "Only pages of this site may change the shelf."


class Picture(NamedTuple):
    """A picture on the shelf. ``name`` is the last part of both its keys."""

    name: str
    title: str
    owner: str
    uploaded: datetime

    @property
    def key(self) -> str:
        return FILES + self.name

    @property
    def record_key(self) -> str:
        return RECORDS + self.name

    @property
    def quoted(self) -> str:
        """For addresses."""
        return quote(self.name)

    @property
    def filename(self) -> str:
        """What a download is called."""
        return f"{self.title}.{self.name.rpartition('.')[2]}"

    @property
    def iso(self) -> str:
        """For machines."""
        return self.uploaded.isoformat()

    @property
    def date(self) -> str:
        return f"{self.uploaded.day} {self.uploaded:%B %Y}"

    @property
    def time(self) -> str:
        return f"{self.uploaded:%H:%M} UTC"

    def dump(self) -> bytes:
        """The record, as it is stored."""
        stored = {"title": self.title, "owner": self.owner, "uploaded": self.iso}
        return json.dumps({"version": 1, **stored}).encode()

    @classmethod
    def load(cls, record_key: str, record: bytes) -> Picture:
        """The picture of a stored record."""
        stored = json.loads(record)
        if stored["version"] != 1:
            raise ValueError(f"{record_key!r} was written by another version of this site")
        uploaded = datetime.fromisoformat(stored["uploaded"])
        return cls(record_key.removeprefix(RECORDS), stored["title"], stored["owner"], uploaded)


def template() -> str:
    """The template for the key of a new picture. It begins with the time, so names sort by it."""
    return f"{FILES}{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{{id}}{{ext}}"


def new_picture(key: str, title: str, filename: str | None, owner: str) -> Picture:
    """The picture that was stored under ``key``; without a title it is called as its file."""
    file = clean_filename(filename)
    title = one_line(title) or one_line(file.rpartition(".")[0] or file) or "Untitled"
    return Picture(key.removeprefix(FILES), title, owner, datetime.now(UTC).replace(microsecond=0))


def newest(record_keys: Iterable[str], before: str) -> list[str]:
    """Those to show on a page, newest first, and one more if there are older ones.

    The first page is ``before=""``, the next one ``before`` the name of the last one shown.
    """
    older = (key for key in record_keys if not before or key < RECORDS + before)
    return heapq.nlargest(SHOWN + 1, older)


def gallery(records: Mapping[str, bytes], max_bytes: int) -> dict[str, Any]:
    """What the page of the shelf shows: records as `newest` chose them."""
    pictures = [Picture.load(key, records[key]) for key in sorted(records, reverse=True)]
    return {
        "pictures": pictures[:SHOWN],
        "older": pictures[SHOWN - 1].quoted if len(pictures) > SHOWN else "",
        "accept": ",".join(sorted(PICTURES)),
        "max_bytes": str(max_bytes),
        "limit": show_size(max_bytes),
        "too_large": too_large(max_bytes),
        "not_a_picture": NOT_A_PICTURE,
    }


def explain(error: UploadRefused) -> str:
    """What to tell a person whose upload was refused."""
    return too_large(error.max_bytes or 0) if isinstance(error, UploadTooLarge) else NOT_A_PICTURE


def too_large(max_bytes: int) -> str:
    """What to tell a person."""
    most = show_size(max_bytes)
    return f"That file is too large: the shelf takes up to {most}. Nothing was stored."


def not_one(files: int) -> str:
    """What to tell a person who sent no picture, or several."""
    return SEVERAL if files else NO_FILE


def refusal(content_length: str | None, max_bytes: int) -> tuple[int, str] | None:
    """Status and words for a form that is not received: without a length (411), or too long (413).

    Browsers tell the length. Some servers cannot read a form without, and Django takes none.

    >>> refusal("999", 1_000_000), refusal("123456789", 1_000_000)
    (None, (413, 'That file is too large: the shelf takes up to 1 MB. Nothing was stored.'))
    """
    if content_length is None or not content_length.isdecimal():
        return 411, NO_LENGTH
    if int(content_length[:18]) > max_bytes + FORM_BYTES:
        return 413, too_large(max_bytes)
    return None


def person(name: str) -> str:
    """The name that somebody signs in with, or ``""`` if it is none."""
    name = one_line(name, 41)
    return name if len(name) <= 40 else ""


def one_line(text: str, longest: int = 80) -> str:
    r"""What a person typed: composed, on one line, without unseen characters, cut.

    >>> one_line(" Ann\u202e\n and  Bob ")
    'Ann and Bob'
    """
    seen = "".join(c if c.isprintable() else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(seen.split())[:longest].rstrip()


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
