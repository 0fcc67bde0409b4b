"""What goes wrong in a listing is told in the words of the store that was asked."""

from collections.abc import Callable, Iterator

import pytest

from kvcore import (
    DictStore,
    KeyValueStore,
    PrefixDecorator,
    ReadOnlyDecorator,
    StoreDecorator,
    StoreError,
    URLEncodeKeysDecorator,
)

LISTINGS: dict[str, Callable[[KeyValueStore], Iterator[object]]] = {
    "iter": iter,
    "prefixes": lambda store: store.iter_prefixes("-"),
    "stats": lambda store: store.iter_stats(),
    "sizes": lambda store: store._iter_sizes(""),
}
WRAPS: dict[str, Callable[[KeyValueStore], KeyValueStore]] = {
    "plain": StoreDecorator,
    "readonly": ReadOnlyDecorator,
    "urlencode": URLEncodeKeysDecorator,
    "prefix": lambda store: PrefixDecorator("in/side-", store),
    "prefixes": lambda store: PrefixDecorator("side-", PrefixDecorator("in/", store)),
}


class Breaking(DictStore):
    """Its listings break off behind the first key."""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        yield f"{prefix}a"
        raise StoreError("the disk is gone", key=f"{prefix}b", store=self)


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("wrap", WRAPS)
def test_the_error_names_the_outer_store_and_key(wrap: str, listing: str) -> None:
    """An error in the middle of a listing names our key and store, not those inside."""
    inner = Breaking(keys="path")
    inner.put("a", b"")
    inner.put("in/side-a", b"")
    store = WRAPS[wrap](inner)
    with pytest.raises(StoreError) as failure:
        list(LISTINGS[listing](store))
    assert failure.value.store == repr(store)
    assert failure.value.key == "b"
