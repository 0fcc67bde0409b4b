"""The bytes that `HMACDecorator` stores: as documented, and as minimalkv stores them."""

import hashlib
import io
import re
from pathlib import Path

import pytest

from kvcore import DictStore, HMACDecorator
from kvcore.decorators.hmac_frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    MAGIC,
    SALT_BYTES,
    VERSION,
    FrameFormat,
)
from kvcore.errors import VerificationError
from kvcore.signing import derive_key
from tests.decorators.stores import INNER

PAGE = (Path(__file__).parents[2] / "docs/formats/hmac.md").read_text()
SECRET = b"a secret for examples only"
VALUES = {
    "`hello`": b"hello",
    "empty": b"",
    "65,536 zero bytes": bytes(65536),
    "65,537 zero bytes": bytes(65537),
}


def vectors(heading: str) -> list[tuple[str, bytes, str]]:
    """Key, value and stored bytes of the rows of a table below this heading of the page."""
    section = PAGE.split(heading)[1].split("\n#")[0]
    rows = re.findall(
        r"^\| `([^`]+)` \| (.+?) \| (?:SHA-256 )?`([0-9a-f]+)` \|$", section, re.MULTILINE
    )
    return [(key, VALUES[value], stored) for key, value, stored in rows]


FRAME_VECTORS = vectors("### Test vectors")
LEGACY_VECTORS = vectors("## minimalkv's format")


def test_the_page_has_its_vectors() -> None:
    """All rows of the tables are found, so none is left untested."""
    assert len(FRAME_VECTORS) == 5
    assert len(LEGACY_VECTORS) == 1


def fixed_salt(size: int) -> bytes:
    """The salt of the page."""
    return bytes(range(size))


@pytest.mark.parametrize(("key", "data", "stored"), FRAME_VECTORS)
def test_the_documented_bytes_are_those_written(key: str, data: bytes, stored: str) -> None:
    """Whole or piece by piece, under the documented salt."""
    form = FrameFormat((b"an older secret", SECRET), hashlib.sha256, random=fixed_salt)
    whole = form.encode(key, data)
    for step in (1000, FRAME_BYTES, 10**6):
        encoder = form.encoder(key)
        pieces = [encoder.feed(data[at : at + step]) for at in range(0, len(data), step)]
        assert b"".join([*pieces, encoder.finish()]) == whole
    assert stored in (whole.hex(), hashlib.sha256(whole).hexdigest())


@pytest.mark.parametrize(("key", "data", "stored"), [v for v in FRAME_VECTORS if len(v[1]) < 9])
def test_the_documented_bytes_are_read(key: str, data: bytes, stored: str) -> None:
    """What a store holds since the format was fixed is read for ever."""
    inner = DictStore({key: bytes.fromhex(stored)}, keys="path")
    store = HMACDecorator(SECRET, inner)
    assert store.get(key) == data
    with store.open(key) as reader:
        assert reader.read() == data


def test_the_page_names_the_subkey_and_the_constants() -> None:
    """The figures in its text are those of the code."""
    assert derive_key(SECRET, b"kvcore signed value 1", hashlib.sha256).hex() in PAGE
    assert f"`{MAGIC.hex(' ')}`" in PAGE
    assert f"version: `{VERSION:02x}`" in PAGE
    assert f"| {SALT_BYTES} | salt" in PAGE
    assert f"exactly {FRAME_BYTES:,} bytes" in PAGE
    assert f"takes {HEADER_BYTES + 32} bytes more" in PAGE


# Made by minimalkv 1.11.2: HMACDecorator(secret, DictStore(), hashfunc).put(key, value).
MINIMALKV = [
    (
        *("greeting", b"hello", SECRET, "sha256"),
        "803b99892264b58ce760a2728c81ff5a860fe0475ca079c216fe869fa6804a73",
    ),
    (
        *("greeting", b"", SECRET, "sha256"),
        "da76435d778ade6934a8b0dab0863f43042cf59e4895e9cd915d669d80dabacc",
    ),
    (
        *("a.b-c_d", bytes(range(256)), b"\x00\xff" * 40, "sha256"),
        "0c5ae0118b1f2ee74bc8f71f8994653b1de61c4c3a8876f48011fffcc0412cb8",
    ),
    (*("k", b"hello", b"s", "sha1"), "97eb09863d984fe8ca6398330939bc71bdb24b14"),
    (
        *("k", b"hello", b"s", "sha512"),
        "b3179c460b447f6cebc55a9f0cc2168229832ec59c5cebfeac813e36d11f3a40"
        "9f78613619ebd2df40d5fc6f8737088369be886751d267f241d29bad294f4315",
    ),
]


@pytest.mark.parametrize(("key", "data", "secret", "name", "tag"), MINIMALKV, ids=range(5))
@pytest.mark.parametrize("inner", INNER)
def test_minimalkvs_values_are_read_and_written(
    inner: str, key: str, data: bytes, secret: bytes, name: str, tag: str, tmp_path: Path
) -> None:
    """Both ways, whole and as a stream: the bytes are the same, so either reads the other's."""
    below = INNER[inner](tmp_path)
    store = HMACDecorator(secret, below, getattr(hashlib, name), legacy=True)
    theirs = data + bytes.fromhex(tag)
    below.put(key, theirs)
    assert store.get(key) == data
    assert store.stat(key).size == len(data)
    with store.open(key) as reader:
        assert reader.read() == data
    store.delete(key)
    for put in (lambda: store.put(key, data), lambda: store.put_file(key, io.BytesIO(data))):
        put()
        assert below.get(key) == theirs


@pytest.mark.parametrize(("key", "data", "stored"), LEGACY_VECTORS)
def test_the_documented_legacy_bytes(key: str, data: bytes, stored: str) -> None:
    """As the page shows them."""
    inner = DictStore()
    HMACDecorator(SECRET, inner, legacy=True).put(key, data)
    assert inner.get(key).hex() == stored


def test_what_makes_the_legacy_format_weak_is_gone() -> None:
    """minimalkv takes a value of ``ab`` under the secret ``c`` for one of ``a`` under ``bc``."""
    for legacy in (True, False):
        inner = DictStore()
        HMACDecorator("c", inner, legacy=legacy).put("ab", b"100")
        inner.copy("ab", "a")
        confused = HMACDecorator("bc", inner, legacy=legacy)
        if legacy:
            assert confused.get("a") == b"100"
        else:
            with pytest.raises(VerificationError, match="changed"):
                confused.get("a")
