"""Which stores are apart: a copy that would feed itself is refused before it begins."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvcore import (
    CopyReport,
    DictStore,
    FilesystemStore,
    HMACDecorator,
    KeyValueStore,
    PrefixDecorator,
    URLEncodeKeysDecorator,
    copy_store,
    store_from_url,
)

Pair = Callable[[DictStore, Path], tuple[KeyValueStore, KeyValueStore]]


def files(path: Path, keys: str = "path") -> FilesystemStore:
    """A store of files."""
    return FilesystemStore(path, keys=keys, durability="atomic")


ONE_PLACE: dict[str, Pair] = {
    "one object": lambda store, _: (store, store),
    "a view": lambda store, _: (store, store.with_keys("path")),
    "one dict's shelf": lambda *_: (
        store_from_url("memory://copy-same"),
        store_from_url("memory://copy-same"),
    ),
    "one folder": lambda _, path: (files(path), files(path, "strict")),
    "one folder, by another way": lambda _, path: (files(path), files(path / "x" / "..")),
    "the same values, signed": lambda store, _: (store, HMACDecorator(b"0" * 32, store)),
    "below one prefix": lambda store, _: (
        PrefixDecorator("a-", store),
        PrefixDecorator("a-", HMACDecorator(b"0" * 32, store)),
    ),
}
INSIDE: dict[str, Pair] = {
    "below a prefix": lambda store, _: (store, PrefixDecorator("copy-", store)),
    "below a longer prefix": lambda store, _: (
        PrefixDecorator("a-", store),
        PrefixDecorator("a-b-", store),
    ),
    "with other names": lambda store, _: (
        PrefixDecorator("a", URLEncodeKeysDecorator(store)),
        PrefixDecorator("abc", URLEncodeKeysDecorator(store)),
    ),
    "a folder in the folder": lambda _, path: (files(path), files(path / "backup")),
}
APART: dict[str, Pair] = {
    "two dicts": lambda *_: (DictStore(), DictStore()),
    "another name": lambda *_: (
        store_from_url("memory://copy-one"),
        store_from_url("memory://copy-two"),
    ),
    "two prefixes": lambda store, _: (PrefixDecorator("a-", store), PrefixDecorator("b-", store)),
    "out of a prefix": lambda store, _: (PrefixDecorator("a-", store), store),
    "a folder beside": lambda _, path: (files(path / "media"), files(path / "media2")),
    "out of a folder": lambda _, path: (files(path / "media"), files(path)),
    "a folder that a flat store does not see": lambda _, path: (
        files(path, "strict"),
        files(path / "backup"),
    ),
}


@pytest.mark.parametrize("pair", ONE_PLACE.values(), ids=ONE_PLACE)
def test_a_copy_onto_itself_is_refused(pair: Pair, tmp_path: Path) -> None:
    """However the two are named and decorated."""
    source, dest = pair(DictStore(), tmp_path)
    with pytest.raises(ValueError, match="are the same"):
        copy_store(source, dest)


@pytest.mark.parametrize("pair", INSIDE.values(), ids=INSIDE)
def test_a_copy_into_itself_is_refused(pair: Pair, tmp_path: Path) -> None:
    """Copies would be listed and copied again, as long as there is room."""
    source, dest = pair(DictStore(), tmp_path)
    with pytest.raises(ValueError, match="without end"):
        copy_store(source, dest)


class Growing(DictStore):
    """Does not know whose place it is; lists what is put meanwhile, as servers do."""

    def _place(self) -> tuple[object, str]:
        return self, ""

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        seen: set[str] = set()
        while new := set(super().iter_keys(prefix)) - seen:
            yield from new
            seen |= new


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_copy_into_itself_that_is_not_seen_does_not_run_away(size: int) -> None:
    """It ends as soon as something that was put turns up in the source."""
    source = Growing({f"{number}": bytes(size) for number in range(500 if size == 1 else 20)})
    dest = PrefixDecorator("copy-", Growing(source.d))

    def check(report: CopyReport) -> None:
        assert report.seen < 10_000

    with pytest.raises(ValueError, match="without end"):
        copy_store(source, dest, on_progress=check)


def test_stores_with_one_kind_of_names_are_copied() -> None:
    """Another place of the same kind is left to be what it is, keys with the prefix included."""
    source = Growing({"key": b"1", "copy-key": b"2", "copy-copy-key": b"3"})
    inner = Growing()
    assert copy_store(source, PrefixDecorator("copy-", inner)).copied == 3
    assert set(inner.d) == {f"copy-{key}" for key in source.d}


@pytest.mark.parametrize("pair", APART.values(), ids=APART)
def test_stores_that_are_apart_are_copied(pair: Pair, tmp_path: Path) -> None:
    """Also within one place, if what is written is not read again."""
    source, dest = pair(DictStore(), tmp_path)
    source.put("key", b"value")
    assert copy_store(source, dest).copied == 1
    assert dest.get("key") == b"value"


def test_a_prefix_may_keep_them_apart() -> None:
    """What is copied begins otherwise than what is written."""
    store = DictStore({"a1": b"1"})
    assert copy_store(store, PrefixDecorator("b-", store), "a").copied == 1
    assert store.d == {"a1": b"1", "b-a1": b"1"}
    with pytest.raises(ValueError, match="without end"):
        copy_store(store, PrefixDecorator("ab-", store), "a")
