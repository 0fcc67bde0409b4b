"""Where am I signed in, and sign out everywhere."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from kvcore import FilesystemStore, Sessions, StoreDecorator, StoreError
from kvcore.contract import Fetched
from kvcore.sessions import SessionInfo
from tests.sessions.conftest import Maker
from tests.sessions.visitors import Application, Visitor

FIRST_LINE = b"kvcore-session-user 1\n"


def login(application: Application, user: object, **notes: str) -> Visitor:
    visitor = Visitor(application)
    visitor.set(cart=[])
    with visitor.request() as session:
        session["_user_id"] = user
        session.notes.update(notes)
    application.clock.advance(1)
    return visitor


def test_sessions_for(application: Application) -> None:
    """Those of one user, the one last used first, with what can be shown of them."""
    start = application.clock()
    laptop = login(application, "7", browser="Firefox")
    phone = login(application, "7", browser="Safari")
    login(application, "8")
    Visitor(application).set(a=1)
    with laptop.request() as session:
        infos = application.sessions.sessions_for("7", current=session)
    assert [info.notes["browser"] for info in infos] == ["Safari", "Firefox"]
    assert [info.current for info in infos] == [False, True]
    assert all(info.user == "7" for info in infos)
    laptop_info = infos[1]
    assert laptop_info.created == pytest.approx(start, abs=0.5)
    assert laptop_info.expires == pytest.approx(start + 1000, abs=2)
    application.clock.advance(200)
    laptop.sees()
    infos = application.sessions.sessions_for("7")
    assert [info.notes["browser"] for info in infos] == ["Firefox", "Safari"]
    assert infos[0].seen == pytest.approx(application.clock(), abs=2)
    assert phone.sees()
    assert application.sessions.sessions_for("nobody") == []


def test_a_user_may_be_a_number(application: Application) -> None:
    """As ids of databases are."""
    login(application, 7)
    [info] = application.sessions.sessions_for(7)
    assert info.user == "7"
    assert application.sessions.revoke_user(7) == 1


def test_revoke_one(application: Application) -> None:
    """By its handle, which opens no session; with the user, only if it is theirs."""
    laptop, phone = login(application, "7"), login(application, "7")
    with phone.request() as session:
        handle = session.handle
    assert handle is not None
    assert not application.sessions.revoke(handle, user="8")
    assert phone.sees()
    application.told()
    assert application.sessions.revoke(handle, user="7")
    assert "Revoked" in application.told()
    assert phone.sees() == {}
    assert laptop.sees()
    assert not application.sessions.revoke(handle)
    assert len(application.sessions.sessions_for("7")) == 1


@pytest.mark.parametrize("handle", ["", "../x", "a" * 63, "user-" + "a" * 64, "A" * 64])
def test_what_is_no_handle_revokes_nothing(application: Application, handle: str) -> None:
    """It comes from a form, and may be anything."""
    visitor = login(application, "7")
    application.calls()
    assert not application.sessions.revoke(handle)
    assert application.calls() == []
    assert visitor.sees()


def test_revoking_what_gets_another_id_at_that_moment(application: Application) -> None:
    """It is ended under that one; the handle that was revoked opens and ends nothing more."""
    visitor = login(application, "7")
    [info] = application.sessions.sessions_for("7")

    def change() -> None:
        with visitor.request() as session:
            session.regenerate()

    application.store.before_next("delete", change)
    assert application.sessions.revoke(info.handle, user="7")
    assert application.sessions.sessions_for("7") == []
    assert visitor.sees() == {}
    assert not application.sessions.revoke(info.handle, user="7")


def test_revoke_all_but_this_one(application: Application) -> None:
    """After a change of the password, say."""
    laptop, phone, other = (
        login(application, "7"),
        login(application, "7"),
        login(application, "8"),
    )
    with laptop.request() as session:
        assert application.sessions.revoke_user("7", keep=session) == 1
        session.regenerate()
    assert laptop.sees()["_user_id"] == "7"
    assert phone.sees() == {}
    assert other.sees()
    assert application.sessions.revoke_user("7") == 1
    assert laptop.sees() == {}
    assert application.sessions.revoke_user("7") == 0


def test_a_revoked_session_does_not_come_back(application: Application) -> None:
    """Neither by a request that is under way, nor by one that takes another id meanwhile."""
    visitor = login(application, "7")
    for act in ("write", "regenerate"):
        visitor = login(application, "7")
        with visitor.request() as session:
            session["a"] = 1
            if act == "regenerate":
                session.regenerate()
            assert application.sessions.revoke_user("7") >= 1
        assert visitor.sees() == {}
        assert application.sessions.sessions_for("7") == []


@pytest.mark.parametrize("moment", ["fetch", "put", "delete"])
def test_revoking_while_the_id_changes(application: Application, moment: str) -> None:
    """At whatever point of it: the user has no session afterwards."""
    visitor = login(application, "7")
    with visitor.request() as session:
        session.regenerate()
        application.store.before_next(moment, lambda: application.sessions.revoke_user("7"))
    assert visitor.sees() == {}
    assert Visitor(application, visitor.cookie).sees() == {}
    assert application.sessions.sessions_for("7") == []


def test_an_id_that_changes_during_revoking(application: Application) -> None:
    """The other way round: at any point of it, also while a lost list is searched."""
    for moment, is_lost in (
        ("fetch", False),
        ("delete", False),
        ("fetch", True),
        ("iter_keys", True),
    ):
        visitor = login(application, "7")
        if is_lost:
            application.store.put(user_key("7"), b"garbage")

        def change(visitor: Visitor = visitor) -> None:
            with visitor.request() as session:
                session.regenerate()

        if moment == "fetch" and is_lost:
            application.store.before_next("fetch", lambda: None)  # of the list
        application.store.before_next(moment, change)
        application.sessions.revoke_user("7")
        assert visitor.sees() == {}


@pytest.mark.parametrize("moment", ["put", "fetch"])
def test_who_logs_in_while_others_do_is_listed(application: Application, moment: str) -> None:
    """Though many log-ins free the list of what is not there: at whatever point of this one."""
    for _ in range(20):
        login(application, "7")
    visitor = Visitor(application)
    with visitor.request() as session:
        session["_user_id"] = "7"
        others = (login(application, "7") for _ in range(40))
        application.store.before_next(moment, lambda: [*others])
    assert application.sessions.revoke_user("7") == 61
    assert visitor.sees() == {}


@pytest.mark.parametrize("moment", ["put", "fetch"])
def test_who_logs_in_while_all_are_revoked_is_listed(application: Application, moment: str) -> None:
    """They may stay logged in, as they have just proved who they are; but the next time it ends."""
    visitor = Visitor(application)
    with visitor.request() as session:
        session["_user_id"] = "7"
        application.store.before_next(moment, lambda: application.sessions.revoke_user("7"))
    assert len(application.sessions.sessions_for("7")) == len(visitor.sees())
    application.sessions.revoke_user("7")
    assert visitor.sees() == {}


def test_an_id_that_changes_again_and_again_during_revoking(application: Application) -> None:
    """Whatever its requests do meanwhile: the user has no session afterwards."""
    visitor = login(application, "7")

    def change() -> None:
        with visitor.request() as session:
            session.regenerate()

    for _ in range(3):
        application.store.before_next("delete_many", change)
    application.sessions.revoke_user("7")
    assert visitor.sees() == {}
    assert application.sessions.sessions_for("7") == []


def test_a_session_that_cannot_be_listed_is_not_given_out(make: Maker) -> None:
    """Or who revokes all sessions of the user would miss it; the log-in may be tried again."""
    application = make(merge_tries=3)
    visitor = login(application, "7")
    [key] = application.store.keys("session-user-")

    def others() -> None:
        there = application.store._inner.get(key)
        application.store._inner.put(key, there + b" ")

    application.store.before_next("put", lambda: None)  # that of the session itself
    for _ in range(3):
        application.store.before_next("put", others)
    other = Visitor(application)
    with pytest.raises(StoreError, match="try again"):
        other.set(_user_id="7")
    assert other.cookie is None
    assert "Conflict" in application.told()
    assert len(application.sessions.sessions_for("7")) == 1
    assert len(application.sessions.list_sessions()) == 1
    other.set(_user_id="7")
    assert application.sessions.revoke_user("7") == 2
    assert (visitor.sees(), other.sees()) == ({}, {})


def test_sessions_without_time_to_live_are_listed_at_once(tmp_path: Path) -> None:
    """A store that is far away is asked twice, not once for each session."""
    asked: list[int] = []

    class Watched(StoreDecorator):
        def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
            there = super()._get_many(keys)
            asked.append(len(there))
            return there

        def _fetch(self, key: str) -> Fetched:
            asked.append(1)
            return super()._fetch(key)

    sessions = Sessions(Watched(FilesystemStore(tmp_path)), "not-a-secret")
    for _ in range(5):
        session = sessions.open(None)
        session["_user_id"] = "7"
        sessions.save(session)
    asked.clear()
    assert len(sessions.sessions_for("7")) == 5
    assert asked == [1, 5]


def test_logging_out_or_over_takes_it_off_the_list(application: Application) -> None:
    """A session is listed for whom it is of now."""
    visitor = login(application, "7")
    visitor.set(_user_id="8")
    assert application.sessions.sessions_for("7") == []
    assert len(application.sessions.sessions_for("8")) == 1
    with visitor.request() as session:
        del session["_user_id"]
    assert application.sessions.sessions_for("8") == []
    assert len(application.store.keys()) == 1


def test_the_list_outlives_its_sessions_and_no_more(application: Application) -> None:
    """One that is used for long is still listed; what is over is not, and costs no place."""
    visitor = login(application, "7")
    for _ in range(6):
        application.clock.advance(500)
        visitor.sees()
    assert len(application.sessions.sessions_for("7")) == 1
    application.clock.advance(2500)
    assert application.sessions.sessions_for("7") == []
    application.sessions.prune()
    assert application.store.keys() == []


def test_a_list_is_freed_of_what_is_over(make: Maker) -> None:
    """A user who logs in again and again has no list without end."""
    application = make(idle_secs=100)
    for number in range(25):
        visitor = login(application, "7")
        if number % 2:
            with visitor.request() as session:
                handle = session.handle
            application.store.delete(f"session-{handle}")
        else:
            application.clock.advance(51)
    [key] = application.store.keys("session-user-")
    assert application.store.get(key).count(b'"') // 2 <= 17
    assert 1 <= len(application.sessions.sessions_for("7")) <= 3


def test_a_log_in_costs_the_same_with_many_sessions(application: Application) -> None:
    """A program that signs in every minute does not read all of its sessions each time."""
    for _ in range(20):
        login(application, "7")
    looked_at: list[int] = []
    get_many = application.store.get_many

    def counting(keys: Iterable[str]) -> dict[str, bytes]:
        keys = list(keys)
        looked_at.append(len(keys))
        return get_many(keys)

    application.store.get_many = counting  # type: ignore[method-assign]
    for _ in range(20):
        login(application, "7")
    assert looked_at == [16] * 20
    assert len(application.sessions.sessions_for("7")) == 40


NO_LISTS = (
    b"",
    b"\x80\x04garbage",
    b"kvcore-session-user 2\n[]",
    b"kvcore-session-user 1\n{]",
    b"kvcore-session-user 1\n7",
    b'kvcore-session-user 1\n{"a":1}',
    b'kvcore-session-user 1\n["../x"]',
    b"kvcore-session-user 1\n[1e400]",
    b"kvcore-session-user 1\n" + b"[" * 100_000,
)


def test_a_list_that_is_not_readable_bars_nobody(application: Application) -> None:
    """An event tells of it; the log-in goes on, and all sessions are found again."""
    login(application, "7")
    login(application, "8")
    for logins, garbage in enumerate(NO_LISTS, 2):
        application.store.put(user_key("7"), garbage)
        application.told()
        login(application, "7")
        assert "Unreadable" in application.told()
        assert len(application.sessions.sessions_for("7")) == logins
        assert application.told() == []
    assert len(application.sessions.sessions_for("8")) == 1


@pytest.mark.parametrize("garbage", NO_LISTS)
def test_who_signs_out_everywhere_does_so_without_a_list(
    application: Application, garbage: bytes
) -> None:
    """Also if others have logged in, and out, since the list was lost."""
    before = [login(application, "7"), login(application, "7")]
    application.store.put(user_key("7"), garbage)
    with login(application, "7").request() as session:
        session.destroy()
    assert application.sessions.revoke_user("7") == 2
    assert [visitor.sees() for visitor in before] == [{}, {}]
    assert application.store.keys("session-user-") == []


def test_pruning_finds_what_a_lost_list_named(make: Maker) -> None:
    """And leaves no list of nobody behind."""
    application = make(idle_secs=100)
    for user in "789":
        login(application, user)
        application.store.put(user_key(user), b"garbage")
    application.sessions.prune()
    application.calls()
    application.told()
    assert [len(application.sessions.sessions_for(user)) for user in "789"] == [1, 1, 1]
    assert application.told() == []
    application.store.put(user_key("7"), b"garbage")
    application.clock.advance(200)
    application.sessions.prune()
    assert user_key("7") not in application.store.keys()


def test_sessions_are_looked_through_once_for_a_lost_list(application: Application) -> None:
    """Then it is complete again."""
    for user in "77889":
        login(application, user)
    application.store.put(user_key("7"), b"garbage")
    application.calls()
    assert len(application.sessions.sessions_for("7")) == 2
    searching = len(application.calls())
    assert len(application.sessions.sessions_for("7")) == 2
    assert len(application.calls()) < searching / 2


def user_key(user: str) -> str:
    """That of the list of a user's sessions."""
    return "session-user-" + hashlib.sha256(user.encode()).hexdigest()


def test_the_name_of_a_user_may_be_anything(application: Application) -> None:
    """It is in no key of the store."""
    for user in ("a/../b", "ä" * 500, " ", "x\0y"):
        login(application, user)
        assert len(application.sessions.sessions_for(user)) == 1


def test_listing_all(application: Application) -> None:
    """For operators: live sessions of everybody, at most so many."""
    login(application, "7")
    login(application, "8")
    Visitor(application).set(a=1)
    infos = application.sessions.list_sessions()
    assert sorted(str(info.user) for info in infos) == ["7", "8", "None"]
    assert isinstance(infos[0], SessionInfo)
    assert len(application.sessions.list_sessions(limit=2)) == 2
    assert application.sessions.list_sessions(limit=0) == []


def test_a_store_without_conditions_lists_as_well(bare: Application) -> None:
    """Only that two log-ins within one moment may be one entry."""
    visitor = login(bare, "7")
    assert len(bare.sessions.sessions_for("7")) == 1
    assert bare.sessions.revoke_user("7") == 1
    assert visitor.sees() == {}


def test_a_session_that_is_only_written_stays_listed(make: Maker) -> None:
    """However long: who signs out everywhere must not miss one that each request changed."""
    application = make(idle_secs=1000)
    visitor = login(application, "7")
    application.calls()
    index_writes = 0
    for number in range(30):
        application.clock.advance(50)
        visitor.set(number=number)
        index_writes += len(application.calls()) - 2
    assert index_writes <= 12  # a fetch and a put, now and then
    assert [info.user for info in application.sessions.sessions_for("7")] == ["7"]
    assert application.sessions.revoke_user("7") == 1
    assert visitor.sees() == {}


def test_a_log_in_under_the_same_id_is_listed(make: Maker) -> None:
    """Where the application wants no new ids, and changes its users at will."""
    application = make(idle_secs=1000, watch=())
    visitor = login(application, "7")
    visitor.set(_user_id="8")
    assert application.sessions.sessions_for("7") == []
    assert application.sessions.revoke_user("7") == 0
    assert visitor.sees()["_user_id"] == "8"
    assert application.sessions.revoke_user("8") == 1
    assert visitor.sees() == {}
