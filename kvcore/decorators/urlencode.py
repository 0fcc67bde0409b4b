"""`URLEncodeKeysDecorator`: any text as key, percent-encoded inside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote_plus, unquote_plus

from kvcore.contract import KeyValueStore
from kvcore.decorators.keys import KeyTransformingDecorator
from kvcore.keys import KeySpace, MappedKeySpace
from kvcore.recipe import DecoratorRecipe

_STAYS = re.compile(r"[A-Za-z0-9_.\-~]*").fullmatch
_HEX_DIGITS = frozenset("0123456789ABCDEF")


def encode_key(key: str) -> str:
    """``quote_plus`` of the UTF-8, as minimalkv does it."""
    # surrogatepass: a listing may ask for a prefix that no key begins with.
    return key if _STAYS(key) else quote_plus(key, errors="surrogatepass")


class URLEncodeKeysDecorator(KeyTransformingDecorator):
    """Takes any text as key (but lone surrogates) and keeps it as ``quote_plus`` writes it.

    What is no legal key even then is `InvalidKey`: too long (a character may take 12 inside),
    ``"."``, ``".."``, reserved names. Inner keys that nobody writes this way are not seen.

    >>> from kvcore import DictStore
    >>> store = DictStore()
    >>> URLEncodeKeysDecorator(store).put("Füße: 2 paar", b"1")
    'Füße: 2 paar'
    >>> store.keys()
    ['F%C3%BC%C3%9Fe%3A+2+paar']
    """

    _recipe = DecoratorRecipe()
    _native_async = True

    def __init__(self, store: KeyValueStore) -> None:
        super().__init__(store)

    def _outer_space(self, inside: KeySpace) -> KeySpace:
        return MappedKeySpace(inside, encode_key, None)

    def _map_key(self, key: str) -> str:
        return encode_key(key)

    def _map_key_prefix(self, key_prefix: str) -> str:
        # Character by character: the code of a prefix is the prefix of the codes.
        return encode_key(key_prefix)

    def _unmap_key(self, key: str) -> str:
        return unquote_plus(key)

    def _filter(self, key: str) -> bool:
        return encode_key(unquote_plus(key)) == key

    def _iter_prefixes(self, delimiter: str, prefix: str) -> Iterator[str]:
        """From the inner store's own, where it cuts at the same places.

        A directory that holds only inner keys that are not ours is shown, too.
        """
        inner_delimiter = encode_key(delimiter)
        if inner_delimiter[0] in _HEX_DIGITS:  # it could cut inside a code: "2" in "%2F"
            yield from super()._iter_prefixes(delimiter, prefix)
            return
        inner = self._inner.iter_prefixes(inner_delimiter, encode_key(prefix))
        for name in self._retelling(inner):
            if self._filter(name):
                yield self._unmap_key(name)
