"""Ids: random, signed, hashed; nothing but what we signed is ever asked for."""

import base64
import hashlib
import string

import pytest
from itsdangerous import Signer

from kvcore import DictStore
from kvcore.sessions import SessionCreated, SignedIds, handle_of
from tests.sessions.visitors import SECRET, Application, Visitor, hostile


def test_an_id_has_256_random_bits() -> None:
    """In 43 characters that need no quoting in a cookie; no two are alike."""
    ids = SignedIds(SECRET)
    made = [ids.new() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {len(base64.urlsafe_b64decode(one + "=")) for one in made} == {32}
    assert set("".join(made)) <= set(string.ascii_letters + string.digits + "-_")


def test_the_signature_is_that_of_itsdangerous() -> None:
    """With our own salt and SHA-256: what signs other things for the application opens nothing."""
    ids = SignedIds(SECRET)
    session_id = ids.new()
    ours = Signer(
        SECRET, salt="kvcore.sessions.session", key_derivation="hmac", digest_method=hashlib.sha256
    )
    assert ids.cookie_for(session_id) == ours.sign(session_id).decode()
    assert ids.read(Signer(SECRET).sign(session_id).decode()) is None
    other = Signer(SECRET, salt="other", key_derivation="hmac", digest_method=hashlib.sha256)
    assert ids.read(other.sign(session_id).decode()) is None


def test_the_newest_key_signs_and_all_verify() -> None:
    """Keys are listed from oldest to newest; a retired one that is dropped verifies no more."""
    old, both, new = SignedIds("old"), SignedIds(["old", "new"]), SignedIds("new")
    session_id = old.new()
    assert both.read(old.cookie_for(session_id)) == session_id
    assert both.cookie_for(session_id) == new.cookie_for(session_id)
    assert new.read(old.cookie_for(session_id)) is None


def test_a_cookie_is_good_under_its_own_name_only() -> None:
    """Nobody sends a shop's as that of its administrators."""
    shop = SignedIds(SECRET, "shop")
    cookie = shop.cookie_for(shop.new())
    assert shop.read(cookie) is not None
    assert SignedIds(SECRET, "admin").read(cookie) is None


@pytest.mark.parametrize("case", hostile(SignedIds(SECRET).cookie_for("A" * 43)))
def test_what_we_did_not_sign_never_reaches_the_store(case: str) -> None:
    """Forged, cut, swapped, of another key: no operation, no adopted id, one event."""
    application = Application(DictStore())
    owner = Visitor(application)
    owner.set(secret="of the owner")
    assert owner.cookie is not None
    application.calls()
    application.told()

    forged = hostile(owner.cookie)[case]
    attacker = Visitor(application, forged)
    assert attacker.sees() == {}
    assert application.calls() == []
    assert application.told() == ["Rejected"]

    attacker.set(mine=1)
    assert attacker.cookie not in (forged, owner.cookie)
    assert owner.sees() == {"secret": "of the owner"}


def test_an_id_of_ours_that_is_not_in_the_store_is_never_adopted(visitor: Visitor) -> None:
    """Who keeps the cookie of a session that is over gets another id."""
    application = visitor.application
    visitor.set(a=1)
    cookie = visitor.cookie
    with visitor.request() as session:
        session.destroy()
    visitor.cookie = cookie
    application.told()
    visitor.set(b=2)
    assert visitor.cookie != cookie
    assert visitor.sees() == {"b": 2}
    assert "Unknown" in application.told()


def test_no_id_is_in_the_store_or_in_an_event(visitor: Visitor) -> None:
    """Who reads the store, its keys or the log opens no session with it."""
    application = visitor.application
    visitor.set(_user_id="7", a=1)
    assert visitor.cookie is not None
    session_id = visitor.cookie.split(".")[0]
    kept = {key: application.store.get(key) for key in application.store.keys()}
    assert session_id.encode() not in b"".join([*map(str.encode, kept), *kept.values()])
    assert f"session-{handle_of(session_id)}" in kept
    [event] = application.events
    assert isinstance(event, SessionCreated)
    assert event.handle == handle_of(session_id)
    assert session_id not in f"{event} {event!r}"


def test_a_secret_is_needed_and_never_shown() -> None:
    """Nothing signs with an empty secret."""
    with pytest.raises(ValueError, match="secret"):
        SignedIds("")
    with pytest.raises(ValueError, match="secret"):
        SignedIds([])
    assert SECRET not in repr(SignedIds(SECRET))
