"""minimalkv's signed format: the value, then one HMAC over all of it.

Its HMAC key is the store's key and the secret in one row without a length between them, so a value
under ``"ab"`` with the secret ``"c"`` is one under ``"a"`` with ``"bc"``, too.
"""

from __future__ import annotations

import hmac
import io
from collections.abc import Sequence
from typing import IO, cast

from kvcore.contract import Reader
from kvcore.contract.streams import read_blocks, spool, write_all
from kvcore.errors import InvalidKey, VerificationError
from kvcore.signing import HashFunc, check_hashfunc


class LegacyFormat:
    """Signs with the last of ``secrets``, verifies with any."""

    def __init__(self, secrets: Sequence[bytes], hashfunc: HashFunc) -> None:
        self._secrets = tuple(reversed(secrets))
        self._hashfunc = hashfunc
        self._tag_bytes = check_hashfunc(hashfunc)

    def _macs(self, key: str) -> list[hmac.HMAC]:
        """One for each secret, the newest first."""
        try:
            name = key.encode("ascii")
        except UnicodeEncodeError:
            raise InvalidKey("minimalkv's signed format takes ASCII keys only", key=key) from None
        return [hmac.new(name + secret, digestmod=self._hashfunc) for secret in self._secrets]

    def encode(self, key: str, data: bytes) -> bytes:
        """The value and its tag."""
        encoder = self.encoder(key)
        return encoder.feed(data) + encoder.finish()

    def encoder(self, key: str) -> LegacyEncoder:
        """For a value that comes piece by piece."""
        return LegacyEncoder(self._macs(key)[0])

    def decode(self, key: str, data: bytes, store: object) -> bytes:
        """The value without its tag. Raises `VerificationError`."""
        macs = self._macs(key)
        plain, tag = data[: -self._tag_bytes], data[-self._tag_bytes :]
        for mac in macs:
            mac.update(plain)
        self._verify(macs, tag, key, store)
        return plain

    def decoded(self, key: str, inner: Reader, store: object) -> Reader:
        """A reader over a verified copy: the tag comes last, so all is read before."""
        macs = self._macs(key)
        copy = spool()
        try:
            tag = self._copy(inner, copy, macs)
            self._verify(macs, tag, key, store)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        inner.close()
        found = inner.stat._replace(size=self.outer_size(inner.stat.size))
        return Reader(cast("io.RawIOBase", copy), found)

    def _copy(self, inner: Reader, copy: IO[bytes], macs: Sequence[hmac.HMAC]) -> bytes:
        """Copy the value; returns its last bytes, which are the tag."""
        held = b""
        for block in read_blocks(inner):
            held += block
            plain, held = held[: -self._tag_bytes], held[-self._tag_bytes :]
            for mac in macs:
                mac.update(plain)
            write_all(copy, plain)
        return held

    def _verify(self, macs: Sequence[hmac.HMAC], tag: bytes, key: str, store: object) -> None:
        if not any(hmac.compare_digest(mac.digest(), tag) for mac in macs):
            raise VerificationError(
                "the value was changed, cut, put here from another key, signed with a secret that"
                " is not given, or is not in minimalkv's format (legacy=False reads kvcore's own)",
                key=key,
                store=store,
            )

    def outer_size(self, size: int) -> int:
        """The size of the plain value."""
        return max(0, size - self._tag_bytes)


class LegacyEncoder:
    """Hands a stream through and tells its tag at the end."""

    def __init__(self, mac: hmac.HMAC) -> None:
        self._mac = mac

    def feed(self, block: bytes) -> bytes:
        """Take the next bytes and give them back."""
        self._mac.update(block)
        return block

    def finish(self) -> bytes:
        """The tag."""
        return self._mac.digest()
