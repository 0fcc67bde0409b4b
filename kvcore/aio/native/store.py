"""`async_store`: the awaited form of a store, without threads where its stack needs none."""

from __future__ import annotations

from kvcore.aio.native.bridge import can_wait
from kvcore.aio.store import AsyncKeyValueStore, AsyncStore
from kvcore.aio.threads import Threads
from kvcore.contract import KeyValueStore
from kvcore.errors import MissingDependency


def async_store(
    store: KeyValueStore | AsyncKeyValueStore, *, threads: int = 32
) -> AsyncKeyValueStore:
    """The awaited form of a store: without threads where all of its stack can, else `AsyncStore`.

    ``store.capabilities.native_async`` tells which. An awaited store is returned as it is.

    >>> from kvcore import DictStore
    >>> async_store(DictStore())
    <AsyncStore on <DictStore memory://>>
    """
    if isinstance(store, AsyncKeyValueStore):
        return store
    if isinstance(store, KeyValueStore) and store.capabilities.native_async:
        return NativeStore(store, threads=threads)
    return AsyncStore(store, threads=threads)


class NativeStore(AsyncKeyValueStore):
    """A store with an async client, and all that stands around it, in the event loop's own thread.

    A cancellation is raised where the call waits for its client; a cancelled ``put`` may have
    taken effect. Only a file of the caller that is not awaited is read or written in one of at
    most ``threads`` worker threads, with the synchronous client.
    """

    def __init__(self, store: KeyValueStore, *, threads: int = 32) -> None:
        if not can_wait():
            raise MissingDependency("'greenlet' is not installed: pip install 'kvcore[async]'")
        from kvcore.aio.native.greenlets import Greenlets

        super().__init__(store, Greenlets(), Threads(threads))
