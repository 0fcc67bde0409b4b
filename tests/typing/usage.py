"""Typed usage of the contract, for type checkers: checked by pyright, never run."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, assert_type

from kvcore import (
    FOREVER,
    Capabilities,
    DictStore,
    Fetched,
    KeyExists,
    KeySpace,
    KeyValueStore,
    PreconditionFailed,
    PrefixDecorator,
    PresignedPut,
    Reader,
    Stat,
    Writer,
)


def reading(store: KeyValueStore, path: Path, file: BinaryIO) -> None:
    assert_type(store.get("key"), bytes)
    assert_type(store.fetch("key"), Fetched)
    assert_type(store.fetch("key").stat.etag, str | None)
    assert_type(store.get_range("key", 0, length=10), bytes)
    assert_type(store.get_file("key", path), str)
    assert_type(store.get_file("key", str(path)), str)
    assert_type(store.get_file("key", file), str)
    with store.open("key") as reader:
        assert_type(reader, Reader)
        assert_type(reader.read(10), bytes)
        assert_type(reader.stat, Stat)
    assert_type("key" in store, bool)
    assert_type(store.get_many(["a", "b"]), dict[str, bytes])


def writing(store: KeyValueStore, path: Path) -> None:
    assert_type(store.put("key", b"value"), str)
    store.put("key", bytearray(b"value"), 60)
    store.put("key", memoryview(b"value"), ttl_secs=FOREVER)
    store.put("key", "text")  # pyright: ignore[reportArgumentType] # values are bytes-like
    store.put("key", b"value", if_absent=True, content_type="image/png")
    store.put_file("key", path, move=True)
    store.put_file("key", BytesIO(b"value"))
    store.put_file("key", iter([b"one", b"two"]))
    store.put_many({"a": b"1"})
    store.put_many([("a", b"1")], 60)
    with store.open_write("key") as writer:
        assert_type(writer, Writer)
        assert_type(writer.write(b"value"), int)
    assert_type(store.increment("key", by=2), int)
    store.delete("key", if_match="etag")
    assert_type(store.copy("key", "other", if_absent=True), str)


def listing(store: KeyValueStore) -> None:
    assert_type(store.keys(), list[str])
    assert_type(store.iter_keys("prefix"), Iterator[str])
    assert_type(store.iter_prefixes("/"), Iterator[str])
    for key, stat in store.iter_stats():
        assert_type(key, str)
        assert_type(stat, Stat)


def describing(store: KeyValueStore) -> None:
    assert_type(store.capabilities, Capabilities)
    assert_type(store.keyspace, KeySpace)
    assert_type(store.url_for("key", expires=60), str)
    assert_type(store.url_for("key", method="PUT", sha256=bytes(32), if_absent=True), str)
    assert_type(store.presign_put("key", content_length=5), PresignedPut)
    assert_type(store.presign_post("key", 5).fields, Mapping[str, str])


def refusing(store: KeyValueStore) -> bytes | None:
    try:
        store.put("key", b"value", if_absent=True)
    except KeyExists as error:
        assert_type(error.key, str | None)
        return error.current.data if error.current else None
    except PreconditionFailed as error:
        assert_type(error.current, Fetched | None)
    return None


def stacking() -> None:
    with DictStore() as store:
        assert_type(store, DictStore)
        assert_type(store.with_keys("path"), DictStore)
        a_store: KeyValueStore = PrefixDecorator("media/", store.with_keys("path"))
        reading(a_store, Path("file"), BytesIO())
