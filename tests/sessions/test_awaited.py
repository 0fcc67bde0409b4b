"""The same sessions, awaited."""

import asyncio
from typing import Any

import pytest

from kvcore import DictStore, FilesystemStore, async_store
from kvcore.aio import AsyncStore, InlineStore
from kvcore.contract import Fetched
from kvcore.errors import SessionNotLoaded
from kvcore.sessions import AsyncSessions, Session, Visits
from tests.sessions.visitors import SECRET, Application, Visitor


async def login(sessions: AsyncSessions, user: str) -> str:
    session = sessions.open(None)
    session["_user_id"] = user
    saved = await sessions.save(session)
    assert saved.id is not None
    return sessions.cookie_for(saved.id)


async def opened(sessions: AsyncSessions, cookie: str) -> Session:
    session = sessions.open(cookie)
    await sessions.load(session)
    await sessions.load(session)  # twice is no error, and reads once
    return session


def test_the_whole_life(application: Application) -> None:
    """Created, read, changed, listed, given another id, revoked, pruned: in threads of asyncio."""

    async def main() -> None:
        async with AsyncStore(application.store, threads=2) as store:
            sessions = AsyncSessions(store, SECRET, clock=application.clock)
            cookie = await login(sessions, "7")
            application.calls()
            session = await opened(sessions, cookie)
            assert not session.touched
            assert not (await sessions.save(session)).touched
            session["cart"] = ["tea"]
            assert (await sessions.save(session)).renewed
            assert application.calls() == ["fetch", "put"]
            session = await opened(sessions, cookie)
            session.regenerate()
            saved = await sessions.save(session)
            assert saved.issued
            assert saved.id is not None
            assert (await opened(sessions, cookie)) == {}
            session = await opened(sessions, sessions.cookie_for(saved.id))
            assert session == {"_user_id": "7", "cart": ["tea"]}
            [info] = await sessions.sessions_for("7", current=session)
            assert info.current
            assert len(await sessions.list_sessions()) == 1
            assert await sessions.revoke_user("7", keep=session) == 0
            assert await sessions.revoke(info.handle, user="7")
            assert (await sessions.prune()).removed == 0

    asyncio.run(main())
    assert application.store.keys() == []


def test_a_session_that_was_not_loaded_says_what_to_do() -> None:
    """Instead of blocking the event loop, or of looking empty."""
    sessions = AsyncSessions(InlineStore(DictStore()), SECRET)
    with pytest.raises(SessionNotLoaded, match="await"):
        len(sessions.open(sessions.cookie_for(sessions.ids.new())))
    assert len(sessions.open(None)) == len(sessions.open("forged")) == 0


def test_two_tasks_that_load_one_session() -> None:
    """At once: the one that comes last takes nothing back of what the first has set meanwhile."""
    application = Application(DictStore())
    visitor = Visitor(application)
    visitor.set(a=1)
    turns = [1, 3]

    class Slow(InlineStore):
        async def fetch(self, key: str) -> Fetched:
            fetched = await super().fetch(key)
            for _ in range(turns.pop(0)):
                await asyncio.sleep(0)
            return fetched

    async def main() -> dict[str, object]:
        sessions = AsyncSessions(Slow(application.store), SECRET, clock=application.clock)
        session = sessions.open(visitor.cookie)

        async def load_and_set(key: str) -> None:
            await sessions.load(session)
            session[key] = 1

        await asyncio.gather(load_and_set("b"), load_and_set("c"))
        return dict(session)

    assert asyncio.run(main()) == {"a": 1, "b": 1, "c": 1}
    assert turns == []


def test_what_is_set_during_a_save_is_not_forgotten() -> None:
    """A WebSocket may have several tasks: what one sets while another saves is saved later."""

    class Slow(InlineStore):
        async def put(self, *args: Any, **options: Any) -> str:
            await asyncio.sleep(0)
            return await super().put(*args, **options)

    async def main() -> dict[str, object]:
        visits = Visits(Slow(DictStore()), SECRET, mode="eager")
        session = visits.open(None)
        session["a"] = 1
        cookie = session.cookie_for(await session.save())
        session["b"] = 1
        saving = asyncio.create_task(session.save())
        await asyncio.sleep(0)
        session["c"] = 1
        await saving
        assert session.modified
        await session.save()
        assert not session.modified
        return dict(await visits.open(cookie).load())

    assert asyncio.run(main()) == {"a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize("wish", ["regenerate", "destroy", "clear", "set", "log in"])
def test_what_is_wished_during_a_merge_is_not_forgotten(wish: str) -> None:
    """Another request wrote meanwhile, and a task of this one goes on while that is merged."""
    puts: list[asyncio.Event] = []

    class Slow(InlineStore):
        async def put(self, *args: Any, **options: Any) -> str:
            if puts:
                puts.pop().set()
                for _ in range(3):
                    await asyncio.sleep(0)
            return await super().put(*args, **options)

    async def main() -> None:
        visits = Visits(Slow(DictStore()), SECRET, mode="eager")
        session = visits.open(None)
        session["a"] = 1
        cookie = session.cookie_for(await session.save())
        session = await visits.open(cookie).load()
        tab = await visits.open(cookie).load()
        tab["theirs"] = 1
        await tab.save()
        session["mine"] = 1
        handle = session.handle
        merging = asyncio.Event()
        puts.extend([merging, asyncio.Event()])
        saving = asyncio.create_task(session.save())
        await merging.wait()
        if wish in ("regenerate", "destroy", "clear"):
            getattr(session, wish)()
        else:
            session["late" if wish == "set" else "_user_id"] = "7"
        await saving
        saved = await session.save()
        found = dict(await visits.open(cookie).load())
        if wish == "set":
            assert found == {"a": 1, "theirs": 1, "mine": 1, "late": "7"}
        else:
            assert found == {}
            assert saved.ended == (wish in ("destroy", "clear"))
            assert session.handle != handle

    asyncio.run(main())


def test_both_worlds_share_their_sessions() -> None:
    """What one application writes synchronously, another one awaits."""
    application = Application(DictStore())
    visitor = Visitor(application)
    visitor.set(a=1)

    async def main() -> dict[str, object]:
        sessions = AsyncSessions(async_store(application.store), SECRET)
        assert visitor.cookie is not None
        session = await opened(sessions, visitor.cookie)
        session["b"] = 2
        await sessions.save(session)
        return dict(session)

    assert asyncio.run(main()) == visitor.sees() == {"a": 1, "b": 2}


def test_fifty_tasks_each_set_their_own_key(tmp_path: object) -> None:
    """At once, each awaited in threads."""

    async def main() -> int:
        async with AsyncStore(FilesystemStore(f"{tmp_path}/sessions"), threads=8) as store:
            sessions = AsyncSessions(store, SECRET)
            cookie = await login(sessions, "7")

            async def set_one(number: int) -> None:
                session = await opened(sessions, cookie)
                session[f"key{number}"] = number
                await sessions.save(session)

            await asyncio.gather(*map(set_one, range(50)))
            return len(await opened(sessions, cookie))

    assert asyncio.run(main()) == 51
