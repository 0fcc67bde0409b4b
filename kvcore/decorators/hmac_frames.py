"""The signed format, version 1: a value in frames, each with its own tag.

Every byte of it is described in ``docs/formats/hmac.md``.
"""

from __future__ import annotations

import hmac
import io
import os
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kvcore.contract import Reader
from kvcore.errors import VerificationError
from kvcore.signing import HashFunc, check_hashfunc, derive_key

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC = b"\x8aKVH"  # no text begins so, nor any common file format
VERSION = 1
SALT_BYTES = 16
FRAME_BYTES = 64 * 1024
_HEAD = MAGIC + bytes([VERSION])
HEADER_BYTES = len(_HEAD) + SALT_BYTES
_INFO = b"kvcore signed value 1"
_PLACE = struct.Struct(">QBI")  # index of the frame, whether it is the last, length of its data

_CHANGED = (
    "the value was changed, put here from another key, or signed with a secret that is not given"
)
_CUT = "the value was cut"
_FOREIGN = (
    "the value carries no signature of kvcore: it was stored without HMACDecorator, or by"
    " minimalkv, whose values legacy=True reads"
)


def _tag(
    bound: hmac.HMAC, index: int, data: bytes | bytearray | memoryview, *, last: bool
) -> bytes:
    mac = bound.copy()
    mac.update(_PLACE.pack(index, last, len(data)))
    mac.update(data)
    return mac.digest()


def _common(key: str, salt: bytes) -> bytes:
    name = key.encode()
    return len(name).to_bytes(4, "big") + name + salt


def _only_tag(mac: hmac.HMAC, key: str, salt: bytes, data: bytes) -> bytes:
    """The tag of a value of one frame: as `_tag`, with less copying."""
    mac = mac.copy()
    mac.update(_common(key, salt) + _PLACE.pack(0, True, len(data)))  # noqa: FBT003 - a field
    mac.update(data)
    return mac.digest()


class FrameFormat:
    """Signs with the last of ``secrets``, verifies with any; ``random`` gives the salt."""

    def __init__(
        self,
        secrets: Sequence[bytes],
        hashfunc: HashFunc,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._arguments = (secrets, hashfunc, random)
        self._random = random
        self.tag_bytes: int = check_hashfunc(hashfunc)
        newest_first = reversed(secrets)
        self.macs: list[hmac.HMAC] = [
            hmac.new(derive_key(secret, _INFO, hashfunc), digestmod=hashfunc)
            for secret in newest_first
        ]

    def __reduce__(self) -> tuple[Any, ...]:  # running hashes do not pickle
        return FrameFormat, self._arguments

    def bind(self, mac: hmac.HMAC, key: str, salt: bytes) -> hmac.HMAC:
        """A MAC that has taken what the frames of one value have in common."""
        mac = mac.copy()
        mac.update(_common(key, salt))
        return mac

    def encode(self, key: str, data: bytes) -> bytes:
        """The frames of a whole value."""
        if len(data) > FRAME_BYTES:
            encoder = self.encoder(key)
            return encoder.feed(data) + encoder.finish()
        salt = self._random(SALT_BYTES)
        return b"".join((_HEAD, salt, data, _only_tag(self.macs[0], key, salt, data)))

    def encoder(self, key: str) -> FrameEncoder:
        """For a value that comes piece by piece."""
        salt = self._random(SALT_BYTES)
        return FrameEncoder(_HEAD + salt, self.bind(self.macs[0], key, salt))

    def decode(self, key: str, data: bytes, store: object) -> bytes:
        """The value that the frames hold. Raises `VerificationError`."""
        size = len(data) - HEADER_BYTES - self.tag_bytes
        if 0 <= size <= FRAME_BYTES and data.startswith(_HEAD):  # one frame: without the machinery
            salt, plain = data[len(_HEAD) : HEADER_BYTES], data[HEADER_BYTES : -self.tag_bytes]
            tag = data[-self.tag_bytes :]
            for mac in self.macs:
                if hmac.compare_digest(_only_tag(mac, key, salt, plain), tag):
                    return plain
        frames = Frames(self, key, data[:HEADER_BYTES], len(data), store)
        with memoryview(data) as view:
            return b"".join(
                frames.verified(index, view[slice(*frames.span(index))])
                for index in range(frames.count)
            )

    def decoded(self, key: str, inner: Reader, store: object) -> Reader:
        """A reader that gives verified bytes only."""
        found = inner.stat
        frames = Frames(self, key, inner.read(HEADER_BYTES), found.size, store)
        return Reader(FrameReader(frames, inner), found._replace(size=frames.plain_size))

    def outer_size(self, size: int) -> int:
        """The size of the plain value; 0 for sizes that no value has."""
        return max(0, self.layout(size)[1])

    def layout(self, size: int) -> tuple[int, int]:
        """How many frames a stored size means, and how many bytes they hold.

        The latter is negative for sizes that no value has.
        """
        framed = FRAME_BYTES + self.tag_bytes
        body = size - HEADER_BYTES
        count = max(1, -(-body // framed))
        plain = body - count * self.tag_bytes
        if count > 1 and plain <= (count - 1) * FRAME_BYTES:
            return count, -1  # the last frame is never empty, but in an empty value
        return count, plain


class FrameEncoder:
    """Cuts a stream into frames; holds one back, as only the end tells which is the last."""

    def __init__(self, header: bytes, bound: hmac.HMAC) -> None:
        self._header = header
        self._bound = bound
        self._held = bytearray()
        self._index = 0

    def feed(self, block: bytes) -> bytes:
        """Take the next bytes; returns the frames that are full."""
        held = self._held
        held += block
        ready = (len(held) - 1) // FRAME_BYTES * FRAME_BYTES
        if ready <= 0:
            return b""
        out: list[bytes | bytearray] = [self._header]
        self._header = b""
        for start in range(0, ready, FRAME_BYTES):
            data = held[start : start + FRAME_BYTES]
            out += data, _tag(self._bound, self._index, data, last=False)
            self._index += 1
        del held[:ready]
        return b"".join(out)

    def finish(self) -> bytes:
        """The last frame."""
        tag = _tag(self._bound, self._index, self._held, last=True)
        return b"".join((self._header, self._held, tag))


class Frames:
    """The frames of one stored value: where they lie, and whether they are genuine."""

    def __init__(
        self, format_: FrameFormat, key: str, header: bytes, size: int, store: object
    ) -> None:
        self._key = key
        self._store = store
        if not header.startswith(_HEAD) or len(header) < HEADER_BYTES:
            raise self.error(self._why_not(header))
        self.count: int
        self.plain_size: int
        self.count, self.plain_size = format_.layout(size)
        if self.plain_size < 0:
            raise self.error(_CUT)
        salt = header[len(_HEAD) :]
        self._tag_bytes = format_.tag_bytes
        # The first frame that is verified decides which secret it is.
        self._bound = [format_.bind(mac, key, salt) for mac in format_.macs]

    @staticmethod
    def _why_not(header: bytes) -> str:
        if not header.startswith(MAGIC):
            return _FOREIGN
        version = header[len(MAGIC) : len(_HEAD)]
        if version in {b"", _HEAD[-1:]}:
            return _CUT
        return (
            f"the value is in version {version[0]} of the signed format, and this kvcore knows"
            f" version {VERSION} only: a newer kvcore reads it"
        )

    def error(self, why: str) -> VerificationError:
        """To be raised."""
        return VerificationError(why, key=self._key, store=self._store)

    def span(self, index: int) -> tuple[int, int]:
        """Where a frame begins and ends in the stored value."""
        start = HEADER_BYTES + index * (FRAME_BYTES + self._tag_bytes)
        if index < self.count - 1:
            return start, start + FRAME_BYTES + self._tag_bytes
        rest = self.plain_size - index * FRAME_BYTES
        return start, start + rest + self._tag_bytes

    def verified(self, index: int, framed: memoryview) -> memoryview:
        """The data of a frame. Raises `VerificationError`."""
        data, tag = framed[: -self._tag_bytes], framed[-self._tag_bytes :]
        last = index == self.count - 1
        for bound in self._bound:
            if hmac.compare_digest(_tag(bound, index, data, last=last), tag):
                if len(self._bound) > 1:
                    self._bound = [bound]
                return data
        raise self.error(_CHANGED)


class FrameReader(io.RawIOBase):
    """Reads verified frames; fetches those that are asked for.

    The end is a claim, too: it is given only when the last frame is verified.
    """

    def __init__(self, frames: Frames, inner: Reader) -> None:
        super().__init__()
        self._frames = frames
        self._inner = inner
        self._inner_at = HEADER_BYTES
        self._at = 0
        self._index = -1
        self._data = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move; also behind the end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._frames.plain_size}
        if whence not in base:
            raise ValueError(f"whence is 0, 1 or 2, not {whence}")
        if base[whence] + offset < 0:
            raise ValueError("there is nothing before the start of a file")
        self._at = base[whence] + offset
        return self._at

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Verified bytes of one frame; 0 at the end only."""
        view = memoryview(buffer).cast("B")
        block = self._next(len(view))
        view[: len(block)] = block
        return len(block)

    def readall(self) -> bytes:
        """All the rest."""
        blocks = []
        while block := self._next(FRAME_BYTES):
            blocks.append(block)
        return b"".join(blocks)

    def _next(self, size: int) -> memoryview:
        index = min(self._at // FRAME_BYTES, self._frames.count - 1)
        if index != self._index:
            self._load(index)
        start = self._at - index * FRAME_BYTES
        block = self._data[start : start + size]
        self._at += len(block)
        return block

    def _load(self, index: int) -> None:
        start, end = self._frames.span(index)
        if self._inner_at != start:
            self._inner.seek(start)
        self._index = self._inner_at = -1
        framed = memoryview(self._inner.read(end - start))
        self._data = self._frames.verified(index, framed)
        self._index, self._inner_at = index, end

    def close(self) -> None:
        """Close the inner reader, too."""
        try:
            self._inner.close()
        finally:
            super().close()
