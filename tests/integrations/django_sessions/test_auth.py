"""``django.contrib.auth`` on sessions in a store, and who is signed in where."""

import json
import re
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from kvcore_django.sessions import SessionStore, current_async_sessions, current_sessions
from pytest_django import Settings

from kvcore.sessions import handle_of
from tests.sessions.visitors import WatchedStore

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _users(project: Settings) -> None:
    for name in ("ann", "bob"):
        User.objects.create_user(name, password="secret")


def new_client(cookie: str | None = None, **headers: str) -> Client:
    client = Client(SERVER_NAME="localhost", raise_request_exception=False, headers=headers)
    if cookie is not None:
        client.cookies["sessionid"] = cookie
    return client


def key_of(client: Client) -> str:
    return client.cookies["sessionid"].value


def name_of(client: Client) -> str:
    return client.get("/me").content.decode()


@pytest.mark.parametrize("way", ["sign-in", "async-sign-in"])
def test_a_log_in_changes_the_key(client: Client, store: WatchedStore, way: str) -> None:
    """What an attacker planted is dead; what was in the session comes along."""
    client.get("/set/cart/7")
    planted = key_of(client)
    assert client.get(f"/{way}/ann").status_code == 200
    assert key_of(client) != planted
    assert name_of(client) == "ann"
    assert client.get("/all").json()["cart"] == 7
    assert name_of(new_client(planted)) == ""
    assert "session-" + handle_of(planted) not in store.keys()


def test_the_test_client_logs_in(client: Client) -> None:
    """By itself, and prepares sessions, as Django's documentation has it."""
    client.force_login(User.objects.get(username="ann"))
    assert name_of(client) == "ann"
    session = client.session
    session["cart"] = 7
    session.save()
    assert client.get("/all").json()["cart"] == 7
    client.logout()
    assert name_of(client) == ""


def test_a_password_that_was_changed_ends_other_sessions(client: Client) -> None:
    """By Django's own rule; the one that changed it goes on, under another key."""
    other = new_client()
    for browser in (client, other):
        browser.get("/sign-in/ann")
    old = key_of(client)
    assert client.get("/new-password").status_code == 200
    assert key_of(client) != old
    assert (name_of(client), name_of(other)) == ("ann", "")


def test_a_log_out_leaves_nothing_to_replay(client: Client, store: WatchedStore) -> None:
    """The record and the cookie are gone, and the old cookie opens nothing."""
    client.get("/sign-in/ann")
    old = key_of(client)
    response = client.get("/sign-out")
    assert response.cookies["sessionid"]["max-age"] == 0
    assert store.keys() == []
    assert name_of(new_client(old)) == ""
    assert store.keys() == []


def test_another_user_begins_with_nothing(client: Client) -> None:
    """And the session of the one before is over."""
    client.get("/sign-in/ann")
    client.get("/set/secret/1")
    old = key_of(client)
    client.get("/sign-in/bob")
    assert "secret" not in client.get("/all").json()
    assert name_of(new_client(old)) == ""
    ann, bob = (User.objects.get(username=name).pk for name in ("ann", "bob"))
    assert current_sessions().sessions_for(ann) == []
    assert len(current_sessions().sessions_for(bob)) == 1


def test_a_log_in_that_was_sent_twice(client: Client) -> None:
    """A double click: both answers are good, and the one that comes last keeps the cart."""
    client.get("/set/cart/7")
    first, second = SessionStore(key_of(client)), SessionStore(key_of(client))
    assert first["cart"] == second["cart"] == 7
    for session in (first, second):
        session.cycle_key()
        session["_auth_user_id"] = "1"
        session.save()
    assert dict(SessionStore(second.session_key).items()) == {"cart": 7, "_auth_user_id": "1"}


def test_where_am_i_signed_in(store: WatchedStore) -> None:
    """Listed, ended one by one, all others, all; the sessions of others stay."""
    laptop, phone, tablet = (new_client(**{"User-Agent": name}) for name in ("a", "b", "c"))
    for client in (laptop, phone, tablet):
        client.get("/sign-in/ann")
    bob = new_client()
    bob.get("/sign-in/bob")
    user, sessions = User.objects.get(username="ann"), current_sessions()
    mine = SessionStore(key_of(laptop))
    infos = sessions.sessions_for(user.pk, current=mine)
    assert sorted(info.notes["browser"] for info in infos) == ["a", "b", "c"]
    assert [info.notes["browser"] for info in infos if info.current] == ["a"]
    [other] = [info for info in infos if info.notes["browser"] == "b"]
    assert not sessions.revoke(other.handle, user=User.objects.get(username="bob").pk)
    assert sessions.revoke(other.handle, user=user.pk)
    assert (name_of(phone), name_of(laptop)) == ("", "ann")
    assert sessions.revoke_user(user.pk, keep=mine) == 1
    assert (name_of(tablet), name_of(laptop)) == ("", "ann")
    assert sessions.revoke_user(user.pk) == 1
    assert (name_of(laptop), name_of(bob)) == ("", "bob")


async def revoke_awaited(pk: int) -> int:
    return await current_async_sessions().revoke_user(pk)


def test_revoking_awaited(client: Client) -> None:
    """From asynchronous code."""
    from asgiref.sync import async_to_sync

    client.get("/sign-in/ann")
    pk = User.objects.get(username="ann").pk
    assert async_to_sync(revoke_awaited)(pk) == 1
    assert name_of(client) == ""


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("kvcore", "sessions", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command(client: Client) -> None:
    """``manage.py kvcore sessions``: list, revoke, prune; the same as Flask's."""
    client.get("/sign-in/ann")
    pk = str(User.objects.get(username="ann").pk)
    line = command("list").strip()
    handle = handle_of(key_of(client))
    assert re.match(rf"{handle}  \S+  {pk}", line)
    assert json.loads(command("list", "--user", pk, "--json"))["handle"] == handle
    assert command("list", "--user", "nobody") == ""
    with pytest.raises(CommandError):
        command("revoke", "0" * 64)
    assert command("revoke", handle) == "1 session was ended\n"
    assert name_of(client) == ""
    client.get("/sign-in/ann")
    assert command("revoke", "--user", pk) == "1 session was ended\n"
    assert name_of(client) == ""
    assert "0 sessions had expired" in command("prune")


def test_the_command_where_sessions_are_elsewhere(project: Settings) -> None:
    """Says what to set."""
    project.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    err = StringIO()
    with pytest.raises(CommandError):
        call_command("kvcore", "sessions", "list", stderr=err)
    assert "SESSION_ENGINE = 'kvcore_django.sessions'" in err.getvalue()


def test_a_session_that_is_written_stays_revocable(
    client: Client, project: Settings, store: WatchedStore
) -> None:
    """A log-in under a key that was listed under none before: whoever revokes all finds it."""
    client.get("/set/cart/1")
    client.get("/sign-in/ann")
    for number in range(3):
        client.get(f"/set/number/{number}")
    pk = User.objects.get(username="ann").pk
    [info] = current_sessions().sessions_for(pk)
    assert info.handle == handle_of(key_of(client))
    assert current_sessions().revoke_user(pk) == 1
    assert name_of(client) == ""
