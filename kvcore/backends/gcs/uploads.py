"""Writing: a value by one request while it is small, in parts when it is large.

Parts go to a resumable upload, which nobody sees before its last part is there:
https://cloud.google.com/storage/docs/performing-resumable-uploads. Its address is a secret, and
its own: what was sent twice is there once, so a lost answer never leaves a doubt. An upload that is
not ended is taken back; one that could not be is forgotten by the service after a week.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from kvcore.backends.gcs import errors
from kvcore.backends.gcs.media import Crc32c
from kvcore.backends.gcs.objects import Blob, Json, Response, Timeout
from kvcore.backends.gcs.outcomes import Refused, generation_of
from kvcore.contract import WriteOptions, Writer
from kvcore.errors import KeyExists, PreconditionFailed, StoreError

if TYPE_CHECKING:
    from kvcore.backends.gcs.link import Link

MARK = "kvcore-put"
"""What a put under a condition is known by afterwards, in the metadata of its object."""
_RANGE = re.compile(r"bytes=0-(\d+)")
_MORE = 308
_CANCELLED = 499


class Target(NamedTuple):
    """Where a value goes, and how."""

    link: Link
    store: object
    key: str
    name: str
    options: WriteOptions
    content_type: str
    acl: str | None
    properties: Mapping[str, str]
    """Attributes of the ``Blob``."""
    metadata: Mapping[str, str]
    part_size: int

    def put(self, data: bytes) -> None:
        """Store a small value, by one request."""
        conditions = self.conditions()
        mark = os.urandom(12).hex() if conditions else None

        def work(timeout: Timeout) -> None:
            blob = self.blob(mark)
            blob.upload_from_string(
                data,
                content_type=self.content_type,
                predefined_acl=self.acl,
                timeout=timeout,
                retry=None,
                **conditions,
            )
            if blob.generation is None:  # this tells of no object
                raise ValueError("generation")

        try:
            self.link.ask(self.key, self.store, work)
        except Refused as refusal:
            if refusal.is_missing or not refusal.unclear:
                raise self.refused(refusal) from refusal.error
            if not self._is_there(mark):
                raise StoreError(
                    "the answer to a write was lost, and another value is there now: whether it"
                    " was written before ours or after is not known",
                    key=self.key,
                    store=self.store,
                ) from refusal.error

    def put_blocks(self, blocks: Iterable[bytes | memoryview]) -> None:
        """Store a value that comes in blocks, whole or not at all."""
        upload = Upload(self)
        try:
            for block in blocks:
                upload.feed(block)
            upload.finish()
        except BaseException:
            upload.cancel()
            raise

    def writer(self) -> Writer:
        """A writer that sends parts as they come."""
        return UploadWriter(self)

    def conditions(self) -> dict[str, int]:
        """The condition in the service's words.

        https://cloud.google.com/storage/docs/request-preconditions
        """
        options = self.options
        if options.if_absent:
            return {"if_generation_match": 0}
        if options.if_present:
            return {"if_generation_not_match": 0}
        if options.if_match is not None:
            generation = generation_of(options.if_match, self.key, self.store)
            return {"if_generation_match": generation}
        return {}

    def blob(self, mark: str | None = None) -> Blob:
        """The object, with what is to be kept beside it."""
        blob = self.link.blob(self.name)
        blob.content_type = self.content_type
        for name, value in self.properties.items():
            setattr(blob, name, value)
        if mark is not None or self.metadata:
            blob.metadata = {**self.metadata, **({} if mark is None else {MARK: mark})}
        return blob

    def refused(self, refusal: Refused) -> Exception:
        """The error for what the service refuses."""
        if refusal.is_missing:  # the bucket: an object need not be there to be written
            return errors.told(refusal.error, self.key, self.store)
        kind = KeyExists if self.options.if_absent else PreconditionFailed
        return kind(key=self.key, store=self.store)

    def _is_there(self, mark: str | None) -> bool:
        """Whether the value that stands in the way was put by the try whose answer was lost."""

        def work(timeout: Timeout) -> Mapping[str, str]:
            blob = self.link.blob(self.name)
            blob.reload(timeout=timeout, retry=None)
            return blob.metadata or {}

        try:
            return self.link.ask(self.key, self.store, work).get(MARK) == mark
        except Refused:  # gone by now
            return False


class Upload:
    """A value that comes in blocks. Use it in one thread at a time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._blocks: list[bytes | memoryview] = []
        self._held = 0
        self._sent = 0
        self._url: str | None = None
        self._crc = Crc32c()

    def feed(self, block: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._blocks.append(block)
        self._held += len(block)
        while self._held > self._target.part_size:  # something is left for the last part
            self._send(self._take(self._target.part_size), is_last=False)

    def finish(self) -> None:
        """Publish the value."""
        data = self._take(self._held)
        if self._url is None:
            self._target.put(data)
        else:
            self._check(self._send(data, is_last=True))

    def cancel(self) -> None:
        """Take the upload back."""
        self._blocks.clear()
        url, self._url = self._url, None
        if url is None:
            return
        link = self._target.link
        try:
            link.call(lambda timeout: link.send("DELETE", url, timeout, allowed=(_CANCELLED,)))
        except Refused:
            pass  # it is gone
        except errors.ALL:
            pass  # the service forgets it in a week, unseen

    def _take(self, size: int) -> bytes:
        """The next ``size`` bytes of those that are held."""
        taken: list[bytes | memoryview] = []
        left = size
        while left:
            block = self._blocks.pop(0)
            if len(block) > left:
                view = memoryview(block)
                self._blocks.insert(0, view[left:])
                block = view[:left]
            taken.append(block)
            left -= len(block)
        self._held -= size
        return b"".join(taken)

    def _send(self, data: bytes, *, is_last: bool) -> Json:
        """Send a part, as often as it takes; returns what the service tells of a whole object."""
        target = self._target
        try:
            if self._url is None:
                self._url = target.link.ask(target.key, target.store, self._begin)
            self._crc.update(data)
            part = _Part(self._url, data, self._sent, self._crc.text() if is_last else None)
            found = target.link.ask(
                target.key, target.store, lambda timeout: part.send(target.link, timeout)
            )
        except Refused as refusal:
            if refusal.is_missing and self._url is not None:
                raise StoreError(
                    "the service has forgotten the upload: try again",
                    key=target.key,
                    store=target.store,
                ) from refusal.error
            raise target.refused(refusal) from refusal.error
        self._sent += len(data)
        return found

    def _begin(self, timeout: Timeout) -> str:
        url: str = self._target.blob().create_resumable_upload_session(
            content_type=self._target.content_type,
            predefined_acl=self._target.acl,
            timeout=timeout,
            retry=None,
            **self._target.conditions(),
        )
        return url

    def _check(self, found: Mapping[str, Any]) -> None:
        """Compare what is stored with what was sent."""
        target, told = self._target, {"size": str(self._sent), "crc32c": self._crc.text()}
        self._url = None
        wrong = [name for name, ours in told.items() if found.get(name, ours) != ours]
        if not wrong:
            return
        generation = generation_of(str(found.get("generation")), target.key, target.store)

        def remove(timeout: Timeout) -> None:
            blob = target.link.blob(target.name)
            blob.delete(if_generation_match=generation, timeout=timeout, retry=None)

        try:
            target.link.ask(target.key, target.store, remove)
        except Refused:
            pass  # it is replaced already
        raise StoreError(
            f"what was stored is not what was sent (its {' and '.join(wrong)}), and was removed",
            key=target.key,
            store=target.store,
        )


class _Part:
    """One part of an upload, and how much of it the service has."""

    def __init__(self, url: str, data: bytes, start: int, checksum: str | None) -> None:
        self._url = url
        self._data = data
        self._start = start
        self._checksum = checksum
        """Of the whole value, for the last part."""
        self._there = 0
        self._is_unsure = False

    def send(self, link: Link, timeout: Timeout) -> Json:
        """Send what the service does not have yet; returns what it tells of a whole object."""
        size = len(self._data)
        while True:
            asks_only, self._is_unsure = self._is_unsure, True  # until there is an answer
            if asks_only:
                response = self._put(link, timeout, f"*/{self._total}", b"")
            else:
                first, last = self._start + self._there, self._start + size - 1
                content_range = f"{first}-{last}/{self._total}"
                response = self._put(link, timeout, content_range, self._data[self._there :])
            if response.status_code != _MORE:
                found = response.json()
                if self._checksum is None or "generation" not in found:
                    raise ValueError("the upload ended too early")
                return found
            before, self._there = self._there, self._end(response) - self._start
            self._is_unsure = False
            if self._there == size and self._checksum is None:
                return None
            if not before <= self._there < size or (self._there == before and not asks_only):
                raise ValueError("the upload does not go on")

    @property
    def _total(self) -> str:
        return "*" if self._checksum is None else str(self._start + len(self._data))

    def _put(self, link: Link, timeout: Timeout, content_range: str, data: bytes) -> Response:
        headers = {"Content-Range": f"bytes {content_range}"}
        if self._checksum is not None and data:
            headers["X-Goog-Hash"] = f"crc32c={self._checksum}"
        return link.send("PUT", self._url, timeout, headers=headers, data=data, allowed=(_MORE,))

    @staticmethod
    def _end(response: Response) -> int:
        """How many bytes of the whole value the service has."""
        header = response.headers.get("Range")
        if header is None:
            return 0
        found = _RANGE.fullmatch(header)
        if found is None:
            raise ValueError("Range")
        return int(found[1]) + 1


class UploadWriter(Writer):
    """A writer that sends parts as they come."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.key)
        self._upload = Upload(target)

    def _write(self, block: bytes) -> None:
        self._upload.feed(block)

    def _commit(self, key: str) -> None:
        try:
            self._upload.finish()
        except BaseException:
            self._upload.cancel()
            raise

    def _abort(self) -> None:
        self._upload.cancel()
