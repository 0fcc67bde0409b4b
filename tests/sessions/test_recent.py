"""What a process remembers of sessions: it saves time, and decides nothing."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Mapping
from typing import Any

from kvcore import DictStore
from kvcore.sessions import Session, Sessions
from kvcore.sessions.recent import SESSIONS, Recent
from tests.sessions.conftest import Maker
from tests.sessions.visitors import SECRET


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
    sessions = make().sessions
    cookie = new_cookie(sessions, visits=1)
    for visits in (1, 2):  # as it was read, then as it was written
        session = sessions.open(cookie)
        assert session["visits"] == visits
        session["visits"] = "never saved"
        assert sessions.open(cookie)["visits"] == visits
        write(sessions, cookie, visits=2)


def test_what_another_process_writes_is_read(make: Maker) -> None:
    here, there = make().sessions, make().sessions
    cookie = new_cookie(here, visits=1)
    for visits in range(2, 6):
        write(there, cookie, visits=visits)
        assert here.open(cookie)["visits"] == visits
        assert there.open(cookie)["visits"] == visits


def test_what_a_request_changes_after_it_has_saved_is_not_remembered() -> None:
    sessions = Sessions(DictStore(), SECRET)
    cookie = new_cookie(sessions, visits=1)
    session = sessions.open(cookie)
    session["visits"] = 2
    sessions.save(session)
    session["visits"] = 3
    assert sessions.open(cookie)["visits"] == 2


class Shouting:
    """Reads something else than was written."""

    def dumps(self, content: Mapping[str, Any]) -> bytes:
        return json.dumps({key: str(value).upper() for key, value in content.items()}).encode()

    def loads(self, data: bytes) -> dict[str, Any]:
        return dict(json.loads(data))


def test_a_session_is_read_as_its_serializer_reads_it() -> None:
    sessions = Sessions(DictStore(), SECRET, serializer=Shouting())
    cookie = new_cookie(sessions, name="ann")
    write(sessions, cookie, name="bob")
    assert [sessions.open(cookie)["name"] for _ in range(2)] == ["BOB", "BOB"]


def test_of_so_many_sessions_something_is_remembered_and_no_more() -> None:
    recent: Recent[int] = Recent()
    for number in range(SESSIONS + 2):
        recent.put(str(number), number)
    recent.put(str(SESSIONS), -1)
    found = [recent.find(str(number)) for number in (0, 1, 2, SESSIONS, SESSIONS + 1)]
    assert found == [None, None, 2, -1, SESSIONS + 1]


def test_a_request_that_wrote_leaves_nothing_for_the_garbage_collector() -> None:
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
