"""`FaultyStore`: a store that fails now and then, so that an application can be tried on it."""

from __future__ import annotations

import io
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import (
    IO,
    TYPE_CHECKING,
    Concatenate,
    Literal,
    NamedTuple,
    ParamSpec,
    TypeAlias,
    TypeVar,
)

from kvcore.contract import Fetched, KeyValueStore, Reader, Stat, WriteOptions, Writer
from kvcore.decorators.base import InnerWriter, StoreDecorator
from kvcore.errors import StoreError, StoreTimeout

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_P = ParamSpec("_P")
_T = TypeVar("_T")

Kind: TypeAlias = Literal["error", "timeout", "late error", "delay", "short read"]

_WITH_EFFECT = frozenset(
    {"put", "put_file", "commit", "delete", "copy", "move", "touch", "increment"}
)
_VERBS = _WITH_EFFECT | {
    *("get", "fetch", "get_range", "open", "read", "in", "stat", "open_write", "write"),
    *("iter_keys", "iter_prefixes", "iter_stats", "url_for", "local_path", "sweep"),
    *("presign_put", "presign_post"),
}
# By which of its entries a decorator calls the inner store: a verb, or what checks for one.
_ENTRIES: Mapping[str, str] = {
    "__contains__": "in",
    "_checked_open_write": "open_write",
    "_checked_put": "put",
    "_checked_put_file": "put_file",
    "_checked_url_for": "url_for",
    "_checked_presign_put": "presign_put",
    "_checked_presign_post": "presign_post",
}
_MESSAGES: Mapping[str, str] = {
    "error": "an injected error: nothing was done",
    "timeout": "an injected time-out: nothing was done",
    "late error": "an injected time-out: what was asked was done",
}


class Fault(NamedTuple):
    """One fault that a `FaultyStore` injected."""

    kind: Kind
    verb: str
    key: str | None


class FaultyStore(StoreDecorator):
    """Does what the inner store does, but fails at times; the same times for the same ``seed``.

    Each rate is a probability from 0 to 1, drawn for every call:

    * ``errors``: a `StoreError` instead of doing anything; from a reader or a listing half way.
    * ``timeouts``: a `StoreTimeout` instead of doing anything.
    * ``late_errors``: a `StoreTimeout` after a writing verb has taken effect. The caller cannot
      tell it from the one before; only a retry that may be done twice survives both.
    * ``delays``: up to ``max_delay_secs`` of ``sleep`` before the call.
    * ``short_reads``: the raw stream of ``open`` gives fewer bytes than asked for.

    `fail_next` injects one fault exactly. ``injected`` lists what was injected. Verbs for many
    keys work one by one, so that they fail in part. Keys and options are checked before: bad
    input meets no fault.

    >>> from kvcore import DictStore
    >>> store = FaultyStore(DictStore(), seed=7, errors=0.5)
    >>> outcomes = []
    >>> for number in range(4):
    ...     try:
    ...         outcomes.append(store.put(f"key{number}", b"value"))
    ...     except StoreError:
    ...         outcomes.append("failed")
    >>> outcomes
    ['key0', 'failed', 'failed', 'failed']
    """

    def __init__(
        self,
        store: KeyValueStore,
        *,
        seed: int = 0,
        errors: float = 0.0,
        timeouts: float = 0.0,
        late_errors: float = 0.0,
        delays: float = 0.0,
        max_delay_secs: float = 0.05,
        short_reads: float = 0.0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(store)
        self._rates: dict[Kind, float] = {
            "error": errors,
            "timeout": timeouts,
            "late error": late_errors,
            "delay": delays,
            "short read": short_reads,
        }
        for kind, rate in self._rates.items():
            if not 0 <= rate <= 1:
                raise ValueError(f"the rate of {kind}s is from 0 to 1, not {rate!r}")
        self._random = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
        self._max_delay_secs = max_delay_secs
        self._sleep = sleep
        self._planned: dict[str, deque[Kind]] = {}
        self.injected: list[Fault] = []

    def fail_next(self, verb: str, kind: Kind = "error", times: int = 1) -> None:
        """Have the next ``times`` calls of ``verb`` fail so, whatever the rates are.

        ``verb`` is the name of a verb for one key (``"put"``, ``"get"``, ``"open"``, …), of a
        listing, or ``"read"``, ``"write"`` and ``"commit"`` of readers and writers; ``"put_file"``
        is all that takes a file.

        >>> from kvcore import DictStore
        >>> store = FaultyStore(DictStore())
        >>> store.fail_next("put", "late error")
        >>> store.put("key", b"value")
        Traceback (most recent call last):
            ...
        kvcore.errors.StoreTimeout: an injected time-out: what was asked was done (key 'key' ...)
        >>> store.get("key")
        b'value'
        """
        if verb not in _VERBS:
            raise ValueError(f"there is no verb {verb!r}; there are {', '.join(sorted(_VERBS))}")
        if kind == "late error" and verb not in _WITH_EFFECT:
            raise ValueError(f"{verb} has no effect that could be there in spite of an error")
        self._planned.setdefault(verb, deque()).extend([kind] * times)

    def _draw(self, verb: str, key: str | None) -> Kind | None:
        """Which error this call is to meet; it also delays the call."""
        # Always as many draws, so that one rate does not move the faults of another.
        delay, length, fate = (self._random.random() for _ in range(3))
        planned = self._planned.get(verb)
        kind = planned.popleft() if planned else None
        if kind == "delay" or delay < self._rates["delay"]:
            self._note("delay", verb, key)
            self._sleep(length * self._max_delay_secs)
        if kind is not None:
            return kind
        drawable: tuple[Kind, ...] = ("error", "timeout", "late error")
        for kind in drawable if verb in _WITH_EFFECT else drawable[:2]:
            if fate < self._rates[kind]:
                return kind
            fate -= self._rates[kind]
        return None

    def _note(self, kind: Kind, verb: str, key: str | None) -> None:
        self.injected.append(Fault(kind, verb, key))

    def _error(self, kind: Kind, verb: str, key: str | None) -> StoreError:
        self._note(kind, verb, key)
        error = StoreError if kind == "error" else StoreTimeout
        return error(_MESSAGES[kind], key=key, store=self)

    def _try(self, verb: str, key: str | None, call: Callable[[], _T]) -> _T:
        kind = self._draw(verb, key)
        if kind in ("error", "timeout"):
            raise self._error(kind, verb, key)
        result = call()
        if kind == "late error":
            raise self._error(kind, verb, key)
        return result

    def _listing(self, verb: str, call: Callable[[], Iterator[_T]]) -> Iterator[_T]:
        """A listing that fails at its start or after a few items."""
        kind = self._draw(verb, None)
        after = self._random.randrange(5)
        for number, item in enumerate(call()):
            if kind in ("error", "timeout") and number == after:
                break
            yield item
        if kind in ("error", "timeout"):
            raise self._error(kind, verb, None)

    def _is_short(self) -> bool:
        return self._random.random() < self._rates["short read"]

    def _through(
        self,
        verb: Callable[Concatenate[str, _P], _T],
        key: str,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        name = getattr(verb, "__name__", "")
        call = partial(super()._through, verb, key, *args, **kwargs)
        return self._try(_ENTRIES.get(name, name), key, call)

    def _get(self, key: str) -> bytes:
        return self._through(self._inner.get, key)

    def _open(self, key: str) -> Reader:
        inner = super()._open(key)
        return Reader(_FaultyRaw(self, key, inner), inner.stat)

    # Through _open, so that they fail half way, as a download does.

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        KeyValueStore._get_file(self, key, file)

    def _get_filename(self, key: str, path: str) -> None:
        KeyValueStore._get_filename(self, key, path)

    def _advice(self, key: str) -> str | None:
        return self._try("advice", key, partial(super()._advice, key))

    def _sweep(self, older_than_secs: float) -> int | None:
        return self._try("sweep", None, partial(super()._sweep, older_than_secs))

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        opening = partial(super()._open_write, key, options)
        inner = self._try("open_write", None, opening) if key is None else opening()
        return _FaultyWriter(self, key, inner)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the keys that begin with ``prefix``."""
        return self._listing("iter_keys", partial(self._inner.iter_keys, prefix))

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        listing = partial(self._inner.iter_prefixes, delimiter, prefix)
        return self._listing("iter_prefixes", listing)

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._listing("iter_stats", partial(self._inner.iter_stats, prefix))

    def _iter_sizes(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return KeyValueStore._iter_sizes(self, prefix)

    # One by one, each with its own faults.

    def _fetch_many(self, keys: Iterable[str]) -> dict[str, Fetched]:
        return KeyValueStore._fetch_many(self, keys)

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        KeyValueStore._put_each(self, items)

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return KeyValueStore._get_many(self, keys)

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        KeyValueStore._put_many(self, items, options)

    def _delete_many(self, keys: Iterable[str]) -> None:
        KeyValueStore._delete_many(self, keys)

    def _arguments(self) -> str:
        rates = [f"{kind}s={rate:g}" for kind, rate in self._rates.items() if rate]
        return f"{', '.join(rates)} " if rates else ""


class _FaultyRaw(io.RawIOBase):
    """The raw stream below a reader: short and failing reads."""

    def __init__(self, store: FaultyStore, key: str, inner: Reader) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._inner = inner

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        store = self._store
        if len(view) > 1 and store._is_short():
            store._note("short read", "read", self._key)
            view = view[: store._random.randrange(1, len(view))]
        return store._try("read", self._key, partial(self._inner.readinto, view))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._inner.close()


class _FaultyWriter(InnerWriter):
    """A writer of the inner store that fails at times."""

    _store: FaultyStore

    def _write(self, block: bytes) -> None:
        self._store._try("write", self.key, partial(super()._write, block))

    def _commit(self, key: str) -> None:
        try:
            self._store._try("commit", key, partial(super()._commit, key))
        finally:
            self._inner.abort()
