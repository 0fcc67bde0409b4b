"""Key spaces: which strings are keys, and the sentence that tells why another is not."""

import pickle
import string
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvcore import PATH, STRICT, VALID_KEY_RE, VALID_KEY_REGEXP, InvalidKey, KeySpace
from kvcore.keys import RESERVED_PREFIX, MappedKeySpace

# What minimalkv 1.11 accepts, as its documentation lists it.
SEED_CHARACTERS = set(string.ascii_letters + string.digits + "`!\"#$%&'()+,-.<=>?@[]^_{}~\\")

ANY_TEXT = st.text() | st.text("a./\\-é\n \0\ud800", max_size=6) | st.text("a/.", max_size=6)


def is_strict(key: str) -> bool:
    """The rule in other words."""
    return (
        0 < len(key) <= 250
        and set(key) <= SEED_CHARACTERS
        and key not in {".", ".."}
        and not key.startswith(".kvcore-")
    )


def is_path(key: str) -> bool:
    """The rule in other words."""
    if any(unicodedata.category(char) in {"Cc", "Cs"} or char == "\\" for char in key):
        return False
    if len(key.encode()) > 1024:
        return False
    return all(
        segment not in {"", ".", ".."} and not segment.startswith(".kvcore-")
        for segment in key.split("/")
    )


@given(ANY_TEXT)
@example("x" * 250)
@example("x" * 251)
@example(".kvcore-")
def test_strict_is_the_seeds(key: str) -> None:
    """Its characters, 250 of them at most, neither ``.`` nor ``..``, nothing reserved."""
    assert (key in STRICT) == is_strict(key)


@given(ANY_TEXT)
@example("a//b\n")
@example("x" * 1025)
def test_any_is_every_text_that_utf8_has(key: str) -> None:
    """Read and deleted is everything; put is what is a path, and the message says so."""
    any_ = KeySpace("any")
    sound = not any(unicodedata.category(char) == "Cs" for char in key)
    assert (key in any_) == (sound and 0 < len(key.encode()) <= 1024)
    if key in any_ and not is_path(key):
        with pytest.raises(InvalidKey, match="read and deleted, not put"):
            any_.check_new_outside(key)
    elif key in any_:
        any_.check_new_outside(key)


@given(ANY_TEXT)
@example("x" * 1024)
@example("x" * 1025)
@example("é" * 512)
@example("é" * 513)
@example("a/.kvcore-x")
def test_path_is_segments(key: str) -> None:
    """Joined by ``/``, each a name; 1024 bytes of UTF-8 at most."""
    assert (key in PATH) == is_path(key)


def test_every_character_on_its_own() -> None:
    """All of the first 300 code points, alone and inside a key."""
    for code in range(300):
        char = chr(code)
        for key in (char, f"a{char}b", f"{char}b", f"a{char}"):
            assert (key in STRICT) == is_strict(key), key
            assert (key in PATH) == is_path(key), key


@pytest.mark.parametrize("key", ["a\n", "a\r\n", "\na", "a\0", "a\n\n", "a\u2028"])
def test_a_key_is_matched_whole(key: str) -> None:
    """No ``$`` that lets a newline pass, neither in the spaces nor in the seed's expression."""
    assert key not in STRICT
    assert not VALID_KEY_RE.match(key)
    assert VALID_KEY_RE.pattern == VALID_KEY_REGEXP
    assert VALID_KEY_RE.match("a")
    if key != "a\u2028":  # a character like others in a path
        assert key not in PATH


@pytest.mark.parametrize("no_key", [None, 1, True, 1.5, b"a", bytearray(b"a"), ["a"], ("a",)])
@pytest.mark.parametrize("space", [STRICT, PATH])
def test_a_key_is_a_str(space: KeySpace, no_key: object) -> None:
    """Anything else is InvalidKey that names its type."""
    assert no_key not in space
    with pytest.raises(InvalidKey, match=f"not {type(no_key).__name__}") as caught:
        space.check(no_key)  # type: ignore[arg-type]
    assert caught.value.key is None


@pytest.mark.parametrize(
    ("space", "key", "reason"),
    [
        (STRICT, "", "at least one character"),
        (STRICT, "a/b", "'/' is not allowed in a key; keys=\"path\" allows"),
        (STRICT, "a b", "' ' is not allowed"),
        (STRICT, "é", "'é' is not allowed"),
        (STRICT, "a\n", r"'\\n' is not allowed"),
        (STRICT, "x" * 251, "at most 250 characters"),
        (STRICT, "..", r"'\.\.' is not allowed as a name"),
        (STRICT, ".kvcore-a", "reserved"),
        (PATH, "", "at least one character"),
        (PATH, "/a", "neither begins nor ends with '/'"),
        (PATH, "a/", "neither begins nor ends with '/'"),
        (PATH, "a//b", "has no '//'"),
        (PATH, "a/../b", r"'\.\.' is not allowed as a name"),
        (PATH, "a\\b", "backslashes"),
        (PATH, "a\tb", "control characters"),
        (PATH, "\ud800", "surrogates"),
        (PATH, "a/.kvcore-b", "reserved"),
        (PATH, "x" * 1025, "at most 1024 bytes"),
        (KeySpace("path", 255), "é" * 128, "at most 255 bytes"),
        (KeySpace("path", 255), "a/" + "x" * 256 + "/b", "at most 255 bytes"),
    ],
)
def test_a_refusal_names_the_rule(space: KeySpace, key: str, reason: str) -> None:
    """InvalidKey, a ValueError, with the key and the rule that it breaks."""
    with pytest.raises(InvalidKey, match=reason) as caught:
        space.check(key)
    assert isinstance(caught.value, ValueError)
    assert caught.value.key == key


def test_a_limit_on_segments() -> None:
    """A segment may be as long as the limit in bytes; the whole key longer."""
    space = KeySpace("path", 255)
    assert "/".join(["x" * 255] * 3) in space
    assert "é" * 127 in space
    assert "é" * 128 in PATH


def test_nothing_is_normalised() -> None:
    """Two ways to write a letter are two keys, and both are legal."""
    assert "é" in PATH
    assert "e\u0301" in PATH
    assert PATH.check("e\u0301") is None


def test_reserved_names() -> None:
    """Only whole names that begin so; the text may stand inside."""
    assert RESERVED_PREFIX == ".kvcore-"
    for space in (STRICT, PATH):
        assert "a.kvcore-b" in space
        assert ".kvcore" in space
        assert ".kvcore-" not in space


def test_a_space_is_a_value() -> None:
    """Frozen, equal by what it says, hashable, picklable, readable."""
    assert KeySpace("strict") == STRICT != PATH
    assert hash(KeySpace("path")) == hash(PATH)
    assert KeySpace("path", 255) != PATH
    assert pickle.loads(pickle.dumps(KeySpace("path", 255))) == KeySpace("path", 255)
    assert repr(KeySpace("path", 255)) == "KeySpace('path', 255)"
    with pytest.raises(AttributeError, match="frozen"):
        STRICT.name = "path"
    assert STRICT.name == "strict"
    with pytest.raises(ValueError, match="'strict', 'path', 'any'"):
        KeySpace("loose")


def double(key: str) -> str:
    """A mapping for a test: pickled by its name."""
    return f"{key}/{key}"


def test_a_mapped_space_asks_both_sides() -> None:
    """Legal outside, and legal inside once mapped; the refusal names the outer key."""
    space = MappedKeySpace(PATH, double, STRICT)
    assert "a" in space
    assert "a/b" not in space  # outside
    assert "x" * 200 in space
    narrow = MappedKeySpace(STRICT, double, PATH)
    with pytest.raises(InvalidKey, match="'/' is not allowed") as caught:
        narrow.check("a")
    assert caught.value.key == "a"
    narrow.check_outside("a")  # the inner store checks the rest
    with pytest.raises(InvalidKey):
        narrow.check_outside("a//b")


def test_a_mapped_space_of_any_text() -> None:
    """Without an outer rule every text is taken that has a character and no lone surrogate."""
    space = MappedKeySpace(PATH, str.lower, None)
    assert space.outside is None
    for key in ["a b", "é", "A"]:
        assert key in space
    for no_key in ["", "\ud800", "a/../b", None, 1, b"a"]:
        assert no_key not in space


def test_a_mapped_space_is_a_value() -> None:
    """As every other."""
    space = MappedKeySpace(PATH, double, STRICT)
    assert space == MappedKeySpace(PATH, double, STRICT) != MappedKeySpace(PATH, double, PATH)
    assert pickle.loads(pickle.dumps(space)) == space
    assert hash(space) == hash(MappedKeySpace(PATH, double, STRICT))
    assert space != PATH


def test_small_limits_hold_for_ascii() -> None:
    """A limit of a segment below 255 bytes holds for plain keys as well."""
    space = KeySpace("path", 100)
    assert "a" * 100 in space
    assert "a" * 101 not in space
    assert f"{'a' * 100}/{'b' * 100}" in space
