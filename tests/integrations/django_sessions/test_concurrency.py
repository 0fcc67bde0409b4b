"""Requests of one visitor that run at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from kvcore_django.sessions import SessionStore
from pytest_django import Settings

from tests.integrations.django_sessions import site
from tests.sessions.visitors import WatchedStore
from tests.soak import count


class Slow:
    """The addresses of the site, and one of a request during which another one runs."""

    def __init__(self, meanwhile: Client, address: str) -> None:
        self.meanwhile = meanwhile
        self.address = address
        self.urlpatterns = [path("slow/<way>", self.slow), *site.urlpatterns]

    def slow(self, request: HttpRequest, way: str) -> HttpResponse:
        request.session["slow"] = request.session.get("a")
        self.meanwhile.get(self.address)
        if way == "cycle":
            request.session.cycle_key()
        return HttpResponse("done")


@pytest.mark.parametrize("way", ["save", "cycle"])
def test_a_slow_request_does_not_undo_a_logout(
    client: Client, project: Settings, store: WatchedStore, way: str
) -> None:
    """It ends after the log-out and wants to save: 400, and nothing of the session comes back."""
    client.get("/set/_auth_user_id/7")
    client.get("/set/a/1")
    other = Client(SERVER_NAME="localhost")
    other.cookies["sessionid"] = client.cookies["sessionid"].value
    project.ROOT_URLCONF = Slow(other, "/call/flush")
    assert client.get(f"/slow/{way}").status_code == 400
    assert [key for key in store.keys() if not key.startswith("session-user-")] == []


def test_a_slow_request_that_only_reads_undoes_no_logout(
    client: Client, project: Settings, store: WatchedStore
) -> None:
    """It writes nothing."""
    client.get("/set/a/1")
    session = SessionStore(client.cookies["sessionid"].value)
    assert session["a"] == 1
    client.get("/call/flush")
    assert store.keys() == []


def test_a_slow_request_under_an_old_key_is_merged(
    client: Client, project: Settings, store: WatchedStore
) -> None:
    """Two that change different keys: both changes remain; of the same key, the last one."""
    client.get("/set/a/1")
    other = Client(SERVER_NAME="localhost")
    other.cookies["sessionid"] = client.cookies["sessionid"].value
    project.ROOT_URLCONF = Slow(other, "/set/b/2")
    assert client.get("/slow/save").status_code == 200
    assert client.get("/all").json() == {"a": 1, "b": 2, "slow": 1}
    project.ROOT_URLCONF = Slow(other, "/set/c/3")
    assert client.get("/slow/cycle").status_code == 200
    assert client.get("/all").json() == {"a": 1, "b": 2, "c": 3, "slow": 1}


def test_threads_each_set_their_own_key(client: Client) -> None:
    """All have read the session before the first one writes it; all keys remain."""
    threads = count(50, 200)
    client.get("/set/a/1")
    key, barrier = client.cookies["sessionid"].value, Barrier(threads)

    def request(number: int) -> None:
        session = SessionStore(key)
        session[f"key{number}"] = number
        barrier.wait()
        session.save()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(request, range(threads)))
    assert len(client.get("/all").json()) == threads + 1
