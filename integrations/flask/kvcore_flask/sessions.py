"""Sessions in a store, instead of in the cookie; a drop-in for Flask-KVSession."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import SystemRandom
from typing import NamedTuple, TypeAlias, cast

import flask
from flask import Flask, Request, Response, current_app
from flask.sessions import SessionInterface, SessionMixin

from kvcore import (
    ConfigError,
    CookiePolicy,
    KeyValueStore,
    Session,
    SessionPolicy,
    Sessions,
)
from kvcore.sessions import (
    PruneReport,
    Saved,
    Serializer,
    SessionEvent,
    SignedIds,
    is_for_shared_caches,
    log,
    policy_from,
    private,
    sent_cookie,
    varying,
    warn_of_weak_secrets,
)
from kvcore_flask.commands import add_commands

POLICY = "KVCORE_SESSION_POLICY"
_EXTENSION = "kvcore_sessions"
_ID_BITS = 256


class KVSession(Session, SessionMixin):  # type: ignore[override]  # what Session tells
    """The session of a visitor, `flask.session`; see `kvcore.Session`.

    Besides what Flask's own has: ``destroy()``, ``regenerate()``, ``handle`` and ``notes``. It
    need not be told that something inside was modified.
    """

    _other_term = False

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser, for ``PERMANENT_SESSION_LIFETIME``."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self._other_term |= self.permanent != bool(value)
        self["_permanent"] = bool(value)

    @property
    def wants_its_cookie_renewed(self) -> bool:
        """Whether the cookie was told to end at another time."""
        return self._other_term


session: KVSession = cast("KVSession", flask.session)
"""`flask.session` itself, with the type that it has here: for type checkers and editors."""

_StoreSource: TypeAlias = KeyValueStore | Callable[[], KeyValueStore]


class _Made(NamedTuple):
    """What was made for an app, and of what."""

    keys: tuple[str | bytes, ...]
    sessions: Sessions


class KVSessionInterface(SessionInterface):
    """Opens and saves the sessions of apps; `KVSessionExtension` and `KVCore` install it.

    Without a store, that of the app: ``app.kvsession_store``. A subclass may have a
    ``session_class`` of its own, and a ``serializer`` (`kvcore.sessions.Serializer`).
    """

    session_class: type[KVSession] = KVSession
    serializer: Serializer | None = None

    def __init__(self, store: _StoreSource | None = None) -> None:
        if hasattr(self, "serialization_method"):
            raise ConfigError(
                "sessions are not pickled any more, as whoever can write to the store could run"
                " code; for other types set `serializer` in place of `serialization_method`"
            )
        self._store = store

    def sessions_of(self, app: Flask) -> Sessions | None:
        """The sessions of an app, or ``None`` as long as it has no secret key."""
        if not app.secret_key:
            return None
        keys = (*(app.config.get("SECRET_KEY_FALLBACKS") or ()), app.secret_key)
        made: _Made | None = app.extensions.get(_EXTENSION)
        if made is None or made.keys != keys:
            made = self._make(app, keys)
            app.extensions[_EXTENSION] = made
        return made.sessions

    def _make(self, app: Flask, keys: tuple[str | bytes, ...]) -> _Made:
        source = getattr(app, "kvsession_store", None) if self._store is None else self._store
        store = source if isinstance(source, KeyValueStore) or source is None else source()
        if store is None:
            raise ConfigError("this app has no store for its sessions: use KVSessionExtension")
        if not (app.debug or app.testing):
            warn_of_weak_secrets(keys, "SECRET_KEY")
        sessions = Sessions(
            store,
            SignedIds(keys, self.get_cookie_name(app)),
            policy=policy_of(app),
            serializer=self.serializer,
            on_event=self.on_event,
        )
        return _Made(keys, sessions)

    def on_event(self, event: SessionEvent) -> None:
        """Called for whatever happens to sessions; logs it to ``kvcore.sessions``."""
        log(event)

    def cookie_of(self, app: Flask) -> CookiePolicy:
        """The cookie that the app's config asks for. Raises `ConfigError`."""
        return CookiePolicy(
            name=self.get_cookie_name(app),
            domain=self.get_cookie_domain(app) or None,
            path=self.get_cookie_path(app),
            secure=self.get_cookie_secure(app),
            httponly=self.get_cookie_httponly(app),
            samesite=self.get_cookie_samesite(app) or None,  # type: ignore[arg-type]  # checked by CookiePolicy
            partitioned=self.get_cookie_partitioned(app),
        )

    def open_session(self, app: Flask, request: Request) -> KVSession | None:
        """The session for the request's cookie, not read yet; ``None`` without a secret key."""
        sessions = self.sessions_of(app)
        if sessions is None:
            return None
        # Not request.cookies: to parse all of them takes longer than to verify this one.
        cookie = sent_cookie(request.environ.get("HTTP_COOKIE"), self.get_cookie_name(app))
        return sessions.open(cookie, self.session_class)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save what changed, and say it in the response's headers."""
        if not isinstance(session, KVSession):
            return
        if session.touched:
            self._save(app, session, response)
        if response.is_streamed:  # what makes it may use the session, when no header can be sent
            session.seal()
            response.call_on_close(partial(self._save_late, app, session))

    def _save_late(self, app: Flask, session: KVSession) -> None:
        if session.touched:
            self._saved(app, session)

    def _saved(self, app: Flask, session: KVSession) -> Saved:
        sessions = self.sessions_of(app)
        assert sessions is not None  # there was one to open it
        return sessions.save(session, idle_secs=app.permanent_session_lifetime.total_seconds())

    def _save(self, app: Flask, session: KVSession, response: Response) -> None:
        saved = self._saved(app, session)
        headers = response.headers
        headers["Vary"] = varying(", ".join(headers.getlist("Vary")))
        if saved.ended:
            self._delete_cookie(app, response)
        elif saved.id is not None and (
            saved.issued
            or session.wants_its_cookie_renewed
            or (session.permanent and (saved.renewed or app.config["SESSION_REFRESH_EACH_REQUEST"]))
        ):
            self._set_cookie(app, session, response, saved.id)

    def _set_cookie(
        self, app: Flask, session: SessionMixin, response: Response, session_id: str
    ) -> None:
        sessions, cookie = self.sessions_of(app), self.cookie_of(app)
        assert sessions is not None
        response.set_cookie(
            cookie.name,
            sessions.cookie_for(session_id),
            expires=self.get_expiration_time(app, session),
            path=cookie.path,
            domain=cookie.domain,
            secure=cookie.secure,
            httponly=cookie.httponly,
            samesite=cookie.samesite,
            partitioned=cookie.partitioned,
        )
        _keep_from_shared_caches(response)

    def _delete_cookie(self, app: Flask, response: Response) -> None:
        cookie = self.cookie_of(app)
        response.delete_cookie(
            cookie.name,
            path=cookie.path,
            domain=cookie.domain,
            secure=cookie.secure,
            httponly=cookie.httponly,
            samesite=cookie.samesite,
            partitioned=cookie.partitioned,
        )
        _keep_from_shared_caches(response)


def _keep_from_shared_caches(response: Response) -> None:
    headers = response.headers
    for name in filter(is_for_shared_caches, [*headers.keys()]):
        del headers[name]
    headers["Cache-Control"] = private(", ".join(headers.getlist("Cache-Control")))


class KVSessionExtension:
    """Keeps the sessions of apps in a store: the extension that Flask-KVSession was.

    ``KVSessionExtension(store, app)``, or ``init_app(app)`` in an application factory; several
    apps may have their own stores. An app with `KVCore` needs this not: there the setting
    ``KVCORE_SESSION_STORE`` names the store. ``flask kvcore sessions`` lists, revokes and prunes.

    >>> from flask import session
    >>> from kvcore import DictStore
    >>> app = Flask("example")
    >>> app.secret_key = "of no use elsewhere"
    >>> extension = KVSessionExtension(DictStore(), app)
    >>> @app.get("/")
    ... def count():
    ...     session["visits"] = session.get("visits", 0) + 1
    ...     return str(session["visits"])
    >>> visitor = app.test_client()
    >>> visitor.get("/").text, visitor.get("/").text
    ('1', '2')
    """

    def __init__(
        self, session_kvstore: KeyValueStore | None = None, app: Flask | None = None
    ) -> None:
        self.default_kvstore = session_kvstore
        if app is not None and session_kvstore is not None:
            self.init_app(app)

    def init_app(self, app: Flask, session_kvstore: KeyValueStore | None = None) -> None:
        """Have the app's sessions in a store. Raises `ConfigError` for settings that are wrong."""
        store = self.default_kvstore if session_kvstore is None else session_kvstore
        if store is None:
            raise ConfigError("name a store: KVSessionExtension(store) or init_app(app, store)")
        if not isinstance(store, KeyValueStore):
            raise ConfigError(
                f"sessions are kept in a store of kvcore, not in {type(store).__name__};"
                " those of simplekv and minimalkv have the same names here"
            )
        app.kvsession_store = store  # type: ignore[attr-defined]  # where it always was
        keep_sessions_in(app, store)
        add_commands(app, current_sessions)

    def cleanup_sessions(self, app: Flask | None = None) -> PruneReport:
        """Remove the sessions that have expired, of the current app if none is given.

        For a periodic job, where the store's values do not expire by themselves.
        """
        return sessions_of(app).prune()


def keep_sessions_in(app: Flask, store: _StoreSource) -> None:
    """Install the interface, after a look at the settings."""
    if isinstance(app.session_interface, KVSessionInterface):
        raise ConfigError("this app keeps its sessions in a store already; say so once")
    interface = KVSessionInterface(store)
    _refuse_what_is_not_kept(app)
    policy_of(app)
    interface.cookie_of(app)
    app.session_interface = interface


def current_sessions() -> Sessions:
    """The sessions of the current app: to list those of a user, to revoke them, to prune.

    Raises `ConfigError` for an app whose sessions are not in a store, or without secret key.
    """
    return sessions_of(None)


def sessions_of(app: Flask | None) -> Sessions:
    """The sessions of an app, of the current one if none is given."""
    app = current_app if app is None else app
    interface = app.session_interface
    if not isinstance(interface, KVSessionInterface):
        raise ConfigError(
            "the sessions of this app are not in a store: set KVCORE_SESSION_STORE for KVCore,"
            " or use KVSessionExtension"
        )
    sessions = interface.sessions_of(app)
    if sessions is None:
        raise ConfigError("this app has no SECRET_KEY, so it has no sessions")
    return sessions


def policy_of(app: Flask) -> SessionPolicy:
    """The policy that the app's config asks for. Raises `ConfigError`."""
    return policy_from(
        app.config.get(POLICY, {}),
        POLICY,
        {"idle_secs": "PERMANENT_SESSION_LIFETIME"},
        idle_secs=app.permanent_session_lifetime.total_seconds(),
    )


def _refuse_what_is_not_kept(app: Flask) -> None:
    """Settings of Flask-KVSession that would be obeyed silently in another way."""
    if app.config.get("SESSION_KEY_BITS", 0) > _ID_BITS:
        raise ConfigError(f"ids of sessions have {_ID_BITS} random bits: drop SESSION_KEY_BITS")
    source = app.config.get("SESSION_RANDOM_SOURCE")
    if source is not None and not isinstance(source, SystemRandom):
        raise ConfigError(
            "ids of sessions come from the system's secure source: drop SESSION_RANDOM_SOURCE"
        )
    if app.config.get("SESSION_SET_TTL") is False:
        raise ConfigError("sessions always expire in the store: drop SESSION_SET_TTL")
