"""`HMACDecorator`: values that nobody without the secret can change unnoticed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from kvcore.contract import Capabilities, KeyValueStore, Reader
from kvcore.decorators.hmac_frames import FrameFormat
from kvcore.decorators.hmac_legacy import LegacyFormat
from kvcore.decorators.values import Encoder, ValueTransformingDecorator
from kvcore.recipe import HASHFUNC, DecoratorRecipe, Option, boolean, secret_bytes
from kvcore.signing import HashFunc, Secret, check_secrets


class HMACDecorator(ValueTransformingDecorator):
    """Signs every value together with its key; gives out verified bytes only.

    ``secret_key`` is a secret or a list of them, oldest to newest: the newest signs, all verify.
    Values that were changed, cut, extended or put under another key raise `VerificationError`
    before a byte of them is given out; streams and ranges verify the blocks of 64 KiB that they
    touch, and the end of a value before they tell that it is the end.

    Not protected: who can write to the store can delete values, put back an older value of the
    same key, and change sizes in ``stat`` and listings, expiry and content type. Keys are bound as
    they are here, so put a `PrefixDecorator` outside. The values can be read by everybody who can
    read the store.

    ``legacy=True`` reads and writes minimalkv's format, and nothing else; a stream is then read
    whole into a temporary file before it is given out.

    >>> from kvcore import DictStore
    >>> inner = DictStore()
    >>> signed = HMACDecorator(["last year's secret", "a secret of 32 random bytes"], inner)
    >>> signed.put("balance", b"100")
    'balance'
    >>> signed.get("balance"), signed.stat("balance").size
    (b'100', 3)
    >>> inner.put("account", inner.get("balance"))
    'account'
    >>> signed.get("account")
    Traceback (most recent call last):
        ...
    kvcore.errors.VerificationError: the value was changed, put here from another key, or ...
    """

    _recipe = DecoratorRecipe(
        options={
            "hashfunc": HASHFUNC,
            "legacy": Option(boolean, "`true`: minimalkv's format (default `false`)"),
            "secret_key": Option(
                secret_bytes,
                "signs; a list, oldest to newest, rotates it",
                secret=True,
                many=True,
                required=True,
            ),
        },
        main="secret_key",
    )
    _native_async = True

    def __init__(
        self,
        secret_key: Secret | Sequence[Secret],
        store: KeyValueStore,
        hashfunc: HashFunc = hashlib.sha256,
        *,
        legacy: bool = False,
    ) -> None:
        secrets = check_secrets(secret_key)
        self._format: FrameFormat | LegacyFormat
        self._format = (LegacyFormat if legacy else FrameFormat)(secrets, hashfunc)
        super().__init__(store)

    @property
    def capabilities(self) -> Capabilities:
        """What the whole stack can do; copies pass through here to be signed anew."""
        can = super().capabilities
        if can.pinned_reads and isinstance(self._format, LegacyFormat):
            return can._replace(pinned_reads=False)
        return can

    def _encode(self, key: str, data: bytes) -> bytes:
        return self._format.encode(key, data)

    def _encoder(self, key: str) -> Encoder:
        return self._format.encoder(key)

    def _decode(self, key: str, data: bytes) -> bytes:
        return self._format.decode(key, data, self)

    def _decoded(self, key: str, inner: Reader) -> Reader:
        return self._format.decoded(key, inner, self)

    def _outer_size(self, size: int) -> int:
        return self._format.outer_size(size)
