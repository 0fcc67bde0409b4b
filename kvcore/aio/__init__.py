"""The contract for asyncio, and logic that is written once for both worlds."""

from kvcore.aio.driver import Driver as Driver
from kvcore.aio.inline import run_inline as run_inline
from kvcore.aio.native import async_store as async_store
from kvcore.aio.sources import AsyncReadable as AsyncReadable
from kvcore.aio.sources import AsyncSource as AsyncSource
from kvcore.aio.sources import AsyncWritable as AsyncWritable
from kvcore.aio.store import AsyncKeyValueStore as AsyncKeyValueStore
from kvcore.aio.store import AsyncStore as AsyncStore
from kvcore.aio.store import InlineStore as InlineStore
from kvcore.aio.streams import AsyncReader as AsyncReader
from kvcore.aio.streams import AsyncWriter as AsyncWriter
from kvcore.aio.threads import Threads as Threads
