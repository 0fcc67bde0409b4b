"""Which stacks are awaited without threads, and that they say the same as in the other world."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from kvcore import (
    AsyncStore,
    Capabilities,
    DictStore,
    HashDecorator,
    HMACDecorator,
    KeyTransformingDecorator,
    KeyValueStore,
    KvcoreError,
    MissingDependency,
    PartialFailure,
    PrefixDecorator,
    RandomIdDecorator,
    ReadOnlyDecorator,
    StoreDecorator,
    StoreError,
    URLEncodeKeysDecorator,
    UUIDDecorator,
    async_store,
)
from kvcore.aio.native import NativeStore
from kvcore.testing import BlockingStore
from tests.aio.remote import RemoteStore
from tests.aio.test_processes import python
from tests.contract.stacks import SECRET

Around = Callable[[KeyValueStore], KeyValueStore]

OURS: dict[str, Around] = {
    "nothing": lambda store: store,
    "plain": StoreDecorator,
    "prefix": lambda store: PrefixDecorator("a-", store),
    "urlencode": URLEncodeKeysDecorator,
    "hmac": lambda store: HMACDecorator(SECRET, store),
    "legacy hmac": lambda store: HMACDecorator(SECRET, store, legacy=True),
    "readonly": ReadOnlyDecorator,
    "random id": RandomIdDecorator,
    "uuid": UUIDDecorator,
    "hash": HashDecorator,
    "deep": lambda store: UUIDDecorator(
        URLEncodeKeysDecorator(HMACDecorator(SECRET, PrefixDecorator("b-", store)))
    ),
    "deep, readonly": lambda store: PrefixDecorator(
        "a-", HMACDecorator(SECRET, ReadOnlyDecorator(store))
    ),
}


@pytest.mark.parametrize("around", OURS.values(), ids=OURS)
def test_our_decorators_stay_native_over_a_native_store(around: Around) -> None:
    """The capabilities say so, and `async_store` makes that form; over other stores neither."""
    over_native, over_other = around(RemoteStore()), around(DictStore())
    assert over_native.capabilities.native_async
    assert type(async_store(over_native)) is NativeStore
    assert not over_other.capabilities.native_async
    assert type(async_store(over_other)) is AsyncStore


class Locking(StoreDecorator):
    """One reader at a time: in one thread, the second would stop the first for ever."""

    def __init__(self, store: KeyValueStore) -> None:
        super().__init__(store)
        self._lock = threading.Lock()

    def _get(self, key: str) -> bytes:
        with self._lock:
            return super()._get(key)


class Counted:
    """A mixin of other authors."""

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return super().get_many(keys)  # type: ignore[misc, no-any-return]


class CountedPrefix(Counted, PrefixDecorator):
    pass


class LockingPrefix(PrefixDecorator):
    def _delete(self, key: str) -> None:
        super()._delete(key)


class BelowLocking(Locking):
    """Inherits what does not say that it may wait."""

    _native_async = True


class Capable(StoreDecorator):
    @property
    def capabilities(self) -> Capabilities:
        return super().capabilities


OTHERS: dict[str, Around] = {
    "says nothing": Locking,
    "inherits from one that says nothing": BelowLocking,
    "has capabilities of its own": Capable,
    "redefines a hook of ours": lambda store: LockingPrefix("a-", store),
    "redefines a verb by a mixin": lambda store: CountedPrefix("a-", store),
    "inside": lambda store: PrefixDecorator("a-", Locking(store)),
    "outside": lambda store: Locking(HMACDecorator(SECRET, store)),
}


@pytest.mark.parametrize("around", OTHERS.values(), ids=OTHERS)
def test_a_decorator_that_does_not_say_that_it_may_wait_gets_threads(around: Around) -> None:
    """It works as its author knows it, with other tasks at the same time."""
    inner = RemoteStore()
    stack = around(inner)
    assert not stack.capabilities.native_async
    store = async_store(stack)
    assert type(store) is AsyncStore

    async def main() -> None:
        await store.put("key", b"value")
        assert set(await asyncio.gather(*(store.get("key") for _ in range(20)))) == {b"value"}
        await store.delete("key")
        await store.aclose()

    asyncio.run(main())
    assert inner.awaited == []


class Shouting(KeyTransformingDecorator):
    """Only pure functions of keys: nothing that could wait or block."""

    def _map_key(self, key: str) -> str:
        return key.upper()

    _map_key_prefix = _map_key

    def _unmap_key(self, key: str) -> str:
        return key.lower()

    def _outer_space(self, inside: Any) -> Any:
        return inside


class Logging(StoreDecorator):
    """Says for its own methods that they may wait."""

    _native_async = True

    def _get(self, key: str) -> bytes:
        return super()._get(key) + b" (logged)"


def test_a_decorator_of_others_can_be_native() -> None:
    """By declaring it, or by redefining no hook; it is never passed by."""
    inner = RemoteStore()
    store = async_store(Logging(Shouting(inner)))
    assert type(store) is NativeStore

    async def main() -> None:
        await store.put("key", b"value")
        assert await store.get("key") == b"value (logged)"
        assert await store.keys() == ["key"]

    asyncio.run(main())
    assert inner.d == {"KEY": b"value"}
    assert inner.blocking == []


# The same words in both worlds

WRONG: dict[str, Callable[[Any], object]] = {
    "get": lambda store: store.get("missing"),
    "get: key": lambda store: store.get("a\nb\x00"),
    "fetch": lambda store: store.fetch("missing"),
    "get_range": lambda store: store.get_range("missing", 0, 1),
    "get_range: negative": lambda store: store.get_range("key", -1),
    "open": lambda store: store.open("missing"),
    "stat": lambda store: store.stat("missing"),
    "put: text": lambda store: store.put("key", "text"),
    "put: key": lambda store: store.put("", b""),
    "put: ttl": lambda store: store.put("key", b"", 0),
    "put: conditions": lambda store: store.put("key", b"", if_absent=True, if_present=True),
    "put: if_absent": lambda store: store.put("key", b"new", if_absent=True),
    "put: if_present": lambda store: store.put("missing", b"new", if_present=True),
    "put: if_match": lambda store: store.put("key", b"new", if_match="other"),
    "put_many": lambda store: store.put_many({"key": b"1", "": b"2"}),
    "delete: if_match": lambda store: store.delete("key", if_match="other"),
    "delete_many": lambda store: store.delete_many("key"),
    "copy": lambda store: store.copy("missing", "copy"),
    "move": lambda store: store.move("key", "key", if_absent=True),
    "touch": lambda store: store.touch("missing", 60),
    "increment": lambda store: store.increment("key"),
    "increment: by": lambda store: store.increment("key", 1.5),
    "get_many": lambda store: store.get_many("key"),
    "url_for": lambda store: store.url_for("key"),
    "presign_put": lambda store: store.presign_put("key"),
    "presign_post": lambda store: store.presign_post("key", 1),
    "local_path": lambda store: store.local_path("key"),
}


def told(store: Any, call: Callable[[Any], object]) -> dict[str, object]:
    """What a call raises, in all its parts."""
    try:
        call(store)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is compared
        current = getattr(error, "current", None)
        return {
            "type": type(error),
            "text": str(error).replace(repr(store), "STORE"),
            "key": getattr(error, "key", None),
            "current": None if current is None else current.data,
            "cause": type(error.__cause__),
        }
    raise AssertionError("nothing was raised")


class Awaiting:
    """Runs each verb of the native form in an event loop of its own."""

    def __init__(self, store: KeyValueStore) -> None:
        self._store = async_store(store)
        self._name = repr(store)

    def __getattr__(self, verb: str) -> Callable[..., object]:
        async def call(*args: Any, **kwargs: Any) -> object:
            return await getattr(self._store, verb)(*args, **kwargs)

        return lambda *args, **kwargs: asyncio.run(call(*args, **kwargs))

    def __repr__(self) -> str:
        return self._name


@pytest.mark.parametrize("around", OURS.values(), ids=OURS)
def test_errors_are_those_of_the_synchronous_store(around: Around) -> None:
    """Same type, key, store, message, cause and value found, for everything that can go wrong."""
    for what, call in WRONG.items():
        stacks = []
        for inner in (RemoteStore(), RemoteStore()):
            stack = around(inner)
            writable = around(inner) if stack.capabilities.write else PrefixDecorator("", inner)
            writable.put("key", b"value")
            stacks.append(stack)
        assert told(Awaiting(stacks[0]), call) == told(stacks[1], call), what


def test_a_partial_failure_names_the_keys_of_the_caller() -> None:
    """As in the synchronous form, through two decorators."""

    class Failing(RemoteStore):
        def _delete(self, key: str) -> None:
            super()._delete(key)
            if key.endswith("2"):
                raise StoreError("the disk is full", key=key, store=self)

    stack = PrefixDecorator("a-", HMACDecorator(SECRET, Failing()))
    store = BlockingStore(async_store(stack))
    with pytest.raises(PartialFailure) as caught:
        store.delete_many(["key1", "key2", "key3"])
    assert list(caught.value.errors) == ["key2"]
    inside = caught.value.errors["key2"]
    assert isinstance(inside, KvcoreError)
    assert (inside.key, inside.store) == ("key2", repr(stack))


# The library, and the life of the process


def test_greenlet_is_loaded_for_native_stores_only() -> None:
    """`import kvcore` and `AsyncStore` do without; so it need not be installed for them."""
    code = """
import asyncio, sys
import kvcore
from kvcore import AsyncStore, DictStore, async_store
assert asyncio.run(async_store(DictStore({"key": b"value"})).get("key")) == b"value"
assert "greenlet" not in sys.modules
from tests.aio.remote import RemoteStore
async_store(RemoteStore())
assert "greenlet" in sys.modules
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_greenlet_there_are_threads() -> None:
    """The capability says so; who insists on the native form is told what to install."""
    code = """
import sys
sys.modules["greenlet"] = None
import asyncio
from kvcore import AsyncStore, async_store
from kvcore.aio.native import NativeStore, can_wait
from tests.aio.remote import RemoteStore
assert not can_wait()
inner = RemoteStore({"key": b"value"})
store = async_store(inner)
assert type(store) is AsyncStore
assert asyncio.run(store.get("key")) == b"value"
try:
    NativeStore(inner)
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{MissingDependency.__name__} 'greenlet' is not installed: pip install 'kvcore[async]'\n"
    )


def test_forked_children_and_the_end_of_the_interpreter() -> None:
    """Stacks of before a fork work after it; idle ones do not disturb the end."""
    code = """
import asyncio, os
from kvcore import PrefixDecorator, async_store
from tests.aio.remote import RemoteStore
store = async_store(PrefixDecorator("a-", RemoteStore({"a-key": b"value"})))
async def several():
    return await asyncio.gather(*(store.get("key") for _ in range(100)))
assert asyncio.run(several()) == [b"value"] * 100
child = os.fork()
if child == 0:
    os._exit(0 if asyncio.run(several()) == [b"value"] * 100 else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
print("end")
"""
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
