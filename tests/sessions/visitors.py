"""What the tests of sessions share: visitors, a store that is watched, stores of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kvcore import KeyValueStore
from kvcore.sessions import (
    Saved,
    Session,
    SessionEvent,
    SessionPolicy,
    Sessions,
    SignedIds,
    handle_of,
)
from kvcore.testing import Clock, FaultyStore

SECRET = "5b1d9f04c7e83a62b1f0d7a85c2e9364"


class WatchedStore(FaultyStore):
    """Notes each operation, and does something before one of them; to get is to fetch, here."""

    def __init__(self, store: KeyValueStore) -> None:
        super().__init__(store)
        self.calls: list[str] = []
        self._before: dict[str, list[Callable[[], object]]] = {}

    def before_next(self, verb: str, action: Callable[[], object]) -> None:
        """Let another request come in between."""
        self._before.setdefault(verb, []).append(action)

    def _draw(self, verb: str, key: str | None) -> Any:
        verb = "fetch" if verb == "get" else verb
        self.calls.append(verb)
        if actions := self._before.get(verb):
            actions.pop(0)()
        return super()._draw(verb, key)


class Application:
    """An application with sessions, whose requests are blocks."""

    def __init__(
        self,
        store: KeyValueStore,
        clock: Clock | None = None,
        *,
        secrets: str | list[str] = SECRET,
        **policy: Any,
    ) -> None:
        self.store = WatchedStore(store)
        self.clock = Clock() if clock is None else clock
        self.events: list[SessionEvent] = []
        self.sessions = Sessions(
            self.store,
            secrets,
            policy=SessionPolicy(**policy),
            clock=self.clock,
            on_event=self.events.append,
        )

    def told(self) -> list[str]:
        """The kinds of events so far; they are forgotten then."""
        kinds = [type(event).__name__.removeprefix("Session") for event in self.events]
        self.events.clear()
        return kinds

    def calls(self) -> list[str]:
        """The operations of the store so far; they are forgotten then."""
        calls = self.store.calls[:]
        self.store.calls.clear()
        return calls


class Visitor:
    """A browser: it keeps the cookie that it is given, and sends it."""

    def __init__(self, application: Application, cookie: str | None = None) -> None:
        self.application = application
        self.cookie = cookie
        self.saved = Saved(touched=False)

    @contextmanager
    def request(self) -> Iterator[Session]:
        """A request; its session is saved at the end."""
        sessions = self.application.sessions
        session = sessions.open(self.cookie)
        yield session
        self.saved = sessions.save(session)
        self.answered(self.saved)

    def answered(self, saved: Saved) -> None:
        """What the response says of the cookie."""
        if saved.issued:
            assert saved.id is not None
            self.cookie = self.application.sessions.cookie_for(saved.id)
        elif saved.ended:
            self.cookie = None

    def set(self, **values: object) -> None:
        """A request that sets values."""
        with self.request() as session:
            session.update(values)

    def sees(self) -> dict[str, Any]:
        """A request that reads all."""
        with self.request() as session:
            return session.copy()
        raise AssertionError

    def another_tab(self) -> Visitor:
        """The same browser, before it learns what the next response says."""
        return Visitor(self.application, self.cookie)


def hostile(cookie: str) -> dict[str, str]:
    """What an attacker may send instead of a cookie of theirs."""
    other = SignedIds("of the attacker")
    session_id, signature = cookie.split(".")
    another = SignedIds(SECRET).new()
    return {
        "chosen": "AAAAattackerAAAA",
        "empty": "",
        "unsigned": session_id,
        "unsigned with a dot": f"{session_id}.",
        "cut": cookie[:-1],
        "longer": f"{cookie}A",
        "with a newline": f"{cookie}\n",
        "another id with this signature": f"{another}.{signature}",
        "swapped": f"{signature}.{session_id}",
        "of another key": other.cookie_for(session_id),
        "one character of the id": f"{'B' if cookie[0] == 'A' else 'A'}{cookie[1:]}",
        "one of the signature": f"{session_id}.{'B' if signature[0] == 'A' else 'A'}"
        f"{signature[1:]}",
        "the key in the store": handle_of(session_id),
        "not ASCII": "ä" * 87,
        "a path": "../../etc/passwd",
        "long": "A" * 100_000,
        "NUL": f"{cookie[:-1]}\0",
    }
