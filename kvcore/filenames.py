"""File names that clients chose: made fit to be shown, to stand in a header, or (asked) in a key.

A name from a client is text about a file, never a place to put it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal
from urllib.parse import quote

_MAX_BYTES = 255  # what file systems take; of UTF-8
# Format characters (Cf) hide or reverse parts of a name: U+202E makes "gpj.exe" of "exe.jpg".
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 8187 §3.2.1, besides letters and digits
_PLAIN = re.compile(r"[\w-][\w.-]{0,99}", re.ASCII)  # as most names are, all of ours: nothing to do


def clean_filename(name: str | None) -> str:
    r"""The last part of a client's path, composed (NFC), without unseen characters, ≤ 255 bytes.

    Fit to be stored and shown (escaped, as any text); empty if nothing is left.

    >>> clean_filename("C:\\photos\\naïve \u202egpj.png")
    'naïve gpj.png'
    >>> clean_filename("../../etc/passwd"), clean_filename(".."), clean_filename(None)
    ('passwd', '', '')
    """
    if name is not None and _PLAIN.fullmatch(name):
        return name
    last = re.split(r"[/\\]", name or "")[-1]
    seen = "".join(c for c in last if unicodedata.category(c) not in _UNSEEN)
    text = " ".join(unicodedata.normalize("NFC", seen).split())
    if text.strip(".") == "":
        return ""
    stem, dot, extension = text.rpartition(".")
    tail = f"{dot}{extension}" if stem and len(extension) <= 16 else ""
    room = _MAX_BYTES - len(tail.encode())
    return text.removesuffix(tail).encode()[:room].decode(errors="ignore") + tail


def key_part(name: str | None) -> str:
    """A client's file name without its extension as a piece of a key, at most 64 characters.

    Letters, digits, ``_`` and ``-`` of any language stay; all else becomes ``-``.

    >>> key_part("../My Holiday (2).tar.gz"), key_part("фото.jpg"), key_part("😆")
    ('My-Holiday-2', 'фото', 'file')
    """
    stem = clean_filename(name).lstrip(".").partition(".")[0]
    text = re.sub(r"[^\w-]+", "-", stem).strip("-")[:64]
    # 64 characters may be 256 bytes, and a key has other parts.
    return text.encode()[:96].decode(errors="ignore").strip("-") or "file"


def content_disposition(kind: Literal["inline", "attachment"], filename: str) -> str:
    r"""The value of a ``Content-Disposition`` header (RFC 6266): plain, where needed extended.

    >>> content_disposition("inline", "cat.png")
    'inline; filename="cat.png"'
    >>> content_disposition("attachment", 'naïve "x".html')
    'attachment; filename="naive _x_.html"; filename*=UTF-8\'\'na%C3%AFve%20%22x%22.html'
    """
    name = clean_filename(filename)
    if not name:
        return kind
    if _PLAIN.fullmatch(name):
        return f'{kind}; filename="{name}"'
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # RFC 6266 appendix D: these are read in different ways; some take <> for an address.
    plain = re.sub(r'["\\%/:<>]', "_", plain).strip()  # NFKD makes a slash of U+FF0F
    if plain == name:
        return f'{kind}; filename="{plain}"'
    if not plain.partition(".")[0].strip():
        plain = f"download{plain}"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"
