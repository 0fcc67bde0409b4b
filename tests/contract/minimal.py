"""Stores that leave all that they may to the defaults."""

import io
from collections.abc import Iterator
from typing import IO

from kvcore import (
    Capabilities,
    DictStore,
    KeyNotFound,
    KeyValueStore,
    Reader,
    StoreError,
    Unsupported,
    WriteOptions,
)
from kvcore.ttl import TtlSecs


class FourMethods(KeyValueStore):
    """Exactly what minimalkv asks of a store."""

    def __init__(self) -> None:
        self.d: dict[str, bytes] = {}

    def _open(self, key: str) -> IO[bytes]:
        if key not in self.d:
            raise KeyNotFound(key=key, store=self)
        return io.BytesIO(self.d[key])

    def _put_file(self, key: str, file: IO[bytes]) -> None:
        self.d[key] = file.read()

    def _delete(self, key: str) -> None:
        self.d.pop(key, None)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return iter(
            [key for key in list(self.d) if key.startswith(prefix) and key in self.keyspace]
        )


class Small(FourMethods):
    """Values of 1,000 bytes at most, and no listing: much as memcached is."""

    _declared = Capabilities(list=False)
    limit = 1000

    def _put_file(self, key: str, file: IO[bytes]) -> None:
        data = b""
        while block := file.read(self.limit):
            data += block
            if len(data) > self.limit:
                raise StoreError(f"a value has at most {self.limit} bytes", key=key, store=self)
        self.d[key] = data

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        raise Unsupported("this store cannot list", store=self)


class EveryOption(KeyValueStore):
    """Conditions, time to live and content type in the fewest hooks; the rest is the defaults'."""

    _declared = DictStore._declared._replace(copy=False, pinned_reads=False, fast=False)

    def __init__(self, inner: DictStore) -> None:
        self._kept = inner
        self._use_keyspace(inner.keyspace)

    def _open(self, key: str) -> Reader:
        try:
            return self._kept.open(key)
        except KeyNotFound as error:
            raise KeyNotFound(key=key, store=self) from error

    def _put_file(self, key: str, file: IO[bytes], options: WriteOptions) -> None:
        self._kept._put_file(key, file, options)

    def _delete(self, key: str) -> None:
        self._kept.delete(key)

    def _delete_if_match(self, key: str, etag: str) -> None:
        self._kept._delete_if_match(key, etag)

    def _touch(self, key: str, ttl_secs: TtlSecs) -> None:
        self._kept._touch(key, ttl_secs)

    def iter_keys(self, prefix: str = "") -> Iterator[str]:
        return self._kept.iter_keys(prefix)

    def __repr__(self) -> str:
        return f"<EveryOption in {self._kept!r}>"
