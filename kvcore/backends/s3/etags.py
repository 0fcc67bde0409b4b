"""What etag a value gets: as a rule a hash of it, by which it is known again without being read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from kvcore.contract import Stat

if TYPE_CHECKING:
    from kvcore.backends.s3.uploading import Sizes


class EtagHash:
    """The etags that a value of ``size`` bytes may get, from its bytes: a `Fingerprint`.

    In one request: its MD5. In parts, those of a stream or those of a value of known size: the MD5
    of the MD5s of its parts, and their number. Not so where the service encrypts with a key of the
    customer
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html): then nothing matches.

    >>> from kvcore.backends.s3.uploading import Sizes
    >>> hash_ = EtagHash(5, Sizes(threshold=10, part=5, concurrency=1, equal=False, largest_part=5))
    >>> hash_.update(b"hello")
    >>> hash_.is_of(Stat(5, etag="5d41402abc4b2a76b9719d911017c592"))
    True
    """

    def __init__(self, size: int, sizes: Sizes) -> None:
        self._whole = _md5() if size <= sizes.threshold else None
        self._parts = [_Parts(sizes.next_part)] if size > sizes.part else []
        if size > sizes.threshold:
            part = sizes.part_of(size)
            self._parts.append(_Parts(lambda _number: part))

    def update(self, block: bytes, /) -> None:
        """Take the next bytes."""
        if self._whole is not None:
            self._whole.update(block)
        for parts in self._parts:
            parts.update(block)

    def is_of(self, stat: Stat, /) -> bool:
        """Whether the etag is one of these bytes."""
        return stat.etag in {
            *([] if self._whole is None else [self._whole.hexdigest()]),
            *(parts.etag() for parts in self._parts),
        }


class _Parts:
    def __init__(self, part_bytes: Callable[[int], int]) -> None:
        self._part_bytes = part_bytes
        self._digests: list[bytes] = []
        self._begin()

    def _begin(self) -> None:
        self._part, self._left = _md5(), self._part_bytes(len(self._digests))

    def update(self, block: bytes) -> None:
        view = memoryview(block)
        while len(view):
            if not self._left:
                self._digests.append(self._part.digest())
                self._begin()
            self._part.update(view[: self._left])
            view, self._left = view[self._left :], max(self._left - len(view), 0)

    def etag(self) -> str:
        digests = [*self._digests, self._part.digest()]
        whole = _md5()
        for digest in digests:
            whole.update(digest)
        return f"{whole.hexdigest()}-{len(digests)}"


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
