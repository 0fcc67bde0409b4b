"""`ValueTransformingDecorator`: the values outside are others than those inside."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import IO, Protocol

from kvcore.contract import (
    PLAIN,
    Capabilities,
    Fetched,
    KeyValueStore,
    Path,
    PostOptions,
    PresignedPost,
    PresignedPut,
    Reader,
    Stat,
    UrlOptions,
    WriteOptions,
    Writer,
)
from kvcore.contract.streams import copy_blocks, read_blocks
from kvcore.decorators.base import InnerWriter, StoreDecorator
from kvcore.errors import KvcoreError, PreconditionFailed, Unsupported, VerificationError
from kvcore.ttl import TtlSecs

# What is encoded at a time: a little less than the 256 KiB that stores read at a time, so that
# a block grown by its encoding is still one block.
_BLOCK_BYTES = 192 * 1024
_WHOLE_BYTES = 1024 * 1024  # longer values are encoded piece by piece


class Encoder(Protocol):
    """Encodes one value that comes piece by piece."""

    def feed(self, block: bytes) -> bytes:
        """Take the next bytes; returns what is ready, maybe nothing."""
        ...

    def finish(self) -> bytes:
        """The rest, after the last ``feed``."""
        ...


class ValueTransformingDecorator(StoreDecorator):
    """Encodes every value on its way in and decodes it on its way out.

    Subclasses write `_encoder`, `_decode`, `_decoded` and `_outer_size`; the encoding may depend
    on the key. What the inner store would do with the bytes that it has (copies, URLs, local files,
    counting) is done here or not at all. Values stream in bounded memory, if the encoding does.
    """

    _native_async = True

    @abstractmethod
    def _encoder(self, key: str) -> Encoder:
        """An encoder for a value under this key."""

    @abstractmethod
    def _decode(self, key: str, data: bytes) -> bytes:
        """The outer value of a whole inner one."""

    @abstractmethod
    def _decoded(self, key: str, inner: Reader) -> Reader:
        """A reader of the outer value, which closes ``inner``."""

    @abstractmethod
    def _outer_size(self, size: int) -> int:
        """The size of the outer value whose inner one has this size."""

    def _encode(self, key: str, data: bytes) -> bytes:
        """The inner value of a whole outer one."""
        encoder = self._encoder(key)
        return encoder.feed(data) + encoder.finish()

    @property
    def capabilities(self) -> Capabilities:
        """What the whole stack can do, less what goes past the encoding."""
        return _without_bytes(super().capabilities)

    def _encoded(self, key: str, file: IO[bytes]) -> Iterator[bytes]:
        encoder = self._encoder(key)
        for block in read_blocks(file, _BLOCK_BYTES):
            yield encoder.feed(block)
        yield encoder.finish()

    def _outer_fetched(self, key: str, inner: Fetched) -> Fetched:
        data = self._decode(key, inner.data)
        return Fetched(data, inner.stat._replace(size=len(data)))

    def _retell(self, error: KvcoreError) -> None:
        """Decode the value found instead; one that does not verify is shown to nobody."""
        inside = self._comes_from_inside(error)
        super()._retell(error)
        if not inside or not isinstance(error, PreconditionFailed):
            return
        if error.current is not None and error.key is not None:
            try:
                error.current = self._outer_fetched(error.key, error.current)
            except VerificationError:
                error.current = None

    # Reading

    def _open(self, key: str) -> Reader:
        inner = super()._open(key)
        try:
            return self._decoded(key, inner)
        except BaseException:
            inner.close()
            raise

    def _get(self, key: str) -> bytes:
        return self._decode(key, super()._get(key))

    def _fetch(self, key: str) -> Fetched:
        return self._outer_fetched(key, super()._fetch(key))

    def _get_range(self, key: str, start: int, length: int | None) -> bytes:
        with self._open(key) as reader:
            # Behind the end a read is still made: the codec may have to verify the end.
            rest = max(reader.stat.size - start, 1)
            reader.seek(start)
            return reader.read(rest if length is None else min(length, rest))

    def _get_file(self, key: str, file: IO[bytes]) -> None:
        with self._open(key) as reader:
            copy_blocks(reader, file)

    def _get_filename(self, key: str, path: str) -> None:
        KeyValueStore._get_filename(self, key, path)

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        found = super()._get_many(keys)
        return {key: self._decode(key, data) for key, data in found.items()}

    def _fetch_many(self, keys: Iterable[str]) -> dict[str, Fetched]:
        found = super()._fetch_many(keys)
        return {key: self._outer_fetched(key, fetched) for key, fetched in found.items()}

    def _stat(self, key: str) -> Stat:
        found = super()._stat(key)
        return found._replace(size=self._outer_size(found.size))

    def _iter_stats(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._outer_stats(super()._iter_stats(prefix))

    def _iter_sizes(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        return self._outer_stats(super()._iter_sizes(prefix))

    def _fingerprint(self, size: int) -> None:
        return None  # what is stored are other bytes

    def _etag_of(self, data: bytes) -> None:
        return None

    def _outer_stats(self, stats: Iterable[tuple[str, Stat]]) -> Iterator[tuple[str, Stat]]:
        for key, found in stats:
            yield key, found._replace(size=self._outer_size(found.size))

    # Writing

    def _put(self, key: str, data: bytes, options: WriteOptions = PLAIN) -> None:
        if len(data) > _WHOLE_BYTES:
            self._put_file(key, io.BytesIO(data), options)
        else:
            super()._put(key, self._encode(key, data), options)

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions = PLAIN) -> None:
        self._through(self._inner._checked_put_file, key, self._encoded(key, file), options)

    def _put_filename(self, key: str, path: Path, options: WriteOptions = PLAIN) -> None:
        with open(path, "rb", buffering=0) as file:
            self._put_file(key, file, options)

    def _move_filename(self, key: str, path: str, options: WriteOptions) -> None:
        KeyValueStore._move_filename(self, key, path, options)

    def _open_write(self, key: str | None, options: WriteOptions) -> Writer:
        if key is None:  # the encoding may depend on it
            return KeyValueStore._open_write(self, None, options)
        encoder = self._encoder(key)
        inner = self._through(self._inner._checked_open_write, key, options)
        return _EncodingWriter(self, key, encoder, inner)

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        encoded = {key: self._encode(key, data) for key, data in items.items()}
        super()._put_many(encoded, options)

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        super()._put_each(
            {key: (self._encode(key, data), options) for key, (data, options) in items.items()}
        )

    def _copy(self, source: str, dest: str, *, if_absent: bool) -> None:
        KeyValueStore._copy(self, source, dest, if_absent=if_absent)

    def _move(self, source: str, dest: str, *, if_absent: bool) -> None:
        KeyValueStore._move(self, source, dest, if_absent=if_absent)

    # What would show the inner bytes, or let others bring bytes that are not encoded

    def _increment(self, key: str, by: int, ttl_secs: TtlSecs) -> int:
        raise Unsupported("values are encoded here, and no counters", key=key, store=self)

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return KeyValueStore._url_for(self, key, options)

    def _presign_put(self, key: str, options: UrlOptions) -> PresignedPut:
        return KeyValueStore._presign_put(self, key, options)

    def _presign_post(self, key: str, options: PostOptions) -> PresignedPost:
        return KeyValueStore._presign_post(self, key, options)

    def _local_path(self, key: str) -> str:
        return KeyValueStore._local_path(self, key)


@cache
def _without_bytes(inside: Capabilities) -> Capabilities:
    return inside._replace(
        copy=False,
        url_methods=frozenset(),
        url_options=frozenset(),
        presign_post=False,
        local_path=False,
    )


class _EncodingWriter(InnerWriter):
    """A writer of the inner store that gets what the encoder makes."""

    def __init__(
        self, store: ValueTransformingDecorator, key: str, encoder: Encoder, inner: Writer
    ) -> None:
        super().__init__(store, key, inner)
        self._encoded_for = key
        self._encoder = encoder

    def _write(self, block: bytes) -> None:
        for start in range(0, len(block), _BLOCK_BYTES):
            super()._write(self._encoder.feed(block[start : start + _BLOCK_BYTES]))

    def _commit(self, key: str) -> None:
        try:
            if key != self._encoded_for:
                raise ValueError(
                    f"what was written is encoded for the key {self._encoded_for!r};"
                    " a writer here cannot change its key"
                )
            super()._write(self._encoder.finish())
            super()._commit(key)
        finally:
            self._inner.abort()
