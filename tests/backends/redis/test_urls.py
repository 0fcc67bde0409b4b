"""URLs and options of RedisStore: what is read, what is refused, what is shown."""

import pickle
import socket

import pytest

from kvcore import (
    ConfigError,
    InvalidKey,
    ReadOnlyDecorator,
    RedisStore,
    store_from_config,
    store_from_url,
)
from kvcore.config import StorePlan
from tests.redis_servers import RedisServer

SECRET = "p@ss:w/rd"

SHOWN = {
    "redis://127.0.0.1": "redis://127.0.0.1:6379/0",
    "redis://cache.example/": "redis://cache.example:6379/0",
    "redis://127.0.0.1:7000/3": "redis://127.0.0.1:7000/3",
    "redis://[::1]:7000": "redis://[::1]:7000/0",
    "redis://user:secret@host": "redis://host:6379/0",
    "redis://:secret@host/1": "redis://host:6379/1",
    "redis://h?deadline=0.25&connect_timeout=1": (
        "redis://h:6379/0?connect_timeout=1&deadline=0.25"
    ),
    "redis://h?max_connections=7": "redis://h:6379/0?max_connections=7",
    "redis://h?keys=path&default_ttl_secs=60": "redis://h:6379/0?keys=path&default_ttl_secs=60",
    "hredis://h": "redis://h:6379/0?keys=path",
    "rediss://h/2": "rediss://h:6379/2",
    "hrediss://h": "rediss://h:6379/0?keys=path",
    "redis+socket:///run/redis.sock": "redis+socket:///run/redis.sock",
    "redis+socket:///run/redis.sock?db=4": "redis+socket:///run/redis.sock?db=4",
    "hredis+socket:///run/a@b.sock": "redis+socket:///run/a@b.sock?keys=path",
    "REDIS://h": "redis://h:6379/0",
}

WRONG = {
    "redis://": "a host is missing",
    "redis:///0": "a host is missing",
    "redis://secret@host": "behind a colon",
    "redis://host/media": "number of a database",
    "redis://host/0/1": "number of a database",
    "redis://host:99999": "port",
    "redis://host?deadline=0": "seconds > 0",
    "redis://host?deadline=soon": "seconds > 0",
    "redis://host?max_connections=0": "whole number from 1",
    "redis://host?timeout=1": "did you mean|there are",
    "redis://host?ca_file=/etc/ca.pem": "ca_file",
    "redis+socket://": "a path is missing",
    "redis+socket:///r.sock?db=-1": "whole number from 0",
    "redis+sockets:///r.sock": "sockets",
    "redis://host?username=me": "no password",
}


@pytest.mark.parametrize(("url", "shown"), SHOWN.items(), ids=SHOWN)
def test_what_a_url_says(url: str, shown: str) -> None:
    """A store shows itself by its URL, without what goes without saying and without secrets."""
    store = store_from_url(url)
    assert type(store) is RedisStore
    assert repr(store) == f"<RedisStore {shown}>"


@pytest.mark.parametrize(("url", "problem"), WRONG.items(), ids=WRONG)
def test_what_a_url_cannot_say(url: str, problem: str) -> None:
    """It is refused with a reason, and no secret is shown."""
    with pytest.raises(ConfigError, match=problem) as refused:
        store_from_url(url)
    assert "secret" not in str(refused.value)


def test_decorators_stand_behind_the_whole_scheme() -> None:
    """``redis+socket`` is one word, whatever follows."""
    store = store_from_url("hredis+socket+readonly:///run/redis.sock")
    assert type(store) is ReadOnlyDecorator
    assert "redis+socket:///run/redis.sock?keys=path" in repr(store)


def test_nothing_is_connected_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """To configure and to build a store needs no server."""

    def refuse(*_args: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    plan = StorePlan.from_config("redis://127.0.0.1:1/0")
    store = plan.build()
    assert store.capabilities.if_match
    with pytest.raises(InvalidKey):
        store.get("a/b")
    pickle.loads(pickle.dumps(store)).close()


def test_secrets_come_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, empty_valkey: RedisServer
) -> None:
    """A password in the environment works, and never shows."""
    monkeypatch.setenv("REDIS_PASSWORD", SECRET)
    direct = empty_valkey.direct
    direct.acl_setuser("me", enabled=True, passwords=[f"+{SECRET}"], keys=["*"], commands=["+@all"])
    config = {"url": empty_valkey.url(), "username": "me", "password": "env:REDIS_PASSWORD"}
    with store_from_config(config) as store:
        store.put("key", b"value")
        assert direct.get("key") == b"value"
        assert [client["user"] for client in direct.client_list()].count("me") == 1
    monkeypatch.setenv("REDIS_PASSWORD", "another")
    wrong = store_from_config(config)
    with pytest.raises(OSError, match="does not know this user or password") as refused:
        wrong.get("key")
    told = f"{store!r} {refused.value} {refused.value.__cause__} {store._connector._settings}"
    assert SECRET not in told
    assert "another" not in told


def test_a_password_in_the_url_is_decoded(empty_valkey: RedisServer) -> None:
    """What has a meaning in URLs is percent-encoded."""
    empty_valkey.direct.acl_setuser(
        "you", enabled=True, passwords=[f"+{SECRET}"], keys=["*"], commands=["+@all"]
    )
    url = empty_valkey.url().replace("//", "//you:p%40ss%3Aw%2Frd@")
    with store_from_url(url) as store:
        store.put("key", b"value")
        assert store.get("key") == b"value"
        assert SECRET not in repr(store)


def test_each_database_is_a_store(empty_valkey: RedisServer) -> None:
    """Keys of one are none of another's."""
    with (
        store_from_url(empty_valkey.url(db=1)) as one,
        store_from_url(f"redis+socket://{empty_valkey.socket}?db=2") as two,
    ):
        one.put("key", b"1")
        two.put("key", b"2")
        assert (one.get("key"), two.get("key")) == (b"1", b"2")


def test_what_is_put_has_the_default_time_to_live(empty_valkey: RedisServer) -> None:
    """``default_ttl_secs`` in the URL is that of every put."""
    with store_from_url(empty_valkey.url(default_ttl_secs=60)) as store:
        store.put("key", b"value")
    assert 0 < empty_valkey.direct.pttl("key") <= 60_000
