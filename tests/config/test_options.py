"""The kinds of options: what they take as text and as typed value, and what they say against it."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from kvcore.recipe import (
    boolean,
    choice,
    file_mode,
    hash_function,
    integer,
    nearest,
    seconds,
    secret_bytes,
    secret_text,
    text,
    time_to_live,
)

KINDS: dict[str, Callable[[Any], Any]] = {
    "boolean": boolean,
    "choice": choice("full", "atomic"),
    "file_mode": file_mode,
    "hash_function": hash_function,
    "integer": integer(-1, 10),
    "seconds": seconds,
    "secret_bytes": secret_bytes,
    "secret_text": secret_text,
    "text": text,
    "time_to_live": time_to_live,
}


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        *(("boolean", word, True) for word in ("true", "True", "TRUE", "1", "yes", "Yes", True)),
        *(("boolean", word, False) for word in ("false", "FALSE", "0", "no", "NO", False)),
        ("choice", "full", "full"),
        ("file_mode", "640", 0o640),
        ("file_mode", "0640", 0o640),
        ("file_mode", "0o640", 0o640),
        ("file_mode", 0o640, 0o640),
        ("hash_function", "sha512", hashlib.sha512),
        ("hash_function", hashlib.sha1, hashlib.sha1),
        ("integer", "-1", -1),
        ("integer", "010", 10),
        ("integer", 3, 3),
        ("seconds", "60", 60),
        ("seconds", "0.25", 0.25),
        ("seconds", 1.5, 1.5),
        ("secret_bytes", "ké", b"k\xc3\xa9"),
        ("secret_bytes", b"\xff", b"\xff"),
        ("secret_bytes", "\udcff", b"\xff"),
        ("secret_text", b"k\xc3\xa9", "ké"),
        ("text", " a ", " a "),
        ("time_to_live", "forever", "forever"),
        ("time_to_live", "not_set", "not_set"),
        ("time_to_live", "3600", 3600),
    ],
    ids=repr,
)
def test_a_kind_takes_text_and_typed_values(kind: str, given: object, value: object) -> None:
    """What a URL can hold and what Python or JSON can hold give the same."""
    found = KINDS[kind](given)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *(("boolean", wrong) for wrong in ("", "on", "tru", " true", "10", 1, 0, None, [])),
        *(("choice", wrong) for wrong in ("", "Full", "ful", None, 1, ["full"])),
        *(
            ("file_mode", wrong)
            for wrong in ("", "64", "648", "1777", "0x640", "\uff16\uff14\uff10", "-640")
        ),
        *(("file_mode", wrong) for wrong in (-1, 0o1000, True, 6.4, None)),
        *(("hash_function", wrong) for wrong in ("", "md5", "sha", "shake_128", "new", None, 1)),
        *(
            ("integer", wrong)
            for wrong in ("", "11", "-2", "1.0", "1e1", "1_0", " 1", "\u0661", "9" * 99)
        ),
        *(("integer", wrong) for wrong in (11, True, 1.0, None)),
        *(
            ("seconds", wrong)
            for wrong in ("", "0", "-1", "nan", "inf", "1e3", "1h", "\u0661", "9" * 99)
        ),
        *(("seconds", wrong) for wrong in (0, -1, float("nan"), float("inf"), 10**400, True, None)),
        *(("secret_bytes", wrong) for wrong in ("", b"", None, 1, "\ud800")),
        *(("secret_text", wrong) for wrong in ("", b"", b"\xff", None, 1)),
        *(("text", wrong) for wrong in ("", b"a", None, 1)),
        *(("time_to_live", wrong) for wrong in ("", "never", "0", "Forever", True, None)),
    ],
    ids=lambda value: f"{value!r:.40}",
)
def test_a_kind_refuses_what_it_does_not_understand(kind: str, given: object) -> None:
    """No guess: every other spelling, type and range is refused."""
    with pytest.raises(ValueError, match=r"^(takes .+|.* surrogates not allowed)$"):
        KINDS[kind](given)


def test_nearest_is_found_in_bounded_time() -> None:
    """A suggestion for a short word, a list for a strange one, an end for an endless one."""
    assert nearest("Kyes", ["keys", "perm"]) == "; did you mean 'keys'?"
    assert nearest("zzz", ["perm", "keys"]) == "; there are 'keys', 'perm'"
    assert nearest("keys" * 250_000, ["keys"]) == "; there are 'keys'"
    assert nearest("x", []) == "; there are none"
