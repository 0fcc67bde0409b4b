"""Every error that kvcore raises, as one tree.

::

    KvcoreError
    ├── KeyNotFound            (KeyError)          no value under this key
    ├── InvalidKey             (ValueError)        the key is not in the store's key space
    ├── InvalidValue           (TypeError, OSError)  the value is not bytes
    ├── PreconditionFailed                         if_present or if_match did not hold
    │   └── KeyExists          (FileExistsError)   if_absent did not hold, or `a` bars `a/b`
    ├── Unsupported            (NotImplementedError)  this store cannot do that
    │   └── ReadOnly           (AttributeError)    this store does not write
    ├── StoreError             (OSError)           the storage itself failed
    │   ├── StoreTimeout       (TimeoutError)      it did not answer in time
    │   └── PartialFailure                         keys of a many-verb failed
    ├── UploadRefused          (ValueError)        an upload breaks a rule; nothing was stored
    │   ├── UploadTooLarge                         it has more than max_bytes
    │   └── UploadTypeRefused                      its bytes are of a type that is not wanted
    ├── SessionError                               a session cannot do what was asked
    │   ├── SessionTooLarge    (ValueError)        it would have more than max_bytes
    │   ├── SessionNotSerializable (TypeError)     it holds what cannot be stored
    │   ├── SessionNotLoaded   (RuntimeError)      its load has to be awaited first
    │   ├── SessionTooLate     (RuntimeError)      its cookie cannot be sent any more
    │   └── SessionUnavailable (StoreError)        its store failed, so it takes nothing
    ├── VerificationError                          a value was changed behind our back
    ├── ConfigError            (ValueError)        a URL, option or settings entry is wrong
    └── MissingDependency      (ImportError)       an optional library is not installed

Errors of the storage are ours, raised ``from`` the client's. Errors of the caller's own file or
stream (a source that raises half way, a path that cannot be opened) are passed on as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from kvcore.contract.values import Fetched

    class _Where(TypedDict, total=False):
        """What every error takes; one that tells more takes that, and hands these on."""

        key: str | None
        store: object


class KvcoreError(Exception):
    """Base of all errors of kvcore.

    ``message`` says what happened and what to do; ``key`` names the key as the caller gave it
    (``None`` where no single key is concerned) and ``store`` shows the store, never its secrets.
    Errors pickle; a pickled one keeps the store's text, not the store.
    """

    def __init__(self, message: str = "", *, key: str | None = None, store: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.key = key
        # The store itself, not its text: most KeyNotFound are caught and never printed.
        self._store = store

    @property
    def store(self) -> str | None:
        """The store's ``repr``, which holds no secret."""
        if self._store is None or isinstance(self._store, str):
            return self._store
        return repr(self._store)

    def is_told_by(self, store: object) -> bool:
        """Whether this is an error of that very store, or of none in particular."""
        return self._store is None or self._store is store

    def seen_from(self, store: object, key: str | None) -> None:
        """Retell the error in the words of an outer store, which knows the value by ``key``."""
        self._store, self.key = store, key

    def __str__(self) -> str:
        where = [f"key {self.key!r}"] if self.key is not None else []
        if self.store is not None:
            where.append(f"in {self.store}")
        message = self.message or _DEFAULTS.get(type(self), "")
        return f"{message} ({' '.join(where)})" if where else message

    def __reduce__(self) -> tuple[Any, ...]:
        state = {**self.__dict__, "_store": self.store}
        return _rebuild, (type(self), self.message), state


def _rebuild(cls: type[KvcoreError], message: str) -> KvcoreError:
    return cls(message)


class KeyNotFound(KvcoreError, KeyError):
    """There is no value under this key."""


class InvalidKey(KvcoreError, ValueError):
    """The key is not in the store's key space; the message names the rule."""


class InvalidValue(KvcoreError, TypeError, OSError):
    """The value is not bytes-like. (An ``OSError`` too, as in minimalkv.)"""


class PreconditionFailed(KvcoreError):
    """A condition did not hold; nothing was changed.

    ``current`` is the value found instead, where the store gives it for free, so that a merge
    needs no further read; else ``None``.
    """

    def __init__(
        self, message: str = "", *, current: Fetched | None = None, **where: Unpack[_Where]
    ) -> None:
        super().__init__(message, **where)
        self.current = current


class KeyExists(PreconditionFailed, FileExistsError):
    """``if_absent`` was asked and a value is there, or a key bars the way of a longer one."""


class Unsupported(KvcoreError, NotImplementedError):
    """This store cannot do what was asked. Raised before anything happens."""


class ReadOnly(Unsupported, AttributeError):
    """This store does not write. (An ``AttributeError`` too, as in minimalkv.)"""


class StoreError(KvcoreError, OSError):
    """The storage failed: disk, network, permission, server."""


class StoreTimeout(StoreError, TimeoutError):
    """The storage did not answer within its deadline. A write may have taken effect."""


class PartialFailure(StoreError):
    """Keys of a many-verb failed: those in ``errors``. All others were done."""

    def __init__(
        self,
        message: str = "",
        *,
        errors: Mapping[str, KvcoreError] | None = None,
        **where: Unpack[_Where],
    ) -> None:
        super().__init__(message, **where)
        self.errors: dict[str, KvcoreError] = dict(errors or {})


class UploadRefused(KvcoreError, ValueError):
    """An upload breaks a rule. Nothing was stored."""


class UploadTooLarge(UploadRefused):
    """The upload has more than ``max_bytes`` bytes; how many more is not known."""

    def __init__(
        self, message: str = "", *, max_bytes: int | None = None, **where: Unpack[_Where]
    ) -> None:
        super().__init__(message, **where)
        self.max_bytes = max_bytes


class UploadTypeRefused(UploadRefused):
    """The upload is of ``content_type``, as its bytes tell, and that is not wanted here."""

    def __init__(
        self, message: str = "", *, content_type: str | None = None, **where: Unpack[_Where]
    ) -> None:
        super().__init__(message, **where)
        self.content_type = content_type


class SessionError(KvcoreError):
    """A session cannot do what was asked."""


class SessionTooLarge(SessionError, ValueError):
    """The session would have more than ``max_bytes`` bytes. It was not saved."""

    def __init__(
        self, message: str = "", *, max_bytes: int | None = None, **where: Unpack[_Where]
    ) -> None:
        super().__init__(message, **where)
        self.max_bytes = max_bytes


class SessionNotSerializable(SessionError, TypeError):
    """The session holds a value of a type that cannot be stored. It was not saved."""


class SessionNotLoaded(SessionError, RuntimeError):
    """The session was used before its load was awaited."""


class SessionTooLate(SessionError, RuntimeError):
    """The session needs a cookie that cannot be sent any more: its response has begun."""


class SessionUnavailable(SessionError, StoreError):
    """The store could not be asked for the session, so it looks empty and takes nothing."""


class VerificationError(KvcoreError):
    """A stored value does not carry a valid signature: do not use it."""


class ConfigError(KvcoreError, ValueError):
    """A store URL, an option or a settings entry is wrong; the message names the nearest right."""


class MissingDependency(KvcoreError, ImportError):
    """An optional library is not installed; the message names the extra that brings it."""


_DEFAULTS: dict[type[KvcoreError], str] = {
    KeyNotFound: "there is no value under this key",
    InvalidKey: "this key is not allowed here",
    PreconditionFailed: "the value is not the expected one; nothing was changed",
    KeyExists: "there is a value under this key already; nothing was changed",
    Unsupported: "this store cannot do that",
    ReadOnly: "this store is read-only",
    StoreError: "the storage failed",
    StoreTimeout: "the storage did not answer in time; a write may have taken effect",
    PartialFailure: "some keys failed, see .errors",
    VerificationError: "the stored value does not carry a valid signature; do not use it",
}
