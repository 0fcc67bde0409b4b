"""Listings of a store as async generators: many items a call."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import ParamSpec, TypeVar

from kvcore.aio.driver import Driver

_P = ParamSpec("_P")
_T = TypeVar("_T")

_BLOCK_ITEMS = 1000
_BLOCK_SECS = 0.05  # where an item is slow, it is not kept waiting for a thousand others


async def iterate(
    driver: Driver, listing: Callable[_P, Iterator[_T]], *args: _P.args, **kwargs: _P.kwargs
) -> AsyncGenerator[_T, None]:
    """The items of ``listing(*args)``; the iterator is closed also when it is left early."""
    items = await driver.acquire(_close, listing, *args, **kwargs)
    more = True
    try:
        while more:
            block, more = await driver.run(take_block, items)
            for item in block:
                yield item
    finally:
        if more:
            await driver.finish(_close, items)


def take_block(
    items: Iterator[_T], clock: Callable[[], float] = time.monotonic
) -> tuple[list[_T], bool]:
    """The next items, and whether there may be more."""
    block = []
    until = clock() + _BLOCK_SECS
    for item in items:
        block.append(item)
        if len(block) == _BLOCK_ITEMS or clock() >= until:
            return block, True
    return block, False


def _close(items: Iterator[object]) -> None:
    close = getattr(items, "close", None)  # generators have it, plain iterators need it not
    if close is not None:
        close()
