"""`open_response`: the plan for a key together with the bytes to send, awaited or not."""

from __future__ import annotations

import io
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

from kvcore.aio import AsyncKeyValueStore, AsyncReader, run_inline
from kvcore.aio.inline import Inline
from kvcore.contract import KeyValueStore, Reader
from kvcore.contract.streams import BLOCK_BYTES
from kvcore.errors import StoreError
from kvcore.mime import HEAD_BYTES
from kvcore.serving.plan import DEFAULTS, Presentation, ResponsePlan, plan_conditions, plan_value


class ResponseBody:
    """The bytes of a plan, block by block; to be closed, read or not.

    ``async for``, or ``await body.read()`` until it gives ``b""``. A value that ends too early is
    a `StoreError`: the connection must break then, as the client was promised more.
    """

    def __init__(self, reader: AsyncReader, length: int, begun: bytes = b"") -> None:
        self._reader = reader
        self._left = length
        self._begun = begun  # what was read already: the first of these bytes

    async def read(self, size: int = BLOCK_BYTES, /) -> bytes:
        """The next bytes, at most ``size`` (256 KiB if negative); ``b""`` after the last."""
        size = min(self._left, BLOCK_BYTES if size < 0 else size)
        if not size:
            return b""
        if self._begun:
            block, self._begun = self._begun[:size], self._begun[size:]
        else:
            block = await self._reader.read(size)
        if not block:
            raise StoreError(f"the value ended {self._left} bytes too early")
        self._left -= len(block)
        if not self._left:
            await self.close()  # not all servers close what they have read to its end
        return block

    async def close(self) -> None:
        """Let go of the value. Twice is no error."""
        await self._reader.close()

    def __aiter__(self) -> ResponseBody:
        return self

    async def __anext__(self) -> bytes:
        block = await self.read()
        if not block:
            raise StopAsyncIteration
        return block


class InlineBody:
    """A `ResponseBody` for synchronous callers: iterate over it or ``read`` it, then ``close()``.

    Where it is the whole of a local file it has a `fileno`, so WSGI servers take it in their
    ``wsgi.file_wrapper`` (PEP 3333), which lets the kernel do the sending.
    """

    def __init__(self, body: ResponseBody, reader: Reader, fd: int | None = None) -> None:
        self._body = body
        self._reader = reader
        self._fd = fd

    def fileno(self) -> int:
        """The descriptor of a file that holds these bytes and no others; it stands at the first.

        Raises ``io.UnsupportedOperation`` for a value that lies elsewhere, and for a part of one:
        servers differ in what they send of a file.
        """
        if self._fd is None:
            raise io.UnsupportedOperation("this body is not the whole of a local file")
        return self._fd

    @property
    def is_file(self) -> bool:
        """Whether there is a `fileno`."""
        return self._fd is not None

    def for_wsgi(self, environ: Mapping[str, Any]) -> Iterable[bytes]:
        """What to give to a WSGI server: its file wrapper around this, or this."""
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is None or not self.is_file:
            return self
        wrapped: Iterable[bytes] = wrapper(self, BLOCK_BYTES)
        return wrapped

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size`` (256 KiB if negative); ``b""`` after the last."""
        return run_inline(self._body.read(size))

    def __iter__(self) -> InlineBody:
        return self

    def __next__(self) -> bytes:
        block = run_inline(self._body.read())
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """Let go of the value. Twice is no error."""
        self._reader.close()


def wsgi_headers(environ: Mapping[str, Any]) -> Callable[[str], str | None]:
    """Looks up a request header in a WSGI environ (PEP 3333), or Django's ``request.META``.

    >>> wsgi_headers({"HTTP_IF_RANGE": '"x"'})("If-Range")
    '"x"'
    """
    return lambda name: environ.get(_wsgi_name(name))


@lru_cache(64)
def _wsgi_name(name: str) -> str:
    return f"HTTP_{name.upper().replace('-', '_')}"


async def open_response(
    store: AsyncKeyValueStore,
    key: str,
    method: str,
    header: Callable[[str], str | None],
    shown: Presentation = DEFAULTS,
) -> tuple[ResponsePlan, ResponseBody | None]:
    """The plan for a key and its body, ``None`` where there is none to send (HEAD, 304, 412, 416).

    Raises `KeyNotFound`, and `InvalidKey` for what cannot be a key: both mean 404.
    """
    reader = await store.open(key)
    # What will be sent anyway is read at once: a small value takes one call, not three.
    ahead = method == "GET" and header("Range") is None
    return await _answer(
        reader,
        method,
        header,
        partial(reader.read, BLOCK_BYTES if ahead else HEAD_BYTES),
        _named(key, shown),
        ahead=ahead,
    )


def open_response_inline(
    store: KeyValueStore,
    key: str,
    method: str,
    header: Callable[[str], str | None],
    shown: Presentation = DEFAULTS,
) -> tuple[ResponsePlan, InlineBody | None]:
    """`open_response` for synchronous callers."""
    reader = store.open(key)
    awaited = AsyncReader(Inline(), reader)
    file = _local_file(reader)
    plan, body = run_inline(
        _answer(
            awaited,
            method,
            header,
            partial(awaited.read, HEAD_BYTES) if file is None else partial(_head_of, file),
            _named(key, shown),
            ahead=False,
        )
    )
    if body is None:
        return plan, None
    is_whole = plan.length == reader.stat.size
    return plan, InlineBody(body, reader, file.fileno() if file and is_whole else None)


async def _answer(
    reader: AsyncReader,
    method: str,
    header: Callable[[str], str | None],
    read_head: Callable[[], Awaitable[bytes]],
    shown: Presentation,
    *,
    ahead: bool,
) -> tuple[ResponsePlan, ResponseBody | None]:
    try:
        plan = plan_conditions(method, header, reader.stat, shown)
        if plan is None:
            head = await read_head()
            plan = plan_value(method, header, reader.stat, head[:HEAD_BYTES], shown)
            if plan.length and ahead:
                if len(head) == plan.length:
                    await reader.close()  # all is here
                return plan, ResponseBody(reader, plan.length, head)
            if plan.length:
                await reader.seek(plan.start)
                return plan, ResponseBody(reader, plan.length)
    except BaseException:
        await reader.close()
        raise
    await reader.close()
    return plan, None


def _named(key: str, shown: Presentation) -> Presentation:
    return shown if shown.filename is not None else shown._replace(filename=key.rpartition("/")[2])


def _local_file(reader: Reader) -> io.FileIO | None:
    """The file that ``reader`` reads; ``None`` if it gives other bytes than those of a file."""
    file = reader.raw
    if not isinstance(file, io.FileIO):
        return None
    from kvcore.backends.filesystem.files import regular_descriptor  # imports the whole backend

    fd = regular_descriptor(reader)
    return None if fd is None or os.fstat(fd).st_size != reader.stat.size else file


async def _head_of(file: io.FileIO) -> bytes:
    """The first bytes of a file that stays at its start.

    Its reader would read as much as its buffer holds, sixteen times what is needed.
    """
    head = bytearray(HEAD_BYTES)
    size = file.readinto(head)
    file.seek(0)
    return bytes(head[:size])
