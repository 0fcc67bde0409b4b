"""`PrefixDecorator`: a part of a store, as a store of its own."""

from __future__ import annotations

from collections.abc import Iterator

from kvcore.contract import KeyValueStore
from kvcore.decorators.keys import KeyTransformingDecorator
from kvcore.errors import KvcoreError
from kvcore.keys import KeySpace, MappedKeySpace
from kvcore.recipe import DecoratorRecipe, Option, text


class _Prepend(str):
    """The mapping of a prefix: a text that goes before others (and compares and pickles)."""

    __slots__ = ()

    def __call__(self, key: str) -> str:
        return self + key


class PrefixDecorator(KeyTransformingDecorator):
    """Puts ``prefix``, as it stands, before every key; sees no other keys.

    Raises `InvalidKey` at once for a prefix that makes no legal key inside.

    >>> from kvcore import DictStore
    >>> store = DictStore()
    >>> PrefixDecorator("cache-", store).put("a", b"1")
    'a'
    >>> store.keys()
    ['cache-a']
    """

    _recipe = DecoratorRecipe(
        options={"prefix": Option(text, "goes before every key", required=True)}, main="prefix"
    )
    _native_async = True

    def __init__(self, prefix: str, store: KeyValueStore) -> None:
        self.prefix = prefix
        super().__init__(store)

    def _outer_space(self, inside: KeySpace) -> KeySpace:
        inside.check(self.prefix + "a")
        return MappedKeySpace(inside, _Prepend(self.prefix), inside.outside)

    def _map_key(self, key: str) -> str:
        return self.prefix + key

    def _get(self, key: str) -> bytes:
        try:  # as the base, without a call: the one verb where it shows
            return self._inner.get(self.prefix + key)
        except KvcoreError as error:
            self._retell(error)
            raise

    def _map_key_prefix(self, key_prefix: str) -> str:
        return self.prefix + key_prefix

    def _unmap_key(self, key: str) -> str:
        return key[len(self.prefix) :]

    def _filter(self, key: str) -> bool:
        return key.startswith(self.prefix)

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        # The inner store cuts where we would: what is before the cut is the same.
        legal = self._keyspace
        inner = self._inner.iter_prefixes(delimiter, self.prefix + prefix)
        for name in self._retelling(inner):
            outer = self._unmap_key(name)
            if outer in legal or (outer.endswith(delimiter) and f"{outer}a" in legal):
                yield outer

    def _arguments(self) -> str:
        return f"{self.prefix!r} "
