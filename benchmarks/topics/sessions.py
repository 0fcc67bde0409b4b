"""Flask's sessions: a request in WSGI, of a session with three small keys"""

from collections.abc import Callable
from functools import partial
from http.cookies import SimpleCookie
from importlib.util import find_spec

import flask
from kvcore_flask import KVSessionExtension
from werkzeug.test import EnvironBuilder

from benchmarks.bare_sessions import in_folder
from benchmarks.measure import OURS, RAW, Contest, timed
from benchmarks.places import ANY, TMPFS, Place
from benchmarks.redis_clients import server_of
from benchmarks.row import Row
from kvcore import KeyValueStore, store_from_url

_RECORD = bytes(200)  # about what a session takes
_LIFETIME_SECS = 31 * 86400

Setup = Callable[[flask.Flask], None]
Bare = tuple[Callable[[], object], Callable[[], object]]
"""What a view would call to read a session, and to write it."""


def new_app(setup: Setup | None) -> flask.Flask:
    """An app with a view for each use of a session."""
    app = flask.Flask(__name__)
    app.secret_key = "a secret of this measurement"
    if setup is not None:
        setup(app)

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/begin")
    def begin() -> str:
        flask.session.update(name="ann", visits=1, theme="dark")
        return "begun"

    @app.get("/read")
    def read() -> str:
        return f"{flask.session['visits']}"

    @app.get("/write")
    def write() -> str:
        flask.session["visits"] += 1
        return "written"

    return app


def bare_app(bare: Bare | None) -> flask.Flask:
    """The same views, without sessions."""
    app = flask.Flask(__name__)
    read, write = (len, len) if bare is None else bare

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    if bare is not None:

        @app.get("/read")
        def view_read() -> str:
            read()
            return "read"

        @app.get("/write")
        def view_write() -> str:
            write()
            return "written"

    return app


def visitor(app: flask.Flask, path: str, cookie: str | None = None) -> Callable[[int], str]:
    """Asks for a path, past everything but the app; returns the cookie that is set, if any."""
    headers = {} if cookie is None else {"Cookie": cookie}
    environ = EnvironBuilder(path=path, headers=headers).get_environ()
    answer: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _error: object = None
    ) -> Callable[[bytes], object]:
        answer[:] = [(status, headers)]
        return len

    def ask(_number: int) -> str:
        body = app.wsgi_app(dict(environ), start_response)
        b"".join(body)
        body.close()  # type: ignore[attr-defined]
        status, found = answer[0]
        assert status == "200 OK", status
        return next((value for name, value in found if name == "Set-Cookie"), "")

    return ask


def requests(place: Place, kind: str, path: str, *, cookie: bool) -> Contest:
    """Our sessions, those of the peers, and a view that makes the bare calls."""
    bare, setups = _KINDS[kind](place)
    contest = {RAW: visitor(bare_app(bare), path)}
    for name, setup in setups.items():
        app = new_app(setup)
        sent = None
        if cookie:
            [morsel] = SimpleCookie(visitor(app, "/begin")(0)).values()
            sent = f"{morsel.key}={morsel.coded_value}"
        contest[name] = visitor(app, path, sent)
    numbers = range(place.operations)
    return {name: timed(ask, numbers) for name, ask in contest.items()}


def _redis(place: Place) -> tuple[Bare, dict[str, Setup | None]]:
    server = server_of(place)
    client = server.client(socket_timeout=5)
    place.at_the_end(client.close)
    client.set("bare", _RECORD)

    def write() -> None:
        client.get("bare")
        client.set("bare", _RECORD, ex=_LIFETIME_SECS, xx=True)

    def flask_session(app: flask.Flask, *, refresh: bool) -> None:
        from flask_session import Session

        app.config.update(
            SESSION_TYPE="redis", SESSION_REDIS=client, SESSION_REFRESH_EACH_REQUEST=refresh
        )
        Session(app)

    store = store_from_url(server.url())
    place.at_the_end(store.close)
    peers: dict[str, Setup] = {}
    if find_spec("flask_session") is not None:
        peers = {
            "Flask-Session": partial(flask_session, refresh=True),
            "… without refresh": partial(flask_session, refresh=False),
        }
    setups: dict[str, Setup | None] = {OURS: _ours(store), **peers, "signed cookie": None}
    return (partial(client.get, "bare"), write), setups


def _folder(place: Place) -> tuple[Bare, dict[str, Setup | None]]:
    def flask_session(app: flask.Flask, *, refresh: bool) -> None:
        from cachelib import FileSystemCache
        from flask_session import Session

        folder = place.folder(f"peer-{refresh}")
        app.config.update(
            SESSION_TYPE="cachelib",
            SESSION_CACHELIB=FileSystemCache(folder, threshold=0),
            SESSION_REFRESH_EACH_REQUEST=refresh,
        )
        Session(app)

    store = store_from_url(f"fs://{place.folder('kvcore')}?durability=atomic")
    place.at_the_end(store.close)
    peers: dict[str, Setup] = {}
    if find_spec("flask_session") is not None and find_spec("cachelib") is not None:
        peers = {
            "Flask-Session": partial(flask_session, refresh=True),
            "… without refresh": partial(flask_session, refresh=False),
        }
    setups: dict[str, Setup | None] = {OURS: _ours(store), **peers, "signed cookie": None}
    return in_folder(place, _RECORD), setups


def _ours(store: KeyValueStore) -> Setup:
    return lambda app: KVSessionExtension(store).init_app(app)


_KINDS = {"Redis": _redis, "files": _folder}


def _rows(kind: str, place: str, read: float, write: float) -> list[Row]:
    plain, bare = "a plain view", "a view with the bare calls"
    uses = [
        ("no cookie, untouched", "/plain", False, 1.25, plain),
        ("untouched", "/plain", True, 1.5, plain),
        ("read", "/read", True, read, bare),
        ("write", "/write", True, write, bare),
    ]
    return [
        Row(
            f"session, {kind}: {use}",
            partial(requests, kind=kind, path=path, cookie=cookie),
            {place: reach},
            against,
            operations=200,
        )
        for use, path, cookie, reach, against in uses
    ]


ROWS = (*_rows("Redis", ANY, 1.5, 1.5), *_rows("files", TMPFS, 1.6, 1.6))
