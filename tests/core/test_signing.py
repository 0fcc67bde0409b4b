"""Secrets and the keys derived from them."""

import hashlib

import pytest

from kvcore.signing import check_hashfunc, check_secret, check_secrets, derive_key

# RFC 5869, appendix A.1 to A.3: input keying material, salt, info, length, output.
RFC_5869 = [
    (
        b"\x0b" * 22,
        bytes(range(0x0D)),
        bytes(range(0xF0, 0xFA)),
        42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        82,
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e"
        "590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        b"\x0b" * 22,
        b"",
        b"",
        42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("secret", "salt", "info", "length", "key"), RFC_5869)
def test_derived_keys_are_those_of_rfc_5869(
    secret: bytes, salt: bytes, info: bytes, length: int, key: str
) -> None:
    """The test vectors of the RFC come out."""
    assert derive_key(secret, info, hashlib.sha256, salt=salt, length=length).hex() == key


def test_derived_keys_differ_by_purpose_and_secret() -> None:
    """Another info, another secret: another key; by default as long as the digest."""
    keys = {
        derive_key(secret, info, hashlib.sha512)
        for secret in (b"one", b"two")
        for info in (b"a", b"b")
    }
    assert len(keys) == 4
    assert {len(key) for key in keys} == {64}


@pytest.mark.parametrize("length", [0, -1, 255 * 32 + 1])
def test_a_length_that_hkdf_has_not(length: int) -> None:
    """RFC 5869 §2.3: at most 255 digests; none or less makes no key."""
    with pytest.raises(ValueError, match="HKDF"):
        derive_key(b"secret", b"", hashlib.sha256, length=length)


@pytest.mark.parametrize(
    ("given", "checked"),
    [
        ("sécret", ("sécret".encode(),)),
        (b"secret", (b"secret",)),
        (bytearray(b"secret"), (b"secret",)),
        (["old", b"new"], (b"old", b"new")),
        (("old", "new"), (b"old", b"new")),
    ],
)
def test_secrets_in_their_forms(given: object, checked: tuple[bytes, ...]) -> None:
    """One secret or several, oldest first, text or bytes."""
    assert check_secrets(given) == checked  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    ["", b"", [], (), [b"good", ""], None, 16, [1, 2], {"a": 1}, [None], [["nested"]]],
    ids=repr,
)
def test_what_is_no_secret(given: object) -> None:
    """Nothing empty, no number that would count zero bytes, no missing setting."""
    with pytest.raises((TypeError, ValueError), match="secret"):
        check_secrets(given)  # type: ignore[arg-type]


def test_a_refused_secret_is_not_shown() -> None:
    """An error names the type only."""
    with pytest.raises(TypeError) as caught:
        check_secret(["hunter2"])  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("hashfunc", "size"), [(hashlib.sha256, 32), (hashlib.md5, 16)])
def test_the_size_of_a_hash(hashfunc: object, size: int) -> None:
    """As the hash says itself."""
    assert check_hashfunc(hashfunc) == size  # type: ignore[arg-type]


def test_a_short_hash_is_refused() -> None:
    """A digest of 8 bytes can be found by trying."""
    with pytest.raises(ValueError, match="16 bytes"):
        check_hashfunc(lambda: hashlib.blake2b(digest_size=8))
