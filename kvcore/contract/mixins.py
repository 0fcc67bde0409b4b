"""The seed's mixins: each says in one word what a store can do besides.

They are kept for readers and code that come from minimalkv; all they do is declare capabilities.
"""

from __future__ import annotations

from kvcore.contract.store import KeyValueStore


class TimeToLiveMixin(KeyValueStore):
    """Values can expire: ``ttl_secs`` takes numbers, ``default_ttl_secs`` holds the default."""

    _brings = {"ttl": True}


class CopyMixin(KeyValueStore):
    """``copy`` and ``move`` happen inside the store; write ``_copy`` and ``_move``."""

    _brings = {"copy": True}


class UrlMixin(KeyValueStore):
    """``url_for`` makes URLs for GET; write ``_url_for(key, options)``."""

    _brings = {"url_methods": frozenset({"GET"})}


class UrlKeyValueStore(UrlMixin):
    """The seed's older name for a store with `UrlMixin`."""
