"""What an application that was written for Starlette's own middleware expects."""

import copy
import json
import pickle
from typing import Any

import pytest
from kvcore_starlette import KVSession, SessionMiddleware, current_session
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    BaseUser,
    SimpleUser,
    requires,
)
from starlette.datastructures import Secret
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from kvcore import ConfigError, DictStore
from kvcore.sessions.weak_secrets import tell_once
from kvcore.testing import Clock
from tests.integrations.starlette_sessions.apps import new_app, one_route, plain

GOOD_SECRET = "5b1d9f04c7e83a62b1f0d7a85c2e9364"


async def update(request: Request) -> Response:
    request.session.update(await request.json())
    return JSONResponse({"session": request.session})


async def view(request: Request) -> Response:
    return JSONResponse({"session": request.session})


async def clear(request: Request) -> Response:
    request.session.clear()
    return JSONResponse({"session": request.session})


def usual_app(**options: Any) -> Starlette:
    return new_app(
        options.pop("store", DictStore()),
        Route("/update", update, methods=["POST"]),
        Route("/view", view),
        Route("/clear", clear, methods=["POST"]),
        **options,
    )


def test_the_life_of_a_session() -> None:
    """Empty, set, read as JSON without a copy, cleared; then the cookie is gone."""
    client = TestClient(usual_app())
    assert client.get("/view").json() == {"session": {}}
    assert client.post("/update", json={"some": "data"}).json() == {"session": {"some": "data"}}
    assert client.get("/view").json() == {"session": {"some": "data"}}
    assert client.post("/clear").json() == {"session": {}}
    assert client.cookies.get("session") is None
    assert client.get("/view").json() == {"session": {}}


def test_the_cookie() -> None:
    """Two weeks, for all paths, not for scripts, and only for HTTPS if it was set there."""
    answer = TestClient(usual_app()).post("/update", json={"a": 1})
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value.startswith("session=")
    assert attributes == ["Max-Age=1209600", "Path=/", "HttpOnly", "SameSite=Lax"]
    client = TestClient(usual_app(), base_url="https://testserver")
    assert "; Secure" in client.post("/update", json={"a": 1}).headers["set-cookie"]


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({"max_age": None}, "Path=/; HttpOnly; SameSite=Lax"),
        ({"max_age": 60, "path": "/app"}, "Max-Age=60; Path=/app; HttpOnly; SameSite=Lax"),
        ({"max_age": None, "same_site": "strict"}, "Path=/; HttpOnly; SameSite=Strict"),
        ({"max_age": None, "https_only": True}, "Path=/; Secure; HttpOnly; SameSite=Lax"),
        (
            {"max_age": None, "domain": ".example.com"},
            "Domain=.example.com; Path=/; HttpOnly; SameSite=Lax",
        ),
        ({"max_age": None, "same_site": "none"}, "Path=/; Secure; HttpOnly; SameSite=None"),
        (
            {"max_age": None, "partitioned": True},
            "Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned",
        ),
        (
            {"max_age": None, "session_cookie": "__Host-id"},
            "Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
    ],
)
def test_options_of_the_cookie(options: dict[str, Any], attributes: str) -> None:
    """Each has its attribute, and what browsers would refuse without it is secure."""
    answer = TestClient(usual_app(**options)).post("/update", json={"a": 1})
    assert answer.headers["set-cookie"].partition("; ")[2] == attributes
    assert answer.headers["set-cookie"].startswith(options.get("session_cookie", "session") + "=")


def test_it_is_not_secure_where_that_is_said() -> None:
    """``https_only=False`` counts on HTTPS as well."""
    client = TestClient(usual_app(https_only=False), base_url="https://testserver")
    assert "Secure" not in client.post("/update", json={"a": 1}).headers["set-cookie"]


def test_deleting_a_cookie_repeats_its_attributes() -> None:
    """Else the browser would keep it."""
    client = TestClient(usual_app(domain="testserver.local", path="/"))
    client.base_url = "http://testserver.local"  # type: ignore[assignment]
    client.post("/update", json={"a": 1})
    deletion = client.post("/clear").headers["set-cookie"]
    assert deletion == (
        "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Domain=testserver.local;"
        " Path=/; HttpOnly; SameSite=Lax"
    )


def test_sessions_expire() -> None:
    """A session that is not used for ``max_age`` is over on the server, not in the browser only."""
    clock = Clock()
    app = usual_app(store=DictStore(clock=clock), max_age=100)
    client = TestClient(app)
    client.post("/update", json={"a": 1})
    cookie = client.cookies["session"]
    clock.advance(99)
    assert client.get("/view").json() == {"session": {"a": 1}}
    clock.advance(101)
    later = TestClient(app, cookies={"session": cookie})
    assert later.get("/view").json() == {"session": {}}


def test_a_session_in_use_keeps_its_cookie() -> None:
    """Reading puts off the session and the cookie, not at each request."""
    clock = Clock()
    client = TestClient(usual_app(store=DictStore(clock=clock), max_age=1000))
    client.post("/update", json={"a": 1})
    assert "set-cookie" not in client.get("/view").headers
    clock.advance(500)
    assert "Max-Age=1000" in client.get("/view").headers["set-cookie"]
    assert "set-cookie" not in client.get("/view").headers


def test_a_session_that_is_saved_by_hand_keeps_its_cookie() -> None:
    """It was put off by the first of two saves; the second one knows."""

    async def save_twice(request: Request) -> Response:
        assert request.session["a"]
        await current_session(request).save()
        return PlainTextResponse("saved")

    clock = Clock()
    app = usual_app(store=DictStore(clock=clock), max_age=1000)
    app.router.routes.append(Route("/by-hand", save_twice))
    client = TestClient(app)
    client.post("/update", json={"a": 1})
    clock.advance(500)
    assert "Max-Age=1000" in client.get("/by-hand").headers["set-cookie"]


def test_a_cookie_of_starlettes_own_is_a_new_session() -> None:
    """Who changes the import signs all visitors out, and shows no error."""
    client = TestClient(usual_app(), cookies={"session": "eyJhIjogMX0=.aGVsbG8.c2lnbmF0dXJl"})
    assert client.get("/view").json() == {"session": {}}


@pytest.mark.parametrize(
    "new",
    ["new", b"new", Secret("new"), ["old", "new"], (Secret("new"),)],
    ids=["text", "bytes", "Secret", "both", "a tuple"],
)
def test_secrets(new: Any) -> None:
    """One or a list, oldest to newest, as text, bytes or Starlette's `Secret`."""
    store = DictStore()
    old = TestClient(usual_app(store=store, secret_key="old"))
    old.post("/update", json={"a": 1})
    client = TestClient(usual_app(store=store, secret_key=new), cookies=old.cookies)
    both = isinstance(new, list)
    answer = client.get("/view")
    assert answer.json() == {"session": {"a": 1} if both else {}}
    assert ("set-cookie" in answer.headers) == both  # signed anew
    client.post("/update", json={"b": 2})
    newest = TestClient(usual_app(store=store, secret_key="new"), cookies=client.cookies)
    assert newest.get("/view").json()["session"]["b"] == 2


@pytest.mark.parametrize(
    ("secret", "lines"), [("dev", 1), (GOOD_SECRET, 0), ([GOOD_SECRET, "dev"], 1)]
)
def test_a_weak_secret_is_told(
    caplog: pytest.LogCaptureFixture, secret: str | list[str], lines: int
) -> None:
    """Tells it when the middleware is made, as it does not know whether it is developed."""
    tell_once.cache_clear()
    SessionMiddleware(plain, secret, store=DictStore())  # type: ignore[arg-type]  # is never called
    assert len([line for line in caplog.messages if "secret_key" in line]) == lines


class Hidden:
    """A secret of another library, whose text is asterisks."""

    def __str__(self) -> str:
        return "**********"


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"secret_key": ""}, "not empty"),
        ({"secret_key": Hidden()}, "bytes or str"),
        ({"secret_key": [Hidden()]}, "bytes or str"),
        ({"same_site": "never"}, "samesite"),
        ({"session_cookie": "__Host-id", "path": "/app"}, "__Host-"),
        ({"session_cookie": "__Host-id", "https_only": False}, "__Host-"),
        ({"same_site": "none", "https_only": False}, "secure"),
        ({"max_age": 0}, "idle_secs"),
        ({"idle_secs": -1}, "idle_secs"),
        ({"absolut_secs": 5}, "absolute_secs"),
        ({"mode": "lazy"}, "inline"),
        ({"exclude": "/static"}, "collection"),
        ({"store": object()}, "store"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], hint: str) -> None:
    """Is told when the middleware is made."""
    with pytest.raises((ConfigError, TypeError, ValueError), match=hint):
        SessionMiddleware(plain, **{"secret_key": "x", "store": DictStore(), **options})  # type: ignore[arg-type]


def test_a_session_is_a_dict() -> None:
    """For type checks, JSON, merging and copies, even before it is read."""

    async def all_of_it(request: Request) -> Response:
        session = request.session
        assert isinstance(session, dict)
        way: Any = request.query_params["way"]
        shown = {
            "json": lambda: json.loads(json.dumps(session)),
            "dict": lambda: dict(session),
            "stars": lambda: {**session},
            "or": lambda: session | {},
            "from the right": lambda: {} | session,
            "copy": lambda: copy.copy(session),
            "deep": lambda: copy.deepcopy(session),
            "pickle": lambda: pickle.loads(pickle.dumps(session)),
            "items": lambda: dict(session.items()),
        }[way]()
        assert type(shown) is dict
        assert session == shown
        assert shown == session
        return JSONResponse(shown)

    async def change(request: Request) -> Response:
        session = request.session
        session |= {"a": [1]}
        session.setdefault("a", []).append(2)  # deep inside: it need not be told
        session.setdefault("b", 1)
        assert session.pop("b") == 1
        assert session.pop("b", None) is None
        session["c"] = 3
        del session["c"]
        assert session.popitem() == ("a", [1, 2])
        session["a"] = [1, 2]
        assert list(session) == ["a"]
        assert json.dumps(session) == '{"a": [1, 2]}'
        return PlainTextResponse("done")

    client = TestClient(new_app(DictStore(), Route("/", all_of_it), Route("/change", change)))
    client.get("/change")
    for way in ("json", "dict", "stars", "or", "from the right", "copy", "deep", "pickle", "items"):
        assert client.get("/", params={"way": way}).json() == {"a": [1, 2]}, way


class ByName(AuthenticationBackend):
    """As an application has it, on its session."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        name = conn.session.get("user")
        return (AuthCredentials(["authenticated"]), SimpleUser(name)) if name else None


def test_authentication() -> None:
    """`starlette.authentication` finds the session, and logging in changes its id."""

    async def log_in(request: Request) -> Response:
        request.session["user"] = request.session["user_id"] = "ann"
        return PlainTextResponse("hello")

    @requires("authenticated")
    async def me(request: Request) -> Response:
        return PlainTextResponse(request.user.display_name)

    store = DictStore()
    app = Starlette(
        routes=[Route("/log-in", log_in), Route("/me", me), Route("/plain", plain)],
        middleware=[
            Middleware(SessionMiddleware, secret_key="x", store=store),
            Middleware(AuthenticationMiddleware, backend=ByName()),
        ],
    )
    client = TestClient(app)
    assert client.get("/me").status_code == 403
    client.get("/log-in")
    assert client.get("/me").text == "ann"


def test_how_a_client_of_oauth_uses_it() -> None:
    """authlib keeps a state under a key of its own, looks for it among all, and pops it."""

    async def leave(request: Request) -> Response:
        request.session["_state_site_xyz"] = {"data": {"nonce": "n"}, "exp": 1.5}
        return PlainTextResponse("left")

    async def come_back(request: Request) -> Response:
        found = request.session.get("_state_site_xyz")
        for key in list(request.session.keys()):
            if key.startswith("_state_"):
                request.session.pop(key)
        return JSONResponse(found)

    client = TestClient(new_app(DictStore(), Route("/leave", leave), Route("/back", come_back)))
    client.get("/leave")
    assert client.get("/back").json() == {"data": {"nonce": "n"}, "exp": 1.5}
    assert client.get("/back").json() is None


def test_headers_of_others() -> None:
    """Other cookies survive; caches are told what they need to know, and nothing else is lost."""

    async def answer(request: Request) -> Response:
        request.session["a"] = 1
        headers = {"Vary": "Accept", "Cache-Control": "public, max-age=60"}
        headers |= {"CDN-Cache-Control": "max-age=600", "Surrogate-Control": "max-age=600"}
        response = PlainTextResponse("...", headers=headers)
        response.set_cookie("theme", "dark")
        response.set_cookie("lang", "en")
        return response

    headers = TestClient(one_route(answer, DictStore())).get("/").headers
    names = [value.partition("=")[0] for value in headers.get_list("set-cookie")]
    assert names == ["theme", "lang", "session"]
    assert headers.get_list("vary") == ["Accept, Cookie"]
    assert headers.get_list("cache-control") == ["max-age=60, private"]
    assert not {"cdn-cache-control", "surrogate-control"} & set(headers)
    untouched = TestClient(new_app(DictStore())).get("/plain").headers
    assert not {"vary", "set-cookie", "cache-control"} & set(untouched)


def test_without_a_middleware_the_hint_names_it() -> None:
    """Or the cookie that was asked for."""
    connection = HTTPConnection({"type": "http", "headers": []})
    with pytest.raises(RuntimeError, match="SessionMiddleware"):
        current_session(connection)
    with pytest.raises(RuntimeError, match="session_cookie='admin'"):
        current_session(connection, "admin")


def test_the_session_has_its_type() -> None:
    """`current_session` is ``request.session`` for type checkers, and ends or renames itself."""

    async def destroy(request: Request) -> Response:
        session = current_session(request)
        assert session is request.session
        assert isinstance(session, KVSession)
        session.destroy()
        return PlainTextResponse(repr(session))

    client = TestClient(one_route(destroy, DictStore()))
    client.get("/set/a/1")
    first = client.cookies["session"]
    client.get("/call/regenerate")
    assert client.cookies["session"] != first
    assert client.get("/all").json() == {"a": "1"}
    assert client.get("/").text == "<VisitSession stored, 0 keys>"
    assert "session" not in client.cookies
