"""Media types are told by the bytes, and nothing active passes as a picture or as text."""

import pytest

from kvcore import mime

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
FTYP = b"\x00\x00\x00\x1cftyp"


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a<script>alert(1)</script>", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x24\x00\x00\x00AVI LIST", "application/octet-stream"),
        (FTYP + b"avif\x00\x00\x00\x00avifmif1miaf", "image/avif"),
        (FTYP + b"mif1\x00\x00\x00\x00mif1avifmiaf", "image/avif"),
        (FTYP + b"heic\x00\x00\x00\x00mif1heic", "image/heic"),
        (FTYP + b"isom\x00\x00\x02\x00isomiso2avc1mp41", "video/mp4"),
        (FTYP + b"M4A \x00\x00\x00\x00M4A mp42isom", "audio/mp4"),
        (FTYP + b"qt  \x00\x00\x00\x00qt  ", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska", "video/x-matroska"),
        (b"OggS\x00\x02" + b"\0" * 22 + b"OpusHead", "audio/ogg"),
        (b"OggS\x00\x02" + b"\0" * 22 + b"\x01vorbis", "audio/ogg"),
        (b"OggS\x00\x02" + b"\0" * 22 + b"\x80theora", "video/ogg"),
        (b"OggS\x00\x02" + b"\0" * 22 + b"Speex   ", "application/ogg"),
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x64\x00", "audio/mpeg"),
        (b"\xff\xfb\xf0\x64\x00", "application/octet-stream"),  # no such bit rate
        (b"fLaC\x00\x00\x00\x22", "audio/flac"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04\x14\x00", "application/zip"),
        (b"\x1f\x8b\x08\x00", "application/gzip"),
        (b"", "text/plain"),
        (b"plain words, a < b, <3\n", "text/plain"),
        ("Grüße, 男孩, 😆".encode(), "text/plain"),
        (b"\xef\xbb\xbfwith a mark", "text/plain"),
        (b"Mail <john@example.com>, see <https://example.com/a?b>", "text/plain"),
        (b"a,b\n1,2\n", "text/plain"),
        (b"Look out of the window. Then read myself.txt (twice).", "text/plain"),
        ("Grüße".encode("latin-1"), "application/octet-stream"),
        ("text".encode("utf-16"), "application/octet-stream"),
        (b"\x00\x01\x02\x03", "application/octet-stream"),
        (b"text\x00with a zero", "application/octet-stream"),
        (b"\x7fELF\x02\x01\x01", "application/octet-stream"),
    ],
)
def test_the_type_is_that_of_the_bytes(head: bytes, content_type: str) -> None:
    """Each format of the table is known by its bytes; the unknown is `application/octet-stream`."""
    assert mime.detect(head, complete=True) == content_type


ACTIVE = [
    b"<!DOCTYPE html><title>x</title>",
    b"<html>",
    b"  \n<HTML\n>",
    b"<script>alert(1)</script>",
    b"words before <img src=x onerror=alert(1)>",
    b"<x@y onclick=alert(1)>",
    b"<!-- comment --><p>",
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"<?xml version='1.0'?><svg/>",
    b"<?xml version='1.0'?><feed/>",
    b"\xef\xbb\xbf<svg onload=alert(1)>",
    "<script>alert(1)</script>".encode("utf-16"),
    b"\xfe\xff" + "<script>alert(1)</script>".encode("utf-16-be"),
    b"<?php system($_GET['c']);",
    b"<math><mtext></mtext></math>",
    b"\xe9 not UTF-8 <b onclick=alert(1)>",
    b"words <script",
    b"alert(1)",
    b"/* */ document.cookie",
    b"(function () { x })()",
    b"const a = 1;",
    b"import x from './y.js'",
    b"setTimeout(() => { x })",
]


@pytest.mark.parametrize("head", ACTIVE)
def test_active_content_is_neither_text_nor_a_picture(head: bytes) -> None:
    """HTML, SVG, XML and scripts are known as such, however they are wrapped in text."""
    assert mime.detect(head, complete=True) in mime.ACTIVE_TYPES
    assert mime.detect(head) in mime.ACTIVE_TYPES


def test_what_is_active_is_never_shown() -> None:
    """No type that can run is among those that a browser is to show."""
    assert mime.INLINE_TYPES.isdisjoint(mime.ACTIVE_TYPES)
    assert all(mime.extension_for(name) == ".bin" for name in mime.ACTIVE_TYPES)


def test_a_head_may_end_within_a_character() -> None:
    """Only a value that is there whole has to end well."""
    cut = "Grüße".encode()[:3]
    assert mime.detect(cut) == "text/plain"
    assert mime.detect(cut, complete=True) == "application/octet-stream"


@pytest.mark.parametrize(
    "piece", [b"\n", b"<", b"<a", b"<a@", b"@", b"function ", b"self", b"let a", b"import ", b"=>"]
)
def test_hostile_text_is_read_in_linear_time(piece: bytes) -> None:
    """No text makes the search for active content slow: a quadratic one of this would not end."""
    head = piece * (512 * 1024 // len(piece))
    assert mime.detect(head, complete=True) in {"text/plain", *mime.ACTIVE_TYPES}


def test_wildcards_let_no_active_type_in() -> None:
    """`image/*` is not SVG, `text/*` is not HTML; who wants those names them."""
    assert mime.is_allowed("image/png", {"image/*"})
    assert not mime.is_allowed("image/svg+xml", {"image/*"})
    assert not mime.is_allowed("text/html", {"text/*"})
    assert mime.is_allowed("image/svg+xml", {"image/svg+xml"})
    assert not mime.is_allowed("video/mp4", {"image/*", "video/webm"})


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.PNG", ".png"), ("a.jpeg", ".jpg"), ("a.svg", ".bin"), ("a.html", ".bin"), ("png", ".bin")],
)
def test_a_name_gives_harmless_extensions_only(name: str, extension: str) -> None:
    """Where there is only a name, nothing that a web server would run comes of it."""
    assert mime.known_extension(name) == extension
