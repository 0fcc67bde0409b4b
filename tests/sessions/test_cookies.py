"""The cookie's attributes, and what caches are told."""

import re
from typing import Any

import pytest

from kvcore.errors import ConfigError
from kvcore.sessions import CookiePolicy, private, sent_cookie, varying

EVERYTHING: dict[str, Any] = {
    "name": "__Secure-sid",
    "domain": "example.org",
    "path": "/app",
    "samesite": "None",
    "partitioned": True,
}


def test_the_defaults_are_safe() -> None:
    """Only over TLS, not for scripts, not with the requests of other sites."""
    assert CookiePolicy().header("abc") == "session=abc; Path=/; Secure; HttpOnly; SameSite=Lax"


def test_every_attribute() -> None:
    """A cookie that outlives the browser says when it ends, in both ways."""
    cookie = CookiePolicy(**EVERYTHING)
    attributes = "Domain=example.org; Path=/app; Secure; HttpOnly; SameSite=None; Partitioned"
    assert cookie.header("abc") == f"__Secure-sid=abc; {attributes}"
    assert cookie.header("abc", 60, now=0) == (
        f"__Secure-sid=abc; Expires=Thu, 01 Jan 1970 00:01:00 GMT; Max-Age=60; {attributes}"
    )
    assert cookie.deletion() == (
        f"__Secure-sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; {attributes}"
    )


def test_a_cookie_for_ever_ends_with_the_last_date() -> None:
    """Dates have four digits for the year; so many seconds are no error."""
    assert "Expires=Fri, 31 Dec 9999 23:59:59 GMT; " in CookiePolicy().header("abc", 1e13, now=0)


def test_the_fewest_attributes() -> None:
    """What is switched off is not there."""
    cookie = CookiePolicy(secure=False, httponly=False, samesite=None)
    assert cookie.header("abc") == "session=abc; Path=/"


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a;b"},
        {"name": "a=b"},
        {"name": "ä"},
        {"name": "a\n"},
        {"path": "/a;b"},
        {"path": "/a\r\nSet-Cookie: b=c"},
        {"domain": "a;b"},
        {"samesite": "laxer"},
        {"samesite": ""},
        {"samesite": True},
        {"samesite": object()},
        {"samesite": "None", "secure": False},
        {"samesite": "none", "secure": False},
        {"partitioned": True, "secure": False},
        {"name": "__Host-a", "secure": False},
        {"name": "__Host-a", "path": "/app"},
        {"name": "__Host-a", "domain": "example.org"},
        {"name": "__host-a", "path": "/app"},
        {"name": "__Secure-a", "secure": False},
    ],
)
def test_what_browsers_would_refuse_is_refused_at_the_start(options: dict[str, Any]) -> None:
    """RFC 6265bis, sections 4.1.2 and 4.1.3: such a cookie would silently never come back."""
    with pytest.raises(ConfigError):
        CookiePolicy(**options)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "Cookie"),
        ("", "Cookie"),
        ("Accept", "Accept, Cookie"),
        ("Cookie", "Cookie"),
        ("accept,COOKIE", "accept, COOKIE"),
        ("*", "*"),
        ("Cookies", "Cookies, Cookie"),
    ],
)
def test_vary(before: str | None, after: str) -> None:
    """Once, whatever is there already."""
    assert varying(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "private"),
        ("", "private"),
        ("max-age=60", "max-age=60, private"),
        ("public, max-age=60", "max-age=60, private"),
        ("Public,S-MaxAge=60", "private"),
        ("private", "private"),
        ("no-store", "no-store"),
        ("no-cache", "no-cache, private"),
        ("private, max-age=5", "private, max-age=5"),
        ('private="x-header", max-age=5', "max-age=5, private"),
        ('private="a, b"', "private"),
        ('Private = "a, b, no-store", max-age=5', "max-age=5, private"),
        ('private="a\\", public", max-age=5', "max-age=5, private"),
        ('no-cache="a, b", public', 'no-cache="a, b", private'),
        ('x="public, private, s-maxage=5"', 'x="public, private, s-maxage=5", private'),
        ('x="a\\\\",private', 'x="a\\\\", private'),
        ("no-store=1", "no-store=1, private"),
        (",, max-age=5,", "max-age=5, private"),
    ],
)
def test_a_cookie_is_for_no_shared_cache(before: str | None, after: str) -> None:
    """What the view said for the browser itself stays."""
    assert private(before) == after


@pytest.mark.parametrize(
    "broken",
    ['max-age="60', 'max-age=60, "', 'x="a\\"', '"', '"\\', 'x="a, public', 'a"b"c"d, x="'],
)
def test_a_quote_that_nothing_closes_hides_nothing(broken: str) -> None:
    """A cache that takes all the rest for quoted would not see what is added."""
    told = private(broken)
    assert told.endswith("private")
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', "", told)
    assert '"' not in rest
    assert "public" not in rest.split(", ")


def test_a_header_full_of_quotes_takes_no_time() -> None:
    """What is read once takes time by its length, not by its square."""
    for hostile in ('"' * 99_999, '"\\' * 50_000, 'x="' + "\\" * 99_999, "a" * 99_999 + '"'):
        assert private(hostile).endswith("private")


def test_samesite_in_any_case() -> None:
    """Flask writes "Lax", Starlette "lax": the attribute is the same."""
    for told in ("lax", "Lax", "LAX"):
        cookie = CookiePolicy(samesite=told)  # type: ignore[arg-type]  # "LAX"
        assert cookie.samesite == "Lax"
        assert cookie == CookiePolicy()
    assert CookiePolicy(samesite="none").header("abc").endswith("; SameSite=None")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (None, None),
        ("", None),
        ("sid=abc", "abc"),
        ("a=b; sid=abc; c=d", "abc"),
        ("a=b;sid=abc", "abc"),
        (" sid = abc ", "abc"),
        ("sid=abc; sid=def", "abc"),
        ("xsid=abc", None),
        ("sidx=abc; SID=abc", None),
        ("sid", ""),
        ("sid=", ""),
        ("a=sid=abc", None),
        ("sid=a=b", "a=b"),
        (";;=;sid=abc", "abc"),
        ("\tsid\t=\tabc", "abc"),
        *((f"{blank}sid=abc", None) for blank in "\xa0\x85\x1f\x0b\u2000\u3000"),
        ("sid\xa0=abc; sid=def", "def"),
    ],
)
def test_the_cookie_that_was_sent(header: str | None, value: str | None) -> None:
    """The first of exactly this name, whatever else is in the header."""
    assert sent_cookie(header, "sid") == value
