r"""What bytes are, told from the bytes: a small table of signatures and a test for active content.

What a client says of its file (a name, a ``Content-Type``) is never asked. The first
`HEAD_BYTES` of a value are enough.

>>> detect(b"\x89PNG\r\n\x1a\n...")
'image/png'
>>> detect(b"<svg onload='alert(1)'>"), detect(b"plain words")
('image/svg+xml', 'text/plain')

Active content (HTML, SVG, XML, scripts) is what a browser would run in the name of the site that
serves it. It is never taken for an image or for text: where text holds a tag or looks like a
script, it counts as that. A test of text cannot know every script; that nothing served as text is
ever run is ensured by ``X-Content-Type-Options: nosniff`` (see `kvcore.serving`).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Mapping

HEAD_BYTES = 4096
"""How much of a value `detect` wants to see."""

BINARY = "application/octet-stream"
"""The type of what nobody recognises."""

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
"""Bitmaps that every browser of today shows and none of which can hold a script."""

INLINE_TYPES = PICTURES | {
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "text/plain",
    "video/mp4",
    "video/ogg",
    "video/webm",
}
"""What may be shown inside a page or tab; all else is served as a download."""

ACTIVE_TYPES = frozenset({"application/xml", "image/svg+xml", "text/html", "text/javascript"})
"""What can run in the name of the site that serves it."""

_EXTENSIONS: Mapping[str, str] = {
    "application/gzip": ".gz",
    "application/ogg": ".ogg",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "image/avif": ".avif",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
    "video/ogg": ".ogv",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
}

# Signatures at the very start. Sources: the specifications of each format, and the table of
# https://mimesniff.spec.whatwg.org/ §6; longer ones first where one begins like another.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),  # an empty archive
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS = {  # major brand of an ISO media file (ISO/IEC 14496-12 §4.3; MPEG-4 registration list)
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # mimesniff §3: binary data bytes
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Everything that a parser of HTML or XML would take for a tag, a comment or an instruction,
# but for addresses in angle brackets, as mails and Markdown have them.
_TAG = re.compile(
    r"<(?![^\s<>@]{1,99}@[^\s<>]{1,255}>|https?://[^\s<>]{1,999}>)"
    r"(?:!(?:-|\[|[a-z])|\?[a-z]|/?[a-z][^\s<>/]*(?:[\s/>]|\Z))",
    re.IGNORECASE,
)
_SCRIPT = re.compile(
    r"""
    ^ [ \t]* (?: ["']use\ strict["'] | import\ [^\n]*\bfrom\b | export\ (?:default|const|class|\{)
               | (?:var|let|const)\ [\w$\[{][^\n]*= )
    | \bfunction\b\s{0,9}[\w$]*\s{0,9}\( | =>\s*[{(] | \b(?:eval|alert|fetch|importScripts)\s*\(
    | \b(?:document|window|globalThis|self|location)(?:\.\w|\[)
    """,
    re.MULTILINE | re.VERBOSE,
)


def detect(head: bytes, *, complete: bool = False) -> str:
    """The media type of a value by its first bytes: `BINARY` for what is not recognised.

    ``complete`` says that ``head`` is the whole value, so that it may not end within a character.
    """
    for signature, content_type in _SIGNATURES:
        if head.startswith(signature):
            return content_type
    return _container(head) or _text(head, complete=complete)


def extension_for(content_type: str) -> str:
    """The file name extension of a type, with its dot; ``.bin`` for all that is not in our table.

    Active types have none: a web server that serves a folder would run them.

    >>> extension_for("image/jpeg"), extension_for("text/html")
    ('.jpg', '.bin')
    """
    return _EXTENSIONS.get(content_type, ".bin")


def known_extension(name: str) -> str:
    """The extension of a file name if it is that of a harmless type that we know, else ``.bin``.

    For places that see a name but no bytes.

    >>> known_extension("Me.JPEG"), known_extension("page.html"), known_extension("README")
    ('.jpg', '.bin', '.bin')
    """
    _, dot, last = name.lower().rpartition(".")
    extension = dot + {"jpeg": "jpg"}.get(last, last)
    return extension if extension in _EXTENSIONS.values() else ".bin"


def is_allowed(content_type: str, allowed: Collection[str]) -> bool:
    """Whether a type is among those named, exactly or as ``image/*``.

    Active types must be named exactly: ``image/*`` does not let SVG in.

    >>> is_allowed("image/png", {"image/*"}), is_allowed("image/svg+xml", {"image/*"})
    (True, False)
    """
    if content_type in allowed:
        return True
    return content_type not in ACTIVE_TYPES and f"{content_type.partition('/')[0]}/*" in allowed


def _container(head: bytes) -> str | None:
    """Formats that are told by more than their first bytes."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12]) or _compatible(head)
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"\x1aE\xdf\xa3"):  # EBML: the document type tells WebM from Matroska
        return "video/webm" if b"\x42\x82\x84webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"OggS"):
        if b"\x80theora" in head:
            return "video/ogg"
        return "audio/ogg" if b"OpusHead" in head or b"\x01vorbis" in head else "application/ogg"
    return "audio/mpeg" if _is_mp3_frame(head) else None


def _is_mp3_frame(head: bytes) -> bool:
    """An MPEG audio frame of layer III, with a bit rate and a sample rate that exist."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    return 0x10 <= head[2] < 0xF0 and head[2] & 0x0C != 0x0C


def _compatible(head: bytes) -> str:
    """An ISO media file by the brands it says to be compatible with."""
    brands = head[16 : min(int.from_bytes(head[:4], "big"), 256)]
    return "image/avif" if b"avif" in brands else "video/mp4"


def _text(head: bytes, *, complete: bool) -> str:
    encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")
    if encoding == "utf-8" and _CONTROL.search(head):
        return BINARY
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, complete)
    except UnicodeDecodeError:
        # Not text to us, but perhaps to a lenient browser.
        return _active(head.decode("latin-1")) or BINARY
    # Text in another encoding is served as bytes: its type could not be told in a header.
    return _active(text) or ("text/plain" if encoding == "utf-8" else BINARY)


def _active(text: str) -> str | None:
    if _TAG.search(text):
        lower = text.lower()
        if "<svg" in lower and "<html" not in lower:
            return "image/svg+xml"
        is_xml = lower.lstrip("\ufeff \t\r\n").startswith("<?xml") and "<html" not in lower
        return "application/xml" if is_xml else "text/html"
    return "text/javascript" if _SCRIPT.search(text) else None
