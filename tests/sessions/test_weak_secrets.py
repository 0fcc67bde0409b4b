"""Secrets that others know: told in the log, without showing them."""

import os
import secrets
from base64 import b64encode

import pytest

from kvcore.sessions import warn_of_weak_secrets
from kvcore.sessions.weak_secrets import tell_once, weakness_of

GOOD = "5b1d9f04c7e83a62b1f0d7a85c2e9364"


@pytest.mark.parametrize(
    ("secret", "weakness"),
    [
        (b"dev", "16 bytes"),
        (b"x" * 15, "16 bytes"),
        (b"0123456789abcde", "16 bytes"),
        (b"x" * 64, "different"),
        (b"01" * 20, "different"),
        (b"changeme", "placeholder"),
        (b"CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET", "placeholder"),  # Superset's, CVE-2023-27524
        (b"\2\1thisismyscretkey\1\2\\e\\y\\y\\h", "placeholder"),  # and of before
        (b"please replace this secret in production", "placeholder"),
        (b"django-insecure-k!3v@x9#q2m8z7", "placeholder"),
        (b"your-secret-goes-here-1234", "placeholder"),
        (b"a secret of your own", "placeholder"),  # our documentation's
        (b"set a secret of your own", "placeholder"),
        (b'_5#y2L"F4Q8z\n\xec]/', "placeholder"),
        (b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf", "placeholder"),
        (b"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "placeholder"),
    ],
)
def test_what_others_know_or_guess(secret: bytes, weakness: str) -> None:
    """Is found: short, of few characters, from a manual, or printed in one."""
    assert weakness in (weakness_of(secret) or "nothing")


def test_random_secrets_are_good() -> None:
    """In each form that people make them: as bytes, in hexadecimal, in base64."""
    for _ in range(1000):
        secret = os.urandom(32)
        for form in (secret, secret.hex().encode(), b64encode(secret)):
            assert weakness_of(form) is None
    assert weakness_of(secrets.token_urlsafe().encode()) is None


def test_the_log_names_the_setting_and_not_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    """One line for each thing that is wrong, however often it is said."""
    tell_once.cache_clear()
    for _ in range(2):
        warn_of_weak_secrets(["tiny-retired", GOOD, b"tiny"], "SECRET_KEY")
    [line] = caplog.messages
    assert line.startswith("SECRET_KEY has fewer than 16 bytes")
    assert "token_hex" in line
    assert "tiny" not in line
    assert caplog.records[0].name == "kvcore.sessions"
    caplog.clear()
    warn_of_weak_secrets(GOOD, "SECRET_KEY")
    assert caplog.messages == []
