"""Awaited stores without threads: the synchronous code of a stack, waiting in the event loop."""

from kvcore.aio.native.bridge import Bridge as Bridge
from kvcore.aio.native.bridge import can_wait as can_wait
from kvcore.aio.native.bridge import current_bridge as current_bridge
from kvcore.aio.native.store import NativeStore as NativeStore
from kvcore.aio.native.store import async_store as async_store
