"""Listings: fetched in blocks, closed in a thread also when they are left early."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from kvcore import AsyncStore, DictStore, InlineStore, StoreDecorator, StoreError, run_inline
from kvcore.aio.listing import take_block
from tests.aio.gated import Gate


class Listing:
    """An iterator that tells when and where it was closed."""

    def __init__(self, count: int, fails_at: int | None = None) -> None:
        self.count = count
        self.fails_at = fails_at
        self.given = 0
        self.closed_in: list[threading.Thread] = []
        self.asked_in: set[threading.Thread] = set()
        self.asked = 0

    def __iter__(self) -> Iterator[str]:
        self.asked += 1
        return self

    def __next__(self) -> str:
        self.asked_in.add(threading.current_thread())
        if self.given == self.fails_at:
            raise StoreError("the connection broke")
        if self.given == self.count:
            raise StopIteration
        self.given += 1
        return f"key-{self.given}"

    def close(self) -> None:
        self.closed_in.append(threading.current_thread())


class ListingStore(StoreDecorator):
    def __init__(self, listing: Listing, gate: Gate | None = None) -> None:
        super().__init__(DictStore())
        self.listing = listing
        self.gate = gate or Gate("nowhere")

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        """The one listing."""
        with self.gate.passed("iter_keys"):
            return iter(self.listing)


def test_all_is_listed_in_a_few_calls() -> None:
    """Every item once; many items a call; a listing at its end needs no closing."""
    listing = Listing(2500)

    async def main() -> list[str]:
        async with AsyncStore(ListingStore(listing)) as store:
            return [key async for key in store]

    assert asyncio.run(main()) == [f"key-{number}" for number in range(1, 2501)]
    assert listing.asked <= 1 + 3 + 25  # one call each thousand, unless the machine is slow
    assert listing.closed_in == []
    assert threading.current_thread() not in listing.asked_in


def test_what_is_left_early_is_closed_in_a_thread() -> None:
    """Closing may wait for a server, so not in the event loop; no more is read than a block."""
    listing = Listing(5000)

    async def main() -> None:
        async with AsyncStore(ListingStore(listing)) as store:
            keys = store.iter_keys()
            assert await anext(keys) == "key-1"
            assert listing.closed_in == []
            await keys.aclose()
            assert len(listing.closed_in) == 1

    asyncio.run(main())
    assert threading.current_thread() not in listing.closed_in
    assert listing.given <= 1000


def test_a_loop_left_by_break_closes_the_listing() -> None:
    """Nobody has to know of ``aclose``: the event loop sees to it."""
    listing = Listing(5000)

    async def main() -> None:
        async with AsyncStore(ListingStore(listing)) as store:
            async for _ in store:
                break

    asyncio.run(main())
    assert len(listing.closed_in) == 1


def test_a_failing_listing_raises_and_is_closed() -> None:
    """The error comes through after the items before it, or with their block."""
    listing = Listing(5000, fails_at=1500)

    async def main() -> int:
        count = 0
        async with AsyncStore(ListingStore(listing)) as store:
            with pytest.raises(StoreError, match="the connection broke"):
                async for _ in store:
                    count += 1
        return count

    assert asyncio.run(main()) >= 1000
    assert len(listing.closed_in) == 1


def test_a_listing_whose_caller_is_cancelled_as_it_begins_is_closed() -> None:
    """What the store had opened by then is let go."""
    listing, gate = Listing(10), Gate("iter_keys")

    async def main() -> None:
        async with AsyncStore(ListingStore(listing, gate)) as store:
            task = asyncio.ensure_future(anext(store.iter_keys()))
            await gate.awaited()
            task.cancel()
            await asyncio.sleep(0)
            gate.opened.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert len(listing.closed_in) == 1
    assert listing.given == 0


def test_inline_a_listing_left_early_is_closed_at_once() -> None:
    """There is no event loop that would do it later, and one around does not."""
    listing = Listing(5000)

    async def first() -> str:
        async for key in InlineStore(ListingStore(listing)):
            found = key
            break
        return found

    async def in_a_loop() -> str:
        return run_inline(first())

    assert run_inline(first()) == "key-1"
    assert len(listing.closed_in) == 1
    assert asyncio.run(in_a_loop()).startswith("key-")
    assert len(listing.closed_in) == 2


def test_slow_items_are_not_kept_back() -> None:
    """A block ends when its time is over, with what there is; an item is never lost."""
    now = iter([0.0, *(0.02 * number for number in range(1, 100))])
    items = iter("abcdefgh")
    assert take_block(items, lambda: next(now)) == (["a", "b", "c"], True)
    assert take_block(items, lambda: 0.0) == (list("defgh"), False)
    assert take_block(iter(()), lambda: 0.0) == ([], False)
    assert take_block(iter(range(1000)), lambda: 0.0) == (list(range(1000)), True)
