"""Cookies that are not ours, requests at the same time, what is no session, stores that fail."""

import asyncio
import pickle
from typing import Any

import pytest
from kvcore_starlette import SessionMiddleware, current_session, current_sessions
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from kvcore import AsyncStore, DictStore, StoreError, store_from_url
from kvcore.sessions import LoadMode, SessionEvent, SignedIds, handle_of
from kvcore.testing import FaultyStore
from tests.integrations.starlette_sessions.apps import SECRET, ask, loaded, new_app, run
from tests.redis_servers import running
from tests.sessions.visitors import WatchedStore, hostile

Make = Any


def id_in(cookie: str) -> str:
    return cookie.removeprefix("session=").partition(".")[0]


@pytest.mark.parametrize("case", hostile(SignedIds(SECRET).cookie_for("A" * 43)))
@pytest.mark.parametrize("mode", ["inline", "eager"])
def test_hostile_cookies(case: str, mode: LoadMode) -> None:
    """Whatever is sent in their place: the store is not asked, and the answer has a new id."""
    store = WatchedStore(DictStore())
    app = new_app(AsyncStore(store), mode=mode)

    async def visits() -> None:
        owner = (await ask(app, "/set/a/1")).cookie
        sent = hostile(owner.removeprefix("session="))[case]
        store.calls.clear()
        answer = await ask(app, "/all", f"session={sent}")
        assert (answer.status, answer.body, answer.all("set-cookie")) == (200, "{}", [])
        assert store.calls == []
        answer = await ask(app, "/set/a/2", f"session={sent}")
        assert not sent or sent not in answer.cookie
        assert (await ask(app, "/all", owner)).body == '{"a":"1"}'

    run(visits())


def test_a_chosen_id_is_not_taken_up(make: Make, store: WatchedStore) -> None:
    """Neither a cookie of the attacker's making, nor one of ours whose session is over."""
    app = make()

    async def visits() -> None:
        over = f"session={SignedIds(SECRET).cookie_for('A' * 43)}"
        for planted in ("session=AAAAattackerAAAA", over):
            cookie = (await ask(app, "/set/user_id/7", planted)).cookie
            assert id_in(cookie) != id_in(planted)
            assert (await ask(app, "/all", planted)).body == "{}"
        assert handle_of("A" * 43) not in str(store.keys())

    run(visits())


def test_a_planted_session_is_not_logged_in(make: Make) -> None:
    """An attacker's own, valid session: the log-in changes its id, and the old one is dead."""
    app = make()

    async def visits() -> None:
        planted = (await ask(app, "/set/cart/1")).cookie
        mine = (await ask(app, "/set/user_id/7", planted)).cookie
        assert id_in(mine) != id_in(planted)
        assert (await ask(app, "/all", mine)).body == '{"cart":"1","user_id":"7"}'
        assert (await ask(app, "/all", planted)).body == "{}"

    run(visits())


def test_a_log_out_during_a_slow_request(make: Make) -> None:
    """What the slow one wants to save is dropped; it sets no cookie either."""
    events: list[SessionEvent] = []
    started, may_end = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        session = await loaded(request)
        session["seen"] = True
        started.set()
        await may_end.wait()
        return PlainTextResponse("late")

    app = make(Route("/slow", slow), on_event=events.append)

    async def visits() -> None:
        cookie = (await ask(app, "/set/user_id/7")).cookie
        late = asyncio.create_task(ask(app, "/slow", cookie))
        await started.wait()
        await ask(app, "/call/destroy", cookie)
        may_end.set()
        assert (await late).all("set-cookie") == []
        assert (await ask(app, "/all", cookie)).body == "{}"

    run(visits())
    names = [type(event).__name__ for event in events]
    assert "SessionLost" in names


@pytest.mark.parametrize("mode", ["inline", "eager"])  # an explicit one is saved as an eager one
def test_fifty_requests_at_once(make: Make) -> None:
    """Each sets a key of its own in one session: all fifty remain."""
    together = asyncio.Barrier(50)

    async def own(request: Request) -> Response:
        session = await loaded(request)
        assert len(session) == 1
        await together.wait()
        session[request.path_params["key"]] = 1
        return PlainTextResponse("set")

    app = make(Route("/own/{key}", own))

    async def visits() -> None:
        cookie = (await ask(app, "/set/a/1")).cookie
        await asyncio.gather(*(ask(app, f"/own/k{number}", cookie) for number in range(50)))
        found = (await ask(app, "/all", cookie)).body
        assert all(f'"k{number}":1' in found for number in range(50)), found

    run(visits())


def test_signed_out_everywhere(make: Make) -> None:
    """But here: the other sessions of the user are over at once, and strangers' are not."""

    async def elsewhere(request: Request) -> Response:
        session = await loaded(request)
        found = await current_sessions(request).sessions_for("7", current=session)
        ended = await current_sessions(request).revoke_user("7", keep=session)
        return JSONResponse([sum(one.current for one in found), len(found), ended])

    app = make(Route("/elsewhere", elsewhere))

    async def visits() -> None:
        here, there, stranger = [
            (await ask(app, f"/set/user_id/{user}")).cookie for user in (7, 7, 8)
        ]
        assert (await ask(app, "/elsewhere", here)).body == "[1,2,1]"
        assert (await ask(app, "/all", there)).body == "{}"
        for cookie, user in {here: 7, stranger: 8}.items():
            assert (await ask(app, "/all", cookie)).body == f'{{"user_id":"{user}"}}'

    run(visits())


@pytest.mark.parametrize(
    "garbage", [b"", b"\x80\x04.", pickle.dumps({"a": 1}), b"kvcore-session 9\n", b"{}"]
)
@pytest.mark.parametrize("mode", ["inline", "eager"])
def test_garbage_in_the_store(garbage: bytes, mode: LoadMode) -> None:
    """Is a new session and an event, never an error page, and it stays where it is."""
    store, events = DictStore(), []
    app = new_app(store, mode=mode, on_event=events.append)
    client = TestClient(app)
    client.get("/set/a/1")
    [key] = store.keys()
    store.put(key, garbage)
    assert client.get("/plain").text == "plain"
    assert client.get("/all").json() == {}
    assert "SessionUnreadable" in [type(event).__name__ for event in events]
    assert store.get(key) == garbage
    client.get("/set/a/2")
    assert client.get("/all").json() == {"a": "2"}


def test_a_store_that_fails(mode: LoadMode) -> None:
    """Who does not touch the session, or has no cookie, does not notice; the others may go on."""

    async def careful(request: Request) -> Response:
        session = await current_session(request).load()
        if not session.available:
            return PlainTextResponse("for strangers")
        return PlainTextResponse(session["a"])

    async def touch(request: Request) -> Response:
        if mode == "explicit":
            await current_session(request).load()
        return JSONResponse(request.session)

    store = FaultyStore(DictStore())
    routes = [Route("/careful", careful), Route("/touch", touch)]

    def client_of(**options: Any) -> TestClient:
        asked = store if mode == "inline" else AsyncStore(store)
        client = TestClient(new_app(asked, *routes, mode=mode, **options))
        client.get("/set/a/1")
        return client

    raising, empty = client_of(), client_of(on_store_error="empty")
    for client in (raising, empty):
        store.fail_next("fetch", times=1)
        assert client.get("/plain").text == "plain"
        store._planned.clear()
        assert TestClient(client.app).get("/has/a").text == "False"
    store.fail_next("fetch")
    with pytest.raises(StoreError, match="injected"):
        raising.get("/touch")
    store.fail_next("fetch")
    assert empty.get("/careful").text == "for strangers"
    store.fail_next("fetch")
    with pytest.raises(StoreError, match="nothing can be kept"):
        empty.get("/set/a/2")
    store.fail_next("put")
    with pytest.raises(StoreError, match="injected"):
        empty.get("/set/a/2")
    assert empty.get("/all").json() == {"a": "1"}


@pytest.mark.parametrize("mode", ["inline", "eager"])
def test_a_server_that_stopped(mode: LoadMode) -> None:
    """Of Redis, for real: public pages go on."""
    with running("valkey") as server, store_from_url(server.url(deadline=1)) as store:
        app = new_app(store, mode=mode, on_store_error="empty")
        client = TestClient(app)
        client.get("/set/a/1")
        server.stop()
        assert client.get("/plain").text == "plain"
        assert client.get("/has/a").text == "False"
        with pytest.raises(StoreError):
            client.get("/set/a/2")


def test_nothing_tells_the_id(make: Make) -> None:
    """No event, no text of the session, and no key of the store."""
    events: list[SessionEvent] = []
    app = make(Route("/show", show), on_event=events.append)
    client = TestClient(app)
    client.get("/set/user_id/7")
    shown = client.get("/show").text
    session_id = id_in(client.cookies["session"])
    client.get("/call/destroy")
    assert len(events) >= 2
    assert session_id not in f"{events!r} {[str(event) for event in events]} {shown}"


async def show(request: Request) -> Response:
    session = await loaded(request)
    return PlainTextResponse(
        f"{session!r} {session} {session.handle} {request.app.user_middleware}"
    )


def test_a_name_of_a_cookie_is_checked() -> None:
    """A newline would end the header, and let others begin."""
    for name in ("a\nb", "a;b", "", "ä"):
        with pytest.raises(ValueError, match="cookie"):
            SessionMiddleware(Starlette(), "x", session_cookie=name, store=DictStore())


def test_a_cookie_of_another_middleware_is_none_of_ours() -> None:
    """The same secret and the same store, but another name."""
    store = DictStore()
    shop, admin = (new_app(store, session_cookie=name) for name in ("shop", "admin"))

    async def visits() -> None:
        cookie = (await ask(shop, "/set/role/shopper")).cookie
        assert (await ask(shop, "/all", cookie)).body == '{"role":"shopper"}'
        assert (await ask(admin, "/all", cookie.replace("shop=", "admin="))).body == "{}"

    run(visits())
