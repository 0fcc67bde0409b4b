"""The bytes that are sent for a value: those of its plan, in blocks, and nothing is left open."""

import asyncio
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kvcore import (
    AsyncStore,
    DictStore,
    FilesystemStore,
    HMACDecorator,
    KeyNotFound,
    KeyValueStore,
    PrefixDecorator,
    Reader,
    StoreError,
)
from kvcore.serving import ResponsePlan, open_response, open_response_inline

PNG = b"\x89PNG\r\n\x1a\n" + b"." * 92


class Watched(DictStore):
    """Remembers what was opened, and may promise more than there is."""

    def __init__(self, data: bytes, excess: int = 0) -> None:
        super().__init__({"key": data})
        self.opened: list[Reader] = []
        self._excess = excess

    def _open(self, key: str) -> Reader:
        reader = super()._open(key)
        reader.stat = reader.stat._replace(size=reader.stat.size + self._excess)
        self.opened.append(reader)
        return reader


def test_a_body_gives_the_bytes_of_its_plan_and_closes_itself() -> None:
    """In blocks of a bounded size; read to its end, nothing is open, whether closed or not."""
    store = Watched(PNG * 10_000)
    asked = {"Range": "bytes=10-900000"}
    plan, body = open_response_inline(store, "key", "GET", asked.get)
    assert body is not None
    blocks = list(body)
    assert b"".join(blocks) == (PNG * 10_000)[10:900_001]
    assert len(b"".join(blocks)) == plan.length
    assert max(map(len, blocks)) <= 256 * 1024
    assert store.opened[0].closed
    body.close()


@pytest.mark.parametrize(("method", "asked"), [("HEAD", {}), ("GET", {"Range": "bytes=9999-"})])
def test_without_a_body_nothing_stays_open(method: str, asked: dict[str, str]) -> None:
    """HEAD, 304, 412 and 416 read the first bytes at most."""
    store = Watched(PNG)
    _, body = open_response_inline(store, "key", method, asked.get)
    assert body is None
    assert store.opened[0].closed


def test_what_is_unchanged_is_not_read() -> None:
    """A 304 costs no byte of the value: a store on the network would have to fetch it."""

    class Unread(Watched):
        def _open(self, key: str) -> Reader:
            reader = super()._open(key)
            reader.read = None  # type: ignore[assignment,method-assign]  # fails if it is called
            return reader

    store = Unread(PNG)
    plan, body = open_response_inline(store, "key", "GET", {"If-None-Match": "*"}.get)
    assert (plan.status, body) == (304, None)
    assert store.opened[0].closed


def test_a_failure_leaves_nothing_open() -> None:
    """A header that cannot be read, a key that is not there, a value that ends too early."""
    store = Watched(PNG, excess=1)

    def broken(name: str) -> str | None:
        raise ZeroDivisionError(name)

    with pytest.raises(ZeroDivisionError):
        open_response_inline(store, "key", "GET", broken)
    with pytest.raises(KeyNotFound):
        open_response_inline(store, "nope", "GET", {}.get)
    _, body = open_response_inline(store, "key", "GET", {}.get)
    assert body is not None
    with pytest.raises(StoreError, match="1 bytes too early"):
        list(body)
    body.close()
    assert all(reader.closed for reader in store.opened)


def test_a_local_file_is_handed_over(tmp_path: Path) -> None:
    """A server may have the kernel send it: a descriptor at the first byte, of all bytes."""
    data = PNG * 5000
    with FilesystemStore(tmp_path) as store:
        store.put("key", data)
        _, body = open_response_inline(PrefixDecorator("k", store), "ey", "GET", {}.get)
    assert body is not None
    assert body.is_file
    assert os.lseek(body.fileno(), 0, os.SEEK_CUR) == 0
    assert os.pread(body.fileno(), len(data) + 1, 0) == data
    assert body.fileno() == body.fileno()
    assert b"".join(iter(lambda: body.read(10_000), b"")) == data  # servers may read it, too
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(body.fileno())  # closed, as is every body that was read


@pytest.mark.parametrize(
    ("decorated", "asked"),
    [
        (lambda store: store, {"Range": "bytes=1-"}),
        (lambda store: store, {"Range": "bytes=0-98"}),
        (lambda store: HMACDecorator(b"secret" * 6, store), {}),
        (lambda _: DictStore({"key": PNG}), {}),
    ],
)
def test_what_is_not_the_whole_of_a_file_is_not_handed_over(
    tmp_path: Path, decorated: Callable[[KeyValueStore], KeyValueStore], asked: dict[str, str]
) -> None:
    """Servers differ in what part of a file they send; and a file may hold other bytes."""
    with FilesystemStore(tmp_path) as local:
        store = decorated(local)
        store.put("key", PNG)
        plan, body = open_response_inline(store, "key", "GET", asked.get)
    assert body is not None
    assert not body.is_file
    with pytest.raises(io.UnsupportedOperation):
        body.fileno()
    assert b"".join(body) == PNG[plan.start :][: plan.length]


@pytest.mark.parametrize("size", [1, 100, 4096, 4097, 262_144, 262_145, 600_000])
@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-"}, {"Range": "bytes=1-500000"}])
def test_an_awaited_body_gives_the_same_bytes(size: int, asked: dict[str, str]) -> None:
    """Whether they were read ahead or not; and then nothing is open."""
    store = Watched((PNG * 6000)[:size])

    async def read() -> tuple[ResponsePlan, list[bytes]]:
        async with AsyncStore(store) as awaited:
            plan, body = await open_response(awaited, "key", "GET", asked.get)
            return plan, [] if body is None else [block async for block in body]

    plan, blocks = asyncio.run(read())
    assert b"".join(blocks) == (PNG * 6000)[plan.start : plan.start + plan.length]
    assert max(map(len, blocks), default=0) <= 256 * 1024
    assert store.opened[0].closed


def test_a_small_value_is_closed_before_it_is_sent() -> None:
    """A client that reads it slowly holds nothing open."""
    store = Watched(PNG)

    async def ask() -> bytes:
        async with AsyncStore(store) as awaited:
            _, body = await open_response(awaited, "key", "GET", {}.get)
            assert body is not None
            assert store.opened[0].closed
            return await body.read()

    assert asyncio.run(ask()) == PNG
