"""Where a person is signed in: what the page shows of sessions, and the words for it.

The sessions are kvcore's, so they are on the server: listed by whose they are, and ended from
anywhere. The three sites keep them in one store, so the page of one shows those of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from example_sites import shelf
from kvcore.sessions import SessionInfo, SessionOptions

USER = "person"
"""The key of a session that says whose it is: a change of it gives the session another id."""

POLICY: SessionOptions = {"user_keys": (USER,), "watch": (USER,), "absolute_secs": 90 * 86_400}
"""Of `kvcore.SessionPolicy`: whose a session is, and that it ends after 90 days in any case."""

OTHERS = "others"
EVERYWHERE = "everywhere"
"""What the forms of the page send in place of a session: all but this one, or all."""

SIGNED_OUT = "That one is signed out."
NOT_THERE = "That one was signed out before."
NO_OTHER = "You were signed in nowhere else."

_BROWSERS = {  # the first that is found: browsers also carry the names of their forebears
    "Edge": r"Edg(e|A|iOS)?/",
    "Opera": r"OPR/",
    "Samsung Internet": r"SamsungBrowser/",
    "Firefox": r"(Firefox|FxiOS)/",
    "Chrome": r"(Chrome|CriOS)/",
    "Safari": r"Safari/",
}
_SYSTEMS = {
    "Android": r"Android",
    "iPhone": r"iPhone",
    "iPad": r"iPad",
    "Windows": r"Windows",
    "ChromeOS": r"CrOS",
    "Mac": r"Mac OS X",
    "Linux": r"Linux",
}


class Place(NamedTuple):
    """A session, as its user sees it."""

    handle: str
    """What the form sends. It opens no session."""
    browser: str
    site: str
    here: bool
    since: datetime
    seen: datetime

    @classmethod
    def of(cls, info: SessionInfo) -> Place:
        """What kvcore tells of a session."""
        return cls(
            info.handle,
            info.notes.get("browser", "An unknown browser"),
            info.notes.get("site", ""),
            info.current,
            datetime.fromtimestamp(info.created, UTC).replace(microsecond=0),
            datetime.fromtimestamp(info.seen, UTC).replace(microsecond=0),
        )

    @property
    def since_iso(self) -> str:
        """For machines."""
        return self.since.isoformat()

    @property
    def since_text(self) -> str:
        return _date_and_time(self.since)

    @property
    def seen_iso(self) -> str:
        """For machines."""
        return self.seen.isoformat()

    @property
    def seen_text(self) -> str:
        return _date_and_time(self.seen)


def content(infos: Iterable[SessionInfo]) -> dict[str, Any]:
    """What the page shows: this one first, then as they come, the one last used first."""
    places = sorted(map(Place.of, infos), key=lambda place: not place.here)
    elsewhere = any(not place.here for place in places)
    return {"places": places, "others": OTHERS if elsewhere else "", "everywhere": EVERYWHERE}


def notes(user_agent: str | None, site: str) -> dict[str, str]:
    """What a session is to remember of the browser that signs in.

    >>> notes("curl/8.14.1", "Flask")
    {'browser': 'curl', 'site': 'Flask'}
    """
    return {"browser": browser(user_agent or ""), "site": site}


def browser(user_agent: str) -> str:
    """What people call it. Whoever signs in may send anything, so this proves nothing.

    >>> browser("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    >>> browser("")
    'An unknown browser'
    """
    user_agent = user_agent[:500]
    name = _first(_BROWSERS, user_agent)
    if not name:
        return shelf.one_line(user_agent.partition("/")[0], 40) or "An unknown browser"
    system = _first(_SYSTEMS, user_agent)
    return f"{name} on {system}" if system else name


def told(ended: int) -> str:
    """What to tell a person who signed out everywhere else.

    >>> told(1), told(0)
    ('You are signed out of 1 other place.', 'You were signed in nowhere else.')
    """
    places = "1 other place" if ended == 1 else f"{ended} other places"
    return f"You are signed out of {places}." if ended else NO_OTHER


def _first(patterns: dict[str, str], text: str) -> str:
    return next((name for name, pattern in patterns.items() if re.search(pattern, text)), "")


def _date_and_time(when: datetime) -> str:
    return f"{when.day} {when:%B %Y, %H:%M} UTC"
