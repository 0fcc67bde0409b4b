"""How values come into the bucket: in one request while small, else in parts.

Parts go in parallel, memory is bounded, and whatever goes wrong nothing is published and no part
stays behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TYPE_CHECKING, NamedTuple

from kvcore.backends.objects import type_of_key
from kvcore.backends.s3.bodies import Body, Region, region_of
from kvcore.backends.s3.errors import failures, is_missing, said, told
from kvcore.backends.s3.objects import Answer
from kvcore.backends.s3.parts import MOST_PARTS, Upload
from kvcore.backends.s3.providers import COMPLETE
from kvcore.backends.s3.reading import etag_of
from kvcore.backends.s3.urls import MIB, MOST_PUT_BYTES
from kvcore.contract import WriteOptions, Writer
from kvcore.contract.streams import copy_blocks, read_blocks, spool
from kvcore.errors import PreconditionFailed, StoreError, Unsupported

if TYPE_CHECKING:
    from kvcore.backends.s3.store import S3Store

PART_BYTES = 5 * MIB  # the least there is: with a few of them in memory a stream stays small
LARGE_PART_BYTES = 64 * MIB  # of what need not be in memory
THRESHOLD_BYTES = 16 * MIB
CONCURRENCY = 8

AT_ONCE_BYTES = 256 * 1024  # what may go out within one time-out of the socket
_BUFFERED_BYTES = 10 * MIB  # of parts in memory that are on their way, besides the one being filled
_PARTS_PER_SIZE = 2_500  # then a stream without a known end goes on in parts of twice the size
_FEWEST_PARTS = 4  # each is a request more; a few of them use a line better than one
_PRESENT_TRIES = 10
_UNKNOWN_TYPE = "application/octet-stream"


class Sizes(NamedTuple):
    """When and how values are cut into parts."""

    threshold: int
    part: int
    concurrency: int
    equal: bool
    """All parts but the last must have one size."""
    largest_part: int
    """Of a value whose size is known."""

    def part_of(self, size: int) -> int:
        """Bytes of a part of a value whose size is known."""
        part = min(-(-size // _FEWEST_PARTS), self.largest_part)
        return max(part, self.part, -(-size // MOST_PARTS))

    def next_part(self, number: int) -> int:
        """Bytes of the next part of a stream, after ``number`` of them."""
        return self.part if self.equal else self.part << (number // _PARTS_PER_SIZE)

    @property
    def buffers(self) -> int:
        """How many parts of a stream may be on their way."""
        return max(1, min(self.concurrency, _BUFFERED_BYTES // self.part))


class Put:
    """One value on its way to a key: with what, and on which condition."""

    def __init__(self, store: S3Store, key: str, options: WriteOptions) -> None:
        self.store = store
        self.key = key
        self.options = options
        self.sizes: Sizes = store._sizes

    @property
    def only_whole(self) -> bool:
        """Whether the service decides the condition in a single request only."""
        return self.options.conditional and COMPLETE not in self.store._conditions.decided

    def params(self) -> dict[str, Answer]:
        """Where it goes and with what."""
        store, key, wanted = self.store, self.key, self.options.content_type
        if wanted is None or not wanted.isascii():  # advice; a header is ASCII
            wanted = type_of_key(key) or _UNKNOWN_TYPE
        return {
            "Bucket": store._bucket,
            "Key": store._prefix + key,
            "ContentType": wanted,
            **store._put_params,
        }

    def whole(self, body: bytes | Body) -> None:
        """Send it in one request."""
        params = self.params()

        def send(conditions: dict[str, Answer]) -> None:
            if isinstance(body, Body):
                body.seek(0)
            try:
                answer = self.store._client().put_object(**params, Body=body, **conditions)
            except failures() as error:
                raise self.told(error, body) from error
            said(answer, "ETag", self.key, self.store)

        self.on_condition(send)

    def on_condition(self, send: Callable[[dict[str, Answer]], None]) -> None:
        """Send what publishes the value, with the condition that was asked for."""
        options, conditions = self.options, self.store._conditions
        if not options.if_present:
            try:
                asked = conditions.of_put(options)
            except PreconditionFailed as error:
                error.seen_from(self.store, self.key)
                raise
            send(asked)
            return
        # No service knows "replace only" by itself: replace the version that is there.
        for _ in range(_PRESENT_TRIES):
            found = self.store._head(self.key)
            etag = None if found is None else etag_of(found)
            if etag is None:
                raise PreconditionFailed(key=self.key, store=self.store)
            try:
                send({"IfMatch": conditions.matching(etag)})
            except PreconditionFailed:
                continue
            return
        raise StoreError(
            f"other writers replaced the value {_PRESENT_TRIES} times; try again later",
            key=self.key,
            store=self.store,
        )

    def told(self, error: Exception, body: object = None) -> BaseException:
        """What to raise for an error of the client."""
        own = getattr(body, "error", None)
        if own is not None:  # the caller's file
            return own  # type: ignore[no-any-return]  # of a Body
        if is_missing(error) and self.options.conditional:  # if_match, and there is nothing
            return PreconditionFailed(key=self.key, store=self.store)
        if is_missing(error):
            return StoreError(f"the service failed: {error}", key=self.key, store=self.store)
        return told(error, self.key, self.store, creating=self.options.if_absent)


def put_bytes(put: Put, data: bytes) -> None:
    """Store a value that is in memory."""
    size, sizes = len(data), put.sizes
    if size <= AT_ONCE_BYTES:
        put.whole(data)
    elif size <= sizes.threshold or _goes_whole(put, size):
        put.whole(Body.of_buffers([data], size))
    else:
        view, part = memoryview(data), sizes.part_of(size)

        def body(offset: int, length: int, halted: Callable[[], bool]) -> Body:
            return Body.of_buffers([view[offset : offset + length]], length, halted)  # type: ignore[list-item]  # any buffer

        _put_parts(put, size, part, body)


def put_file(put: Put, file: IO[bytes]) -> None:
    """Store the rest of a file or stream."""
    region = region_of(file)
    if region is not None:
        _put_region(put, region)
        file.seek(region.start + region.size)  # as if it had been read
    elif put.only_whole:
        with spool() as copy:
            size = copy_blocks(file, copy)
            copy.seek(0)
            region = region_of(copy)
            if region is None:
                copy.seek(0)
                put_bytes(put, copy.read(size))
            else:
                _put_region(put, region)
    else:
        feed = Feed(put)
        try:
            for block in read_blocks(file):
                feed.write(block)
            feed.commit()
        except BaseException as error:
            feed.abort(error)
            raise


def _put_region(put: Put, region: Region) -> None:
    size = region.size
    if size <= put.sizes.threshold or _goes_whole(put, size):
        body = region.body(0, size)
        put.whole(body.read() if size <= AT_ONCE_BYTES else body)
    else:
        _put_parts(put, size, put.sizes.part_of(size), region.body)


def _goes_whole(put: Put, size: int) -> bool:
    """Whether it must go in one request, and can."""
    if not put.only_whole:
        return False
    if size > MOST_PUT_BYTES:
        raise Unsupported(
            f"this service decides conditions in single requests only, and such a request has at"
            f" most {MOST_PUT_BYTES} bytes",
            key=put.key,
            store=put.store,
        )
    return True


def _put_parts(
    put: Put, size: int, part: int, body: Callable[[int, int, Callable[[], bool]], Body]
) -> None:
    upload = Upload(put, put.params(), put.sizes.concurrency)
    try:
        for offset in range(0, size, part):
            upload.send("upload_part", Body=body(offset, min(part, size - offset), upload.halted))
        upload.complete()
    except BaseException as error:
        upload.abort(error)
        raise


class Feed:
    """A value that comes in blocks: collected while it is small, then sent in parts."""

    def __init__(self, put: Put) -> None:
        self.put = put
        self._buffers: list[bytearray] = []
        self._size = 0
        self._sent = 0
        self.upload: Upload | None = None

    def write(self, block: bytes) -> None:
        """Take some bytes."""
        sizes, view = self.put.sizes, memoryview(block)
        self._size += len(view)
        while view:
            part = sizes.next_part(self._sent)
            if not self._buffers or len(self._buffers[-1]) >= part:
                self._buffers.append(bytearray())
            room = part - len(self._buffers[-1])
            self._buffers[-1] += view[:room]
            view = view[room:]
            if self.upload is None and self._size > sizes.threshold:
                self.upload = Upload(self.put, self.put.params(), sizes.buffers)
            if self.upload is not None:
                self._send_but(1)

    def _send_but(self, kept: int) -> None:
        while self.upload is not None and len(self._buffers) > kept:
            buffer = self._buffers.pop(0)
            self._sent += 1
            body = Body.of_buffers([buffer], len(buffer), self.upload.halted)
            self.upload.send("upload_part", Body=body)

    def commit(self) -> None:
        """Publish what came."""
        if self.upload is not None:
            self._send_but(0)
            self.upload.complete()
        elif self._size <= AT_ONCE_BYTES:
            self.put.whole(b"".join(self._buffers))
        else:
            self.put.whole(Body.of_buffers(self._buffers, self.put.sizes.part))

    def abort(self, reason: BaseException | None = None) -> None:
        """Forget what came."""
        self._buffers.clear()
        if self.upload is not None:
            self.upload.abort(reason)


class PartWriter(Writer):
    """What ``open_write`` gives."""

    def __init__(self, put: Put) -> None:
        super().__init__(put.key)
        self._feed = Feed(put)

    def _write(self, block: bytes) -> None:
        self._feed.write(block)

    def _commit(self, key: str) -> None:
        feed = self._feed
        try:
            if key != feed.put.key:
                if feed.upload is not None:
                    raise ValueError(f"this writer is at work for the key {feed.put.key!r} already")
                feed.put.key = key
            feed.commit()
        except BaseException as error:
            feed.abort(error)
            raise

    def _abort(self) -> None:
        self._feed.abort()
