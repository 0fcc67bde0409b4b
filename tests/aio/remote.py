"""A store in memory that is reached by awaiting something, as a server is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from kvcore import DictStore
from kvcore.aio.native import can_wait, current_bridge


async def at_once() -> None:
    """Answer the next time that the event loop comes round."""
    await asyncio.sleep(0)


class Server:
    """Answers when it is told to; ``waiting`` calls have not got theirs."""

    def __init__(self) -> None:
        self.waiting = 0
        self.answers = asyncio.Event()
        self.asked = asyncio.Condition()

    async def __call__(self) -> None:
        self.waiting += 1
        try:
            async with self.asked:
                self.asked.notify_all()
            await self.answers.wait()
        finally:
            self.waiting -= 1

    async def has(self, calls: int) -> None:
        """Wait until so many calls wait at once."""
        async with asyncio.timeout(60), self.asked:
            await self.asked.wait_for(lambda: self.waiting == calls)


class RemoteStore(DictStore):
    """Every hook waits for an answer first: in the event loop if there is one, else not at all.

    It notes the names of the hooks that were called: ``awaited``, ``blocking`` an event loop, or
    where there is none (``elsewhere``).
    """

    _declared = DictStore._declared._replace(native_async=can_wait())

    def __init__(
        self, *args: Any, answer: Callable[[], Awaitable[None]] = at_once, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.answer = answer
        self.awaited: list[str] = []
        self.blocking: list[str] = []
        self.elsewhere: list[str] = []

    def _travel(self, hook: str) -> None:
        bridge = current_bridge()
        if bridge is not None:
            self.awaited.append(hook)
            bridge.wait(self.answer())
        elif _is_in_event_loop():
            self.blocking.append(hook)
        else:
            self.elsewhere.append(hook)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """Wait before the first key and after the last, as a server lists in pages."""
        self._travel("iter_keys")
        yield from super().iter_keys(prefix)
        self._travel("iter_keys")

    def _close(self) -> None:
        self._travel("_close")


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _travelling(name: str) -> Callable[..., Any]:
    def hook(self: RemoteStore, *args: Any, **kwargs: Any) -> Any:
        self._travel(name)
        return getattr(DictStore, name)(self, *args, **kwargs)

    return hook


for _name in (
    *("_open", "_get", "_fetch", "_get_range", "_has_key", "_stat"),
    *("_put", "_delete", "_delete_if_match", "_copy", "_move", "_touch", "_increment"),
):
    setattr(RemoteStore, _name, _travelling(_name))
