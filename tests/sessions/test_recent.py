"""What a process remembers of sessions: it saves time, and decides nothing."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kvcore import DictStore, async_store
from kvcore.sessions import AsyncSessions, Session, Sessions
from kvcore.sessions.recent import SESSIONS, Recent
from tests.sessions.conftest import Maker
from tests.sessions.visitors import SECRET, WatchedStore


def new_cookie(sessions: Sessions, **content: Any) -> str:
    session = sessions.open(None)
    session.update(content)
    saved = sessions.save(session)
    assert saved.id is not None
    return sessions.cookie_for(saved.id)


def write(sessions: Sessions, cookie: str, **content: Any) -> None:
    session = sessions.open(cookie)
    session.update(content)
    sessions.save(session)


def test_what_a_request_does_not_save_no_other_request_sees(make: Maker) -> None:
    """Each has a content of its own, though it is remembered once."""
    sessions = make().sessions
    cookie = new_cookie(sessions, visits=1)
    for visits in (1, 2):  # as it was read, then as it was written
        session = sessions.open(cookie)
        assert session["visits"] == visits
        session["visits"] = "never saved"
        assert sessions.open(cookie)["visits"] == visits
        write(sessions, cookie, visits=2)


def test_what_another_process_writes_is_read(make: Maker) -> None:
    """The bytes in the store decide, not what is remembered."""
    here, there = make().sessions, make().sessions
    cookie = new_cookie(here, visits=1)
    for visits in range(2, 6):
        write(there, cookie, visits=visits)
        assert here.open(cookie)["visits"] == visits
        assert there.open(cookie)["visits"] == visits


def test_what_a_request_changes_after_it_has_saved_is_not_remembered() -> None:
    """What was stored is."""
    sessions = Sessions(DictStore(), SECRET)
    cookie = new_cookie(sessions, visits=1)
    session = sessions.open(cookie)
    session["visits"] = 2
    sessions.save(session)
    session["visits"] = 3
    assert sessions.open(cookie)["visits"] == 2


def test_what_is_set_while_it_is_saved_is_not_remembered() -> None:
    """Nobody is logged in by what was never stored."""
    store = WatchedStore(DictStore())
    cookie = new_cookie(Sessions(store, SECRET), visits=1)

    async def main() -> None:
        sessions = AsyncSessions(async_store(store), SECRET)
        session = sessions.open(cookie)
        await sessions.load(session)
        session["visits"] = 2
        store.before_next("put", lambda: session.update(user_id="7"))
        await sessions.save(session)
        another = sessions.open(cookie)
        await sessions.load(another)
        assert another == {"visits": 2}

    asyncio.run(main())


def test_text_is_remembered_as_it_is_stored() -> None:
    """JSON makes one character of two surrogates."""
    store = DictStore()
    here, there = Sessions(store, SECRET), Sessions(store, SECRET)
    cookie = new_cookie(here, visits=1)
    write(here, cookie, text="\ud83d" + "\ude00")
    assert here.open(cookie)["text"] == there.open(cookie)["text"]


def test_notes_that_are_held_over_a_save_are_saved_by_the_next() -> None:
    """As in a WebSocket, which saves again and again."""
    sessions = Sessions(DictStore(), SECRET)
    cookie = new_cookie(sessions, visits=1)
    session = sessions.open(cookie)
    notes = session.notes
    for browser in ("Firefox", "Chromium"):
        notes["browser"] = browser
        sessions.save(session)
        assert sessions.open(cookie).notes == {"browser": browser}


class Shouting:
    """Reads something else than was written."""

    def dumps(self, content: Mapping[str, Any]) -> bytes:
        return json.dumps({key: str(value).upper() for key, value in content.items()}).encode()

    def loads(self, data: bytes) -> dict[str, Any]:
        return dict(json.loads(data))


def test_a_session_is_read_as_its_serializer_reads_it() -> None:
    """Not as it was before it was written."""
    sessions = Sessions(DictStore(), SECRET, serializer=Shouting())
    cookie = new_cookie(sessions, name="ann")
    write(sessions, cookie, name="bob")
    assert [sessions.open(cookie)["name"] for _ in range(2)] == ["BOB", "BOB"]


def test_of_so_many_sessions_something_is_remembered_and_no_more() -> None:
    """The oldest is forgotten first."""
    recent: Recent[int] = Recent()
    for number in range(SESSIONS + 2):
        recent.put(str(number), number)
    recent.put(str(SESSIONS), -1)
    found = [recent.find(str(number)) for number in (0, 1, 2, SESSIONS, SESSIONS + 1)]
    assert found == [None, None, 2, -1, SESSIONS + 1]


def test_a_request_that_wrote_leaves_nothing_for_the_garbage_collector() -> None:
    """Memory is free as soon as the request is over."""
    sessions = Sessions(DictStore(), SECRET)
    cookie = new_cookie(sessions, visits=1)
    gone: list[weakref.ref[Session]] = []
    gc.disable()
    try:
        for visits in range(3):
            session = sessions.open(cookie)
            session["visits"] = visits
            sessions.save(session)
            gone.append(weakref.ref(session))
        del session
        assert [ref() for ref in gone] == [None] * 3
    finally:
        gc.enable()


def test_threads_keep_the_bound() -> None:
    """A server of many threads remembers no more than others, but for one each."""
    recent: Recent[int] = Recent()

    def put(thread: int) -> None:
        for number in range(4000):
            recent.put(f"{thread}-{number}", number)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(8)))
    finally:
        sys.setswitchinterval(before)
    there = [recent.find(f"{thread}-{number}") for thread in range(8) for number in range(4000)]
    assert SESSIONS <= len(there) - there.count(None) < SESSIONS + 8
