"""Sessions where stores are awaited, but `request.session["key"]` cannot be: see `Visits`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal, Self, TypeAlias, get_args

from kvcore.aio import AsyncKeyValueStore, async_store
from kvcore.contract import KeyValueStore
from kvcore.errors import ConfigError, KvcoreError, SessionNotLoaded
from kvcore.sessions.events import SessionEvent, log
from kvcore.sessions.keeping import UNTOUCHED, Saved
from kvcore.sessions.policy import SessionPolicy
from kvcore.sessions.serializing import Serializer
from kvcore.sessions.session import Session
from kvcore.sessions.sessions import AsyncSessions, Ids, Sessions
from kvcore.signing import Secret

LoadMode: TypeAlias = Literal["inline", "eager", "explicit"]
"""``"inline"``: at the first touch, in the event loop, which waits. ``"eager"``: before the
application, if there is a cookie of ours. ``"explicit"``: by ``await session.load()``."""

_PATIENCE_SECS = 0.25  # the longest that an event loop is kept waiting by a store that hangs

# What C code sees of a dict that is not loaded yet; `json` then asks for the items, which loads.
_NOT_LOADED = "this session is not loaded"


class VisitSession(Session, dict[str, Any]):  # type: ignore[misc]  # what Session says, counts
    """A `Session` that asynchronous applications have as ``request.session``; a dict, too."""

    _saved = UNTOUCHED

    def __init__(self, cookie: str | None, visits: Visits) -> None:
        super().__init__(cookie, visits.load_at_touch)
        self._visits = visits
        dict.__setitem__(self, _NOT_LOADED, None)

    def _hold(self, content: dict[str, Any]) -> None:
        # A second time in the dict that this is: json (written in C) and others find it there.
        self._content = content
        dict.clear(self)
        dict.update(self, content)

    def __setitem__(self, key: str, value: object) -> None:
        super().__setitem__(key, value)
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        dict.__delitem__(self, key)

    def clear(self) -> None:
        """Forget everything, also what other requests are writing at this moment."""
        super().clear()
        dict.clear(self)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (self.copy(),)  # a copy of it, deep or shallow, is its content

    @property
    def sessions(self) -> AsyncSessions:
        """All sessions of the application: to list those of a user, to revoke them, to prune."""
        return self._visits.sessions

    def cookie_for(self, saved: Saved) -> str:
        """The value of the cookie, for what `save` returned with an ``id``."""
        assert saved.id is not None
        if saved.issued or self._cookie is None:
            return self.sessions.cookie_for(saved.id)
        return self._cookie  # the same, without signing it again

    async def load(self) -> Self:
        """Read the session from the store, unless that was done; returns it.

        Needed where loading is explicit; anywhere else it does no harm. Raises `StoreError` if the
        policy says so.
        """
        if not self.loaded:
            await self._visits.load(self)
        return self

    async def save(self) -> Saved:
        """Save now what has changed, instead of when the request is over.

        For long ones, such as those of WebSockets. Returns what the response is to say, which is
        for whoever opened the session. Raises `SessionError`, `StoreError`.
        """
        saved = self.save_now()
        if saved is None:
            self._unsaved = False
            saved = self._taken(await self._visits.sessions.save(self))
        return saved

    def save_now(self) -> Saved | None:
        """As ``save``, but ``None`` and nothing done where it has to be awaited."""
        if self._visits.saves_inline is None:
            return None
        self._unsaved = False
        return self._taken(self._visits.saves_inline.save(self))

    def _taken(self, saved: Saved) -> Saved:
        self._changeable = self._lent or self._unsaved  # what was set before is saved
        before, self._saved = self._saved, saved
        if before is UNTOUCHED:
            return saved
        if saved.id is not None and saved.id == before.id:
            issued, renewed = before.issued or saved.issued, before.renewed or saved.renewed
            self._saved = saved._replace(issued=issued, renewed=renewed)
        elif before.ended and saved.id is None:
            self._saved = saved._replace(ended=True)
        return self._saved


class Visits:
    """The sessions of an application whose stores are awaited.

    Its views say ``session["key"]``, which cannot be awaited. So what is not in a cookie has to be
    there before, or the event loop has to wait: `LoadMode` tells the ways. By default the loop
    waits for a store on this machine (``capabilities.local``), with a deadline of 0.25 seconds,
    and all others are asked before the application.

    The arguments are those of `Sessions`; ``store`` may be an awaited one.

    >>> from kvcore import DictStore
    >>> Visits(DictStore(), "a secret").mode
    'inline'
    """

    def __init__(
        self,
        store: KeyValueStore | AsyncKeyValueStore,
        ids: Ids | Secret | Sequence[Secret],
        *,
        mode: LoadMode | None = None,
        policy: SessionPolicy | None = None,
        serializer: Serializer | None = None,
        on_event: Callable[[SessionEvent], object] = log,
    ) -> None:
        if mode is not None and mode not in get_args(LoadMode):
            raise ConfigError(f"sessions are loaded {get_args(LoadMode)}, not {mode!r}")
        awaited = async_store(store)
        self.sessions: AsyncSessions = AsyncSessions(
            awaited, ids, policy=policy, serializer=serializer, on_event=on_event
        )
        if mode is None:
            mode = "inline" if awaited.capabilities.local else "eager"
        self.mode: LoadMode = mode
        self._inline = None
        self.load_at_touch: Callable[[Session], None] = self._begin_or_refuse
        """For sessions: somebody touched one that is not loaded."""
        if mode == "inline":
            self._inline = Sessions(
                awaited.blocking.with_deadline(_PATIENCE_SECS),
                self.sessions.ids,
                policy=policy,
                serializer=serializer,
                on_event=on_event,
            )
            self.load_at_touch = self._inline.load

    @cached_property
    def saves_inline(self) -> Sessions | None:
        """Who saves while the event loop waits; ``None`` where that has to be awaited."""
        # To write a file may wait for a disk, which nobody can hurry.
        can = self.sessions.store.capabilities
        return self._inline if can.fast or can.native_async else None

    def open(self, cookie: str | None) -> VisitSession:
        """The session of whoever sent this cookie."""
        return VisitSession(cookie, self)

    async def prepare(self, session: VisitSession) -> None:
        """Load a session before the application, where that is done eagerly.

        A store that fails is told to whoever touches the session, as nobody else needs it.
        """
        if self.mode == "eager" and session._cookie is not None:
            try:
                await self.sessions.load(session)
            except KvcoreError as error:
                session._load = _raising(error)

    def _begin_or_refuse(self, session: Session) -> None:
        if not self.sessions.begin(session):
            raise SessionNotLoaded(
                "this session is not loaded yet: `await request.session.load()` before the first"
                " touch (with FastAPI: SessionDep), or have it loaded eagerly"
            )

    async def load(self, session: VisitSession) -> None:
        """For sessions: read one."""
        if self._inline is not None:
            self._inline.load(session)
        else:
            await self.sessions.load(session)


def _raising(error: KvcoreError) -> Callable[[Session], None]:
    def raise_it(_: Session) -> None:
        raise error

    return raise_it
