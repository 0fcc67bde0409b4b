"""Names that clients chose are cleaned before they are shown, sent, or (asked) put in a key."""

import email.message
from urllib.parse import unquote

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from kvcore import PATH, filenames


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cat.png", "cat.png"),
        ("/etc/passwd", "passwd"),
        ("..", ""),
        ("", ""),
        (None, ""),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie: x.png"),
        ("nul\0l.png", "null.png"),
        ("cv\u202egpj.exe", "cvgpj.exe"),
        ("фото.jpg", "фото.jpg"),
        ("u\u0308.png", "\u00fc.png"),
        (" two  words .png ", "two words .png"),
    ],
)
def test_a_name_is_cleaned(name: str | None, clean: str) -> None:
    """The last part of the path stays, readable, without what hides or leads elsewhere."""
    assert filenames.clean_filename(name) == clean


def test_a_long_name_keeps_its_extension() -> None:
    """What is cut to 255 bytes is the stem, between characters."""
    name = filenames.clean_filename("ü" * 300 + ".jpeg")
    assert name.endswith("ü.jpeg")
    assert len(name.encode()) in {254, 255}


@given(st.text())
def test_any_name_is_made_harmless(name: str) -> None:
    """Whatever a client sends: no separator, no control character, at most 255 bytes, stable."""
    clean = filenames.clean_filename(name)
    assert not set(clean) & set("/\\\r\n\0")
    assert clean not in {".", ".."}
    assert len(clean.encode()) <= 255
    assert filenames.clean_filename(clean) == clean


@given(st.text())
def test_any_name_gives_a_legal_piece_of_a_key(name: str) -> None:
    """A piece is never empty, never hidden, and one segment."""
    piece = filenames.key_part(name)
    assert f"a/{piece}.png" in PATH
    assert not set(piece) & set("/.")
    assert len(piece) <= 64
    assert len(piece.encode()) <= 96


@given(st.text())
@example("<>")
def test_the_header_of_any_name_is_understood(name: str) -> None:
    """RFC 6266: an ASCII line whose extended form gives the very name back."""
    header = filenames.content_disposition("attachment", name)
    assert header.isascii()
    assert header.isprintable()
    clean = filenames.clean_filename(name)
    if not clean:
        assert header == "attachment"
        return
    if "filename*=UTF-8''" in header:
        assert unquote(header.partition("filename*=UTF-8''")[2]) == clean
    else:
        message = email.message.Message()
        message["Content-Disposition"] = header
        assert message.get_filename() == clean
    plain = header.partition('filename="')[2].partition('"')[0]
    assert plain
    assert not set(plain) & set("/\\%")
