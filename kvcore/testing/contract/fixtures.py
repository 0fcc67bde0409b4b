"""What an author provides for the suite, and the small tools that its tests share."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from kvcore.contract import KeyValueStore, Reader
from kvcore.errors import StoreError, Unsupported
from kvcore.testing.clock import Clock

_T = TypeVar("_T")
_Test = TypeVar("_Test", bound=Callable[..., None])
_JOIN_SECS = 60


class StoreFixtures:
    """The author's side: a ``store`` fixture; everything else has a default."""

    max_value_bytes: int | None = None
    """The largest value that the store takes; ``None``: more than the kit tries."""
    many_keys: int = 50
    """How many keys a long listing has: more than a page, for a store that lists in pages."""
    increments: bool = True
    """Whether ``increment`` works; ``False`` for a store that swaps and yet refuses to count."""
    overtaken_readers_end: bool = False
    """Whether a reader of a large value ends in a `StoreError` once the value is replaced or
    deleted: for a store that keeps no old versions."""
    pickles: bool = True
    """Whether the store can be sent to another process."""
    secrets: tuple[str, ...] = ()
    """Texts that the store was built with and must never show."""

    @pytest.fixture
    def store(self) -> KeyValueStore:
        """An empty store."""
        raise NotImplementedError("a subclass of StoreContract has a fixture `store`")

    @pytest.fixture
    def clock(self) -> Clock:
        """What times the expiry of the store: ``Clock``, given to it by the ``store`` fixture.

        A store whose clock nobody can move gets a ``WaitingClock`` here.
        """
        return Clock()

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder of the caller's, apart from those in ``tmp_path`` where a store may live."""
        folder = tmp_path / "callers-own"
        folder.mkdir()
        return folder

    def reopen(self, store: KeyValueStore) -> KeyValueStore:
        """Another handle on the same data, such as a second process would open."""
        return store

    def plant(self, store: KeyValueStore, name: str, data: bytes) -> None:
        """Put an entry past the store, if there is a way: a foreign file, a row, an object.

        ``name`` may be no legal key. What the place itself does not take, leave out.
        """

    def fill(self, store: KeyValueStore, key: str, data: bytes, **options: Any) -> None:
        """Put a value that is then read; for stores that do not write, by another way."""
        store.put(key, data, **options)

    def rest_of(self, reader: Reader) -> bytes | None:
        """What is left to be read; ``None`` if the reader was overtaken, where that may be."""
        try:
            return reader.read()
        except StoreError:
            if not self.overtaken_readers_end:
                raise
            return None

    def sizes(self) -> list[int]:
        """Sizes at which something may break: blocks, spools, parts."""
        sizes = [0, 1, 65535, 65536, 65537, 1024 * 1024 + 1]
        if self.max_value_bytes is not None:
            sizes = sorted({*filter(self.fits, sizes), min(self.max_value_bytes, sizes[-1])})
        return sizes

    def fits(self, size: int) -> bool:
        """Whether the store takes a value of this size."""
        return self.max_value_bytes is None or size <= self.max_value_bytes

    @property
    def large(self) -> bytes:
        """A value of more than a block, or as large as the store takes."""
        return blob(self.sizes()[-1])


def blob(size: int, seed: int = 0) -> bytes:
    """``size`` bytes without a short period; another ``seed`` gives others."""
    pattern = b"".join((number * 2654435761 + seed).to_bytes(8, "big") for number in range(257))
    return (pattern * (size // len(pattern) + 1))[:size]


def contents(store: KeyValueStore) -> dict[str, bytes]:
    """All that is in a (small) store, for a comparison; nothing if it cannot list."""
    return {key: store.get(key) for key in store} if store.capabilities.list else {}


@contextmanager
def unchanged(store: KeyValueStore) -> Iterator[None]:
    """A block after which the store holds what it held before."""
    before = contents(store)
    yield
    assert contents(store) == before


@contextmanager
def declared(store: KeyValueStore, *capabilities: str) -> Iterator[None]:
    """A block whose first verb needs ``capabilities``.

    Of a store that declares them the block must hold; of any other its first verb must raise
    `Unsupported` and change nothing.
    """
    if all(getattr(store.capabilities, name) for name in capabilities):
        yield
        return
    with unchanged(store), pytest.raises(Unsupported):
        yield


def for_each(cases: Mapping[str, Any], *, anew: bool = False) -> Callable[[_Test], _Test]:
    """Have a test run for each of ``cases``, given as its last argument; ``anew``: emptied before.

    One test for all of them, where pytest's parametrisation costs more than the work: this suite
    runs on many stores. A failure notes its case.
    """

    def decorate(test: _Test) -> _Test:
        *fixtures, last = inspect.signature(test).parameters.values()

        @wraps(test)
        def run(self: StoreFixtures, **given: Any) -> None:
            for name, case in cases.items():
                if anew:
                    empty(given["store"])
                try:
                    test(self, **given, **{last.name: case})
                except BaseException as error:
                    error.add_note(f"in the case {name!r}")
                    raise

        run.__signature__ = inspect.Signature(fixtures)  # type: ignore[attr-defined]
        return cast("_Test", run)

    return decorate


def empty(store: KeyValueStore) -> None:
    """Remove what tests put."""
    usual = ["key", "new", "other", "source", "dest", "bystander"]
    store.delete_many(store.keys() if store.capabilities.list else usual)


def raised(function: Callable[..., object], *args: Any, **kwargs: Any) -> BaseException | None:
    """What a call raises, or ``None``."""
    try:
        function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # the caller asserts which
        return error
    return None


def in_threads(count: int, function: Callable[[int], _T]) -> list[_T]:
    """``function(number)`` in ``count`` threads that start at once; what each returned.

    An error in any of them is raised here.
    """
    results: dict[int, _T] = {}
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait(_JOIN_SECS)
            results[number] = function(number)
        except BaseException as error:  # noqa: BLE001  # raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=[n], daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_JOIN_SECS)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]
    return [results[number] for number in range(count)]
