"""The verbs of `kvcore.contract.addresses`, awaited."""

from __future__ import annotations

from kvcore.aio.driver import Driver
from kvcore.contract import KeyValueStore, PresignedPost, PresignedPut


class AsyncAddressVerbs:
    """A part of `AsyncKeyValueStore`, which see."""

    _store: KeyValueStore
    _driver: Driver

    async def url_for(
        self,
        key: str,
        expires: float | None = None,
        method: str = "GET",
        filename: str | None = None,
        content_type: str | None = None,
        *,
        content_length: int | None = None,
        sha256: str | bytes | None = None,
        if_absent: bool = False,
        public: bool = False,
    ) -> str:
        """A URL that lets whoever has it do one thing with one key.

        Raises ``ValueError`` for options that do not go together, `Unsupported`.
        """
        return await self._driver.run(
            self._store.url_for,
            key,
            expires,
            method,
            filename,
            content_type,
            content_length=content_length,
            sha256=sha256,
            if_absent=if_absent,
            public=public,
        )

    async def presign_put(
        self,
        key: str,
        expires: float | None = None,
        content_type: str | None = None,
        *,
        content_length: int | None = None,
        sha256: str | bytes | None = None,
        if_absent: bool = False,
    ) -> PresignedPut:
        """A URL to put one value to, and the headers that the request needs.

        Raises ``ValueError``, `ReadOnly`, `Unsupported`.
        """
        return await self._driver.run(
            self._store.presign_put,
            key,
            expires,
            content_type,
            content_length=content_length,
            sha256=sha256,
            if_absent=if_absent,
        )

    async def presign_post(
        self,
        key: str,
        max_bytes: int,
        content_type: str | None = None,
        expires: float | None = None,
    ) -> PresignedPost:
        """What a browser's form needs to upload one value under this key. Raises `Unsupported`."""
        return await self._driver.run(
            self._store.presign_post, key, max_bytes, content_type, expires
        )

    async def local_path(self, key: str) -> str:
        """The path of the file that holds the value. Raises `KeyNotFound`, `Unsupported`."""
        return await self._driver.run(self._store.local_path, key)
