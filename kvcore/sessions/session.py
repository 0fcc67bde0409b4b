"""`Session`: what a view holds. It is read from the store when it is first touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Self
from uuid import UUID

from kvcore.errors import SessionTooLate, SessionUnavailable, StoreError
from kvcore.sessions.policy import SessionPolicy
from kvcore.sessions.shelf import Found

_UNCHANGING = frozenset({str, int, float, bool, type(None), bytes, datetime, UUID})


class Stored(NamedTuple):
    """Where a session lies."""

    id: str | None
    """What the cookie carries; ``None`` if it led here from before: another is on its way."""
    found: Found
    watched: dict[str, object] | None = None
    """What `watched_in` said of the stored content."""


def watched_in(content: dict[str, Any], policy: SessionPolicy) -> dict[str, object] | None:
    """`SessionPolicy.watched`; ``None`` if it may change without a trace, as a list does."""
    watched = policy.watched(content)
    is_fixed = not watched or _UNCHANGING.issuperset(map(type, watched.values()))
    return watched if is_fixed else None


class Wishes(NamedTuple):
    """What is to become of a session beside its content, once it is saved."""

    cleared: bool = False
    destroyed: bool = False
    regenerate: bool = False
    grace_secs: float = 0.0
    id: str | None = None
    """That of a new session; by default one that nobody can guess."""


_NO_WISHES = Wishes()


class Session(MutableMapping[str, Any]):
    """What belongs to one visitor: text keys, and values that the serializer knows.

    Used as a dict. The first touch (``in``, ``len`` and iteration count) reads it from the store;
    saving writes it if its content changed, however deep. Not shared between threads: each
    request has its own.
    """

    accessed = False  # Flask sets it when it hands the session out; a touch is another thing
    literal: ClassVar[bool] = False
    """Whether it is saved as told, even if it is empty or nothing changed: `LiteralSession`."""

    # What most sessions begin and end with costs nothing for each of them.
    _content: dict[str, Any] | None = None
    _stored: Stored | None = None
    _touched = False
    _changeable = False  # whether something may have changed since it was loaded
    _lent = False  # whether it may change without our knowledge
    _unsaved = False  # whether something was set since a save began
    _wishes = _NO_WISHES
    _failure: StoreError | None = None
    _sealed = False

    def __init__(self, cookie: str | None, load: Callable[[Session], None]) -> None:
        self._cookie = cookie  # as it came, not checked yet
        self._load = load
        self._notes: dict[str, str] = {}

    # What is set by who loads and saves

    def _begin(self, failure: StoreError | None = None) -> None:
        """Nothing is stored for this visitor, or nobody can tell."""
        self._hold({})
        self._stored = None
        self._failure = failure

    def _hold(self, content: dict[str, Any]) -> None:
        self._content = content

    def _adopt(
        self, stored: Stored, content: dict[str, Any], notes: dict[str, str] | None = None
    ) -> None:
        """This is what was found in the store, or has just been saved there, with these notes."""
        if content is not self._content:
            self._hold(content)
        self._stored = stored
        mine, found = self._notes, stored.found.record.notes
        if mine != found and (notes is None or mine == notes):  # else more was noted meanwhile
            mine.clear()  # whoever has them goes on with them
            mine.update(found)

    def _settle(
        self, stored: Stored, content: dict[str, Any], notes: dict[str, str], wishes: Wishes
    ) -> None:
        """These wishes are fulfilled, and what was saved is this."""
        self._adopt(stored, content, notes)
        self._fulfil(wishes)

    def _fulfil(self, wishes: Wishes) -> None:
        if self._wishes is wishes:  # else more was wished for while they were
            self._wishes = _NO_WISHES

    def _wish(self, **wishes: Any) -> None:  # the fields of `Wishes`
        self._wishes = self._wishes._replace(**wishes)

    def _ready(self) -> dict[str, Any]:
        self._touched = True
        content = self._content
        if content is None:
            self._load(self)
            content = self._content
            assert content is not None
        return content

    def _writable(self) -> dict[str, Any]:
        content = self._ready()
        if self._failure is not None:
            raise SessionUnavailable(
                "the store of the sessions failed, so nothing can be kept in this one; try again"
            ) from self._failure
        self._changeable = self._unsaved = True
        return content

    def _check_not_sealed(self) -> None:
        if self._sealed:
            raise SessionTooLate(
                "the response has begun, and this needs a cookie that cannot be sent any more:"
                " begin a session, log in and regenerate() before"
            )

    def _lend(self, value: Any) -> Any:  # noqa: ANN401  # whatever was stored
        """What is given out may be changed out there, unless it is of a type that cannot."""
        if type(value) not in _UNCHANGING:
            self._changeable = self._lent = True
        return value

    # What it knows of itself

    @property
    def touched(self) -> bool:
        """Whether the response depends on the session: then it says ``Vary: Cookie``."""
        return self._touched

    @property
    def loaded(self) -> bool:
        """Whether it was read from the store; to ask is no touch."""
        return self._content is not None

    @property
    def new(self) -> bool:
        """Whether nothing is stored for this visitor yet. Reads the session."""
        self._ready()
        return self._stored is None

    @property
    def available(self) -> bool:
        """Whether the store could be asked; else the session is empty and takes nothing."""
        self._ready()
        return self._failure is None

    @property
    def modified(self) -> bool:
        """Whether something was set, or something changeable was given out; asking is no touch.

        Setting it is not needed: what is saved is told by the content.
        """
        return self._changeable

    @modified.setter
    def modified(self, value: bool) -> None:
        if value:
            self._writable()

    @property
    def handle(self) -> str | None:
        """What lists and events call this session; ``None`` until it is saved. Not its id."""
        self._ready()
        return None if self._stored is None else self._stored.found.handle

    @property
    def notes(self) -> dict[str, str]:
        """Text to show in a list of sessions, such as ``{"browser": "Firefox on Linux"}``.

        Saved with the session; change it freely. Not part of the content.
        """
        self._ready()
        self._changeable = self._lent = True
        return self._notes

    # What ends or renames it

    def seal(self) -> None:
        """No cookie can be sent from now on: what would need one raises `SessionTooLate`.

        A session that its visitor has the cookie of still takes values, and can be ended.
        """
        self._sealed = True

    def clear(self) -> None:
        """Forget everything, also what other requests are writing at this moment."""
        self._writable().clear()
        self._wish(cleared=True)

    def destroy(self) -> None:
        """End the session: its id is dead, and so is whatever other requests write to it.

        What is set afterwards begins a new session, under a new id.
        """
        self.clear()
        self._notes.clear()
        self._wish(destroyed=True)

    def regenerate(self, *, grace_secs: float = 0.0) -> None:
        """Go on under another id; the old one is dead as soon as the new one is saved.

        For ``grace_secs`` it still leads to the session, for requests that were under way with
        it. When who is logged in changes, there is no grace.
        """
        self._writable()
        self._check_not_sealed()
        self._wish(regenerate=True, grace_secs=grace_secs)

    # The mapping

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  # whatever was stored
        value = self._ready()[key]
        return value if type(value) in _UNCHANGING else self._lend(value)

    def __setitem__(self, key: str, value: object) -> None:
        content = self._writable()
        if self._stored is None:
            self._check_not_sealed()
        if type(value) not in _UNCHANGING:
            self._lent = True  # whoever set it still has it
        content[key] = value

    def __delitem__(self, key: str) -> None:
        del self._writable()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._ready()

    def __iter__(self) -> Iterator[str]:
        return iter(self._ready())

    def __len__(self) -> int:
        return len(self._ready())

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401  # as that of dicts
        """The value, or the default."""
        return self._lend(self._ready().get(key, default))

    def popitem(self) -> tuple[str, Any]:
        """The key that was set last, and its value, as of dicts; ``KeyError`` if there is none."""
        content = self._ready()
        if not content:
            raise KeyError("the session is empty")
        key = next(reversed(content))
        return key, self.pop(key)

    def copy(self) -> dict[str, Any]:
        """The content as a dict of its own."""
        return dict(self.items())

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._ready())

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self}

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self.update(other)
        return self

    def __repr__(self) -> str:
        if self._content is None:
            return f"<{type(self).__name__} not loaded>"
        state = "new" if self._stored is None else "stored"
        return f"<{type(self).__name__} {state}, {len(self._content)} keys>"
