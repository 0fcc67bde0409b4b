"""`SessionMiddleware`: sessions in a store, instead of in the cookie. Pure ASGI."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, Unpack

from anyio import CancelScope
from starlette.datastructures import Secret
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kvcore import (
    AsyncKeyValueStore,
    AsyncSessions,
    AsyncStores,
    ConfigError,
    CookiePolicy,
    KeyValueStore,
)
from kvcore.sessions import (
    LoadMode,
    Saved,
    Serializer,
    SessionEvent,
    SessionOptions,
    SignedIds,
    Visits,
    is_for_shared_caches,
    log,
    policy_from,
    private,
    sent_cookie,
    varying,
    warn_of_weak_secrets,
)
from kvcore.sessions import VisitSession as KVSession
from kvcore_starlette.middleware import find_store

AnySecret: TypeAlias = str | bytes | Secret

_KEPT = "kvcore_starlette.sessions"
_TWO_WEEKS_SECS = 14 * 86400
# What headers go out with.
_BEGINNINGS = frozenset(
    {"http.response.start", "websocket.accept", "websocket.http.response.start"}
)


class SessionMiddleware:
    """Gives each request and WebSocket a ``request.session`` that is kept in a store.

    In place of Starlette's own, whose arguments it takes:

    * ``secret_key``: signs the cookie. Of a list, oldest to newest, the newest signs, and all are
      good.
    * ``session_cookie``, ``path``, ``domain``, ``same_site`` (``"lax"``, ``"strict"``,
      ``"none"``), ``partitioned``: the cookie. It is for HTTPS only if ``https_only`` is true, and
      by default where it is set in answer to HTTPS.
    * ``max_age``: seconds until the cookie ends, and a session that is not used; ``None`` for a
      cookie that ends with the browser.

    Beyond them:

    * ``store``: a store, or a name among those of `StoreMiddleware`, which has to stand around
      this one, or else of ``KVCORE_STORES`` in the environment.
    * ``mode``: when sessions are read, see `kvcore.sessions.LoadMode`; by default at the first
      touch from a store on this machine, and before the application from any other.
    * ``exclude``: paths that need no session, with all below: ``("/static",)``. They are not
      loaded for eagerly.
    * ``serializer``, ``on_event``: as of `kvcore.Sessions`.
    * ``options``: the fields of `kvcore.SessionPolicy`, such as ``absolute_secs``; ``idle_secs``
      goes before ``max_age`` for when an unused session ends.

    Raises `kvcore.ConfigError` for what does not go together, when the application starts; at the
    first request, if another one around it has the same ``session_cookie``.
    """

    def __init__(
        self,
        app: ASGIApp,
        secret_key: AnySecret | Sequence[AnySecret],
        session_cookie: str = "session",
        max_age: int | None = _TWO_WEEKS_SECS,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool | None = None,
        domain: str | None = None,
        partitioned: bool = False,
        *,
        store: str | KeyValueStore | AsyncKeyValueStore = "sessions",
        mode: LoadMode | None = None,
        exclude: Collection[str] = (),
        serializer: Serializer | None = None,
        on_event: Callable[[SessionEvent], object] = log,
        **options: Unpack[SessionOptions],
    ) -> None:
        self._app = app
        self._name = session_cookie
        self._max_age = max_age
        cookie = CookiePolicy(
            name=session_cookie,
            domain=domain,
            path=path,
            secure=https_only is not False,
            samesite=same_site,
            partitioned=partitioned,
        )
        self._cookies = {"https": cookie, "http": cookie}
        if https_only is None and not _has_to_be_secure(cookie):
            self._cookies["http"] = CookiePolicy(
                cookie.name, domain, path, secure=False, samesite=cookie.samesite
            )
        if max_age is not None:
            options = {"idle_secs": max_age, **options}
        secrets = _secrets(secret_key)
        self._ids = SignedIds(secrets, session_cookie)
        warn_of_weak_secrets(secrets, "the secret_key of SessionMiddleware")
        self._policy = policy_from(options, "SessionMiddleware", {})
        self._mode, self._serializer, self._on_event = mode, serializer, on_event
        if isinstance(exclude, str):
            raise ConfigError(f"exclude is a collection of paths: ({exclude!r},)")
        self._exclude = tuple(path.rstrip("/") for path in exclude)
        self._store = store
        self._own_stores: AsyncStores | None = None
        self._made: tuple[AsyncKeyValueStore, Visits] | None = None
        self._visits = None if isinstance(store, str) else self._make(store)

    def _make(self, store: KeyValueStore | AsyncKeyValueStore) -> Visits:
        return Visits(
            store,
            self._ids,
            mode=self._mode,
            policy=self._policy,
            serializer=self._serializer,
            on_event=self._on_event,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, or the lifespan of the application."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, self._closing(send))
            return
        outer, kept = scope.get("session"), scope.get(_KEPT)
        if kept is not None and self._name in kept:
            raise ConfigError(
                f"two SessionMiddleware around each other have the cookie {self._name!r}, and would"
                " overwrite each other's: give one another session_cookie=..., or leave it out"
            )
        visits = self._visits
        if visits is None:
            visits = await self._visits_in(scope)
        session = visits.open(_cookie_in(scope["headers"], self._name))
        if visits.mode == "eager" and not self._is_excluded(scope["path"]):
            await visits.prepare(session)
        scope["session"] = session
        scope[_KEPT] = {self._name: session} if kept is None else {**kept, self._name: session}
        secure = scope.get("scheme") in ("https", "wss")
        visit = _Visit(session, self._cookies["https" if secure else "http"], self._max_age, send)
        try:
            await self._app(scope, receive, visit.send)
        finally:
            if kept is None:
                scope.pop(_KEPT, None)  # who asks with this scope again does not stand in us
            else:  # one scope for all, also where we stand in a mounted app
                scope["session"], scope[_KEPT] = outer, kept
            if session.touched:
                await visit.end(scope)

    def _is_excluded(self, path: str) -> bool:
        return any(path == known or path.startswith(f"{known}/") for known in self._exclude)

    async def _visits_in(self, scope: Scope) -> Visits:
        """The sessions in a store that is named."""
        assert isinstance(self._store, str)
        if isinstance(scope.get("state", {}).get("stores"), AsyncStores):
            store = find_store(self._store, scope)
        else:
            if self._own_stores is None:
                self._own_stores = _stores_of_environment(self._store)
            await self._own_stores.build()
            store = self._own_stores[self._store]
        if self._made is None or self._made[0] is not store:
            self._made = store, self._make(store)
        return self._made[1]

    def _closing(self, send: Send) -> Send:
        async def send_when_closed(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown.") and self._own_stores is not None:
                await self._own_stores.aclose()
            await send(message)

        return send_when_closed


class _Visit:
    """One connection: saves its session, and tells the browser."""

    def __init__(
        self, session: KVSession, cookie: CookiePolicy, max_age: int | None, send: Send
    ) -> None:
        self._session = session
        self._cookie = cookie
        self._max_age = max_age
        self._send = send
        self._has_begun = False  # whether headers went out
        self._has_told = False  # whether it was saved then

    async def send(self, message: Message) -> None:
        """Send a message; the session is saved before headers go out."""
        if not self._has_begun and message["type"] in _BEGINNINGS:
            if self._session.touched:
                self._tell(message, self._session.save_now() or await self._session.save())
                self._has_told = True
            self._has_begun = True
            self._session.seal()
        await self._send(message)

    async def end(self, scope: Scope) -> None:
        """Save what was changed since headers went out, or what a WebSocket changed."""
        session = self._session
        if not (self._has_begun or scope["type"] == "websocket"):
            return
        if session.modified or not self._has_told:
            session.seal()
            with CancelScope(shield=True):  # who is cancelled has changed something all the same
                await session.save()

    def _tell(self, message: Message, saved: Saved) -> None:
        headers = list(message.get("headers", ()))
        if message["type"] != "websocket.accept":
            _replace(headers, b"vary", varying)
        set_cookie = None
        if saved.ended:
            set_cookie = self._cookie.deletion()
        elif saved.id is not None and (
            saved.issued or (saved.renewed and self._max_age is not None)
        ):
            set_cookie = self._cookie.header(self._session.cookie_for(saved), self._max_age)
        if set_cookie is not None:
            headers = [one for one in headers if not is_for_shared_caches(one[0].decode("latin-1"))]
            headers.append((b"set-cookie", set_cookie.encode("latin-1")))
            _replace(headers, b"cache-control", private)
        message["headers"] = headers


def current_session(connection: HTTPConnection, cookie: str | None = None) -> KVSession:
    """The session of a request or WebSocket: ``request.session``, with its type.

    Where several `SessionMiddleware` stand around each other, ``cookie`` names the one that is
    meant; by default it is the innermost. Raises ``RuntimeError`` where there is none.
    """
    kept: Mapping[str, KVSession] = connection.scope.get(_KEPT, {})
    session = connection.scope.get("session") if cookie is None else kept.get(cookie)
    if not isinstance(session, KVSession):
        which = "" if cookie is None else f" with session_cookie={cookie!r}"
        raise RuntimeError(
            f"a session needs app.add_middleware(kvcore_starlette.SessionMiddleware, ...){which}"
        )
    return session


def current_sessions(connection: HTTPConnection, cookie: str | None = None) -> AsyncSessions:
    """All sessions of the application: to list those of a user, to revoke them, to prune.

    For ``cookie`` and errors see `current_session`.
    """
    return current_session(connection, cookie).sessions


def _secrets(secret_key: AnySecret | Sequence[AnySecret]) -> list[str | bytes]:
    # Only Starlette's type is made text: that of others, such as pydantic's, may show asterisks.
    one = isinstance(secret_key, str | bytes | Secret) or not isinstance(secret_key, Sequence)
    keys = [secret_key] if one else secret_key
    return [str(key) if isinstance(key, Secret) else key for key in keys]  # type: ignore[misc, union-attr]


def _has_to_be_secure(cookie: CookiePolicy) -> bool:
    """Whether browsers would not take it otherwise."""
    is_prefixed = cookie.name.lower().startswith(("__host-", "__secure-"))
    return is_prefixed or cookie.partitioned or cookie.samesite == "None"


def _stores_of_environment(name: str) -> AsyncStores:
    if "KVCORE_STORES" not in os.environ:
        raise ConfigError(
            f"there is no store {name!r} for the sessions: give SessionMiddleware a store=..., add"
            " StoreMiddleware around it (by add_middleware, later), or set KVCORE_STORES"
        )
    return AsyncStores.from_env(keys="path")


def _cookie_in(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    for header, value in headers:
        if header == b"cookie":
            found = sent_cookie(value.decode("latin-1"), name)
            if found is not None:
                return found
    return None


def _replace(
    headers: list[tuple[bytes, bytes]], name: bytes, change: Callable[[str | None], str]
) -> None:
    """Change a header that may be there several times."""
    told = None
    if found := [header for header in headers if header[0].lower() == name]:
        headers[:] = [header for header in headers if header not in found]
        told = ", ".join(value.decode("latin-1") for _, value in found)
    headers.append((name, change(told or None).encode("latin-1")))
